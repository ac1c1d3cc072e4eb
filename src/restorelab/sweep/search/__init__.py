"""Hyperparameter search: choose values to try, record the results. Nothing here executes a run."""

from restorelab.sweep.search.search import Row, Search, Trial

__all__ = ["Row", "Search", "Trial"]
