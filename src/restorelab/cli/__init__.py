"""The command line: one file for each command; heavy packages are imported late."""
