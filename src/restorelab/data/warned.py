"""Collect the warnings of image libraries while they decode, instead of printing them.

Pillow warns through `warnings` and tifffile through `logging`, both about files that they cannot read correctly.
"""

import logging
import threading
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, TextIO

from PIL import Image

_lock = threading.Lock()
_depth = 0
_filters: Any = None
_pixels: int | None = None


class _Thread(threading.local):
    messages: list[str] | None = None


_thread = _Thread()


@contextmanager
def quiet() -> Iterator[None]:
    """Suppress Pillow's warnings and lift its pixel limit, in all threads at once; `heard` collects the warnings.

    `warnings.catch_warnings` saves and restores a global list, so overlapping threads would undo one another. Here the
    first thread to enter saves the list and the last one to leave restores it.
    """
    global _depth, _filters, _pixels  # noqa: PLW0603
    with _lock:
        if _depth == 0:
            _filters = warnings.catch_warnings()
            _filters.__enter__()
            _pixels, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # data.max_megapixels is the limit here
            warnings.filterwarnings("always", module=r"PIL\.")
            warnings.showwarning = _keeping(warnings.showwarning)
        _depth += 1
    try:
        yield
    finally:
        with _lock:
            _depth -= 1
            if _depth == 0:
                _filters.__exit__(None, None, None)
                Image.MAX_IMAGE_PIXELS = _pixels


@contextmanager
def heard() -> Iterator[list[str]]:
    """Collect the warnings of the image libraries in this thread while the context is open."""
    before, _thread.messages = _thread.messages, []
    try:
        with quiet():
            yield _thread.messages
    finally:
        _thread.messages = before


def warn(message: str) -> None:
    """Add a warning to those that `heard` collects in this thread, if it does."""
    if _thread.messages is not None:
        _thread.messages.append(" ".join(message.split()))


def _keeping(show: Any) -> Any:
    def showwarning(
        message: Warning | str, category: type[Warning], filename: str, lineno: int, file: TextIO | None = None,
        line: str | None = None,
    ) -> None:  # fmt: skip
        if "PIL" in filename.replace("\\", "/").split("/"):
            warn(str(message))
        else:
            show(message, category, filename, lineno, file, line)

    return showwarning


class _Log(logging.Handler):
    def emit(self, record: logging.LogRecord) -> None:
        warn(record.getMessage())


_tifffile = logging.getLogger("tifffile")
_tifffile.addHandler(_Log(logging.WARNING))
_tifffile.propagate = False
