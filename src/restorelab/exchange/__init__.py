"""Methods of other programs: the fixed test inputs are exported as files, and their outputs are measured."""
