"""Other people's methods: the frozen inputs go out as files, what a method made of them comes in and is measured."""
