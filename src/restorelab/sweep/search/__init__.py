"""Hyperparameter search: which values to try next, and what became of the earlier ones. Nothing here runs anything."""

from restorelab.sweep.search.search import Search
from restorelab.sweep.search.trial import Row, Trial

__all__ = ["Row", "Search", "Trial"]
