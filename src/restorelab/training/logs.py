"""What a run logs: the messages of restorelab on stderr, and only warnings and errors of Lightning."""

import logging
import sys
import warnings
from collections.abc import Mapping
from typing import Any


class _Plain(logging.Handler):
    """Print the bare message to the current `sys.stderr`; a StreamHandler would keep the stream of its creation."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


def set_up(level: int = logging.INFO) -> None:
    """Print messages of restorelab from `level` on to stderr, and only warnings and errors of Lightning."""
    root = logging.getLogger("restorelab")
    root.setLevel(level)
    if not root.handlers:
        root.addHandler(_Plain())
        root.propagate = False
    logging.getLogger("restorelab.data").setLevel(logging.NOTSET)  # a sweep's page sets it higher
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*`self.log\\(.*sync_dist=True.*")  # we reduce the sums ourselves
    warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")  # lightning with torch 2.13


def set_up_for(settings: Mapping[str, Any], rank: int) -> None:
    """Set up the messages of one rank of a run: details with `verbose=true`; only warnings where the rank is not 0."""
    if rank > 0:
        set_up(logging.WARNING)
    else:
        set_up(logging.DEBUG if settings.get("verbose") else logging.INFO)
