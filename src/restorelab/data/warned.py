"""What image libraries warn about while they decode: kept from the screen, and handed to whoever decodes.

Pillow warns through `warnings`, tifffile through `logging`, both about files that they could not read as they stand.
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
    """Keep Pillow's warnings from the screen and lift its bound of pixels, in all threads at once.

    A thread that `heard` the warnings has them.

    `warnings.catch_warnings` saves and restores a global list, so overlapping threads would undo one another; here the
    first one in saves and the last one out restores.
    """
    global _depth, _filters, _pixels  # noqa: PLW0603
    with _lock:
        if _depth == 0:
            _filters = warnings.catch_warnings()
            _filters.__enter__()
            _pixels, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, None  # data.max_megapixels is the bound here
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
    """The warnings of this thread's image libraries while the context is open."""
    before, _thread.messages = _thread.messages, []
    try:
        with quiet():
            yield _thread.messages
    finally:
        _thread.messages = before


def warn(message: str) -> None:
    """Add a warning to those that this thread hears; without anybody who hears it, it is lost."""
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
