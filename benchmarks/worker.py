"""What every benchmark process needs: a run in a throwaway folder, through the framework's own front door."""

import io
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any


class Terminal(io.StringIO):
    """A terminal that nobody looks at: the progress bar is drawn, and lost."""

    def isatty(self) -> bool:
        """Say yes."""
        return True

    def write(self, text: str) -> int:
        """Forget."""
        return len(text)


@contextmanager
def terminal() -> Iterator[None]:
    """Let standard error be a terminal, so that the bar is on wherever the benchmark runs."""
    before, sys.stderr = sys.stderr, Terminal()
    try:
        yield
    finally:
        sys.stderr = before


def run(overrides: Sequence[str], folder: Path, callback: dict[str, Any] | None = None) -> Any:
    """Compose and execute one run as train.py does, with one more callback; gives its outcome."""
    from restorelab.config import composition, trust
    from restorelab.training import execute

    settings = composition.compose([*overrides, f"run_dir={folder}"])
    if callback:
        trust.note([callback])  # it is not in what was composed
        settings["callbacks"] = {**settings["callbacks"], "benchmark": callback}
    with terminal():
        return execute.execute(settings)
