"""The command line: one file a verb; heavy packages are imported late."""
