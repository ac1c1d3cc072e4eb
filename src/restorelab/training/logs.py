"""What a run says: our messages plainly on stderr; of the packages only what is wrong."""

import logging
import sys
import warnings


class _Plain(logging.Handler):
    """The bare message on what stderr is now: a StreamHandler would keep the one it met first."""

    def emit(self, record: logging.LogRecord) -> None:
        print(self.format(record), file=sys.stderr)


def set_up(level: int = logging.INFO) -> None:
    """Our messages plainly on stderr; of the packages only what is wrong."""
    root = logging.getLogger("restorelab")
    root.setLevel(level)
    if not root.handlers:
        root.addHandler(_Plain())
        root.propagate = False
    for name in ("lightning.pytorch", "lightning.fabric", "lightning.pytorch.utilities.rank_zero"):
        logging.getLogger(name).setLevel(logging.WARNING)
    warnings.filterwarnings("ignore", message=".*does not have many workers.*")
    warnings.filterwarnings("ignore", message=".*`self.log\\(.*sync_dist=True.*")  # we reduce the sums ourselves
    warnings.filterwarnings("ignore", message=".*isinstance\\(treespec, LeafSpec\\).*")  # lightning with torch 2.13
