"""A clock for tests of what takes time, which a loaded machine cannot break."""

import time

import pytest


class Clock:
    """Stands until it is moved, or until somebody sleeps: in place of `time.monotonic`, `perf_counter` and `sleep`."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.now = 1000.0
        for name in ("monotonic", "perf_counter"):
            patch.setattr(time, name, lambda: self.now)
        patch.setattr(time, "sleep", self.pass_by)

    def pass_by(self, seconds: float) -> None:
        """Let time pass."""
        self.now += seconds
