"""One run: the task, its Trainer, callbacks and loggers, from a resolved config to a folder with a result."""
