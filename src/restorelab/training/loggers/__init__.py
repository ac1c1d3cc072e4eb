"""Loggers: where a run is shown in addition to its own folder."""
