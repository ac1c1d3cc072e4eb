"""Many runs from one command: parse the request, plan the runs, execute them."""
