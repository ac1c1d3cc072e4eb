"""Hyperparameter search: choose values to try, record the results. Nothing here executes a run."""

from restorelab.sweep.search.search import Search
from restorelab.sweep.search.trial import Row, Trial

__all__ = ["Row", "Search", "Trial"]
