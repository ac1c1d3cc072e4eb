"""Handle Ctrl-C and SIGTERM: the first one saves the run after the current step, the second one stops at once."""

import os
import signal
import threading
import time
from types import FrameType, TracebackType
from typing import Any

ECHO = 5.0
"""Seconds in which the same wish may arrive twice: a cluster tells a run's whole process group, and so does a terminal
with several ranks, to each of which their launcher then passes on what it heard itself."""


class Interrupted(BaseException):
    """The run was asked to stop, and its checkpoint is written. Not an Exception: nothing may swallow it."""


class Interruption:
    """Catches SIGINT and SIGTERM while a run executes.

    Inside `deferred()` the first signal only sets `requested`, for the loop to act on between two batches; anywhere
    else, or the second time, it raises Interrupted at once. Within `ECHO` of the first, a second SIGTERM is the first
    once more, and so is any signal to one of several ranks. Signals reach the main thread alone: in another one this
    does nothing.
    """

    def __init__(self) -> None:
        self.requested = False
        self.signal: int | None = None
        self._deferring = False
        self._asked = 0.0
        self._before: dict[int, Any] = {}

    def __enter__(self) -> "Interruption":
        if threading.current_thread() is threading.main_thread():
            self._before = {s: signal.signal(s, self._handle) for s in (signal.SIGINT, signal.SIGTERM)}
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def defer(self, on: bool) -> None:
        """Begin or end the period in which a first signal waits for the end of a batch."""
        self._deferring = on
        if on and self._before:  # Lightning has installed its own handlers; install ours again
            for number in self._before:
                signal.signal(number, self._handle)

    @property
    def exit_status(self) -> int:
        """Return the exit status that a shell expects after a signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + (self.signal or signal.SIGINT)

    def _handle(self, number: int, frame: FrameType | None) -> None:
        now, again = time.monotonic(), self.requested
        # Of a run in one process only a person sends Ctrl-C, and twice on purpose.
        echoes = number == signal.SIGTERM or "TORCHELASTIC_RUN_ID" in os.environ
        if again and now - self._asked < ECHO and echoes:
            return
        self.signal, self.requested, self._asked = number, True, now
        if again or not self._deferring:
            raise Interrupted
