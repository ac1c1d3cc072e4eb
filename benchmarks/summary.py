"""From measured segments to rates and ratios with intervals, and what machine they were measured on."""

import os
import platform
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

RESAMPLES = 4000
QUIET = 0.3
"""Load average (processes that want to run, mean of a minute) above which a machine is not left alone."""

Segment = tuple[float, int]
"""Seconds, images."""


@dataclass(frozen=True)
class Estimate:
    """A median with its bootstrap interval (95 %) and the least and most of the rounds."""

    median: float
    low: float
    high: float
    least: float
    most: float

    def __str__(self) -> str:
        digits = 3 if self.median < 20 else 0
        if self.low == self.high:
            return f"{self.median:,.{digits}f}"
        return f"{self.median:,.{digits}f} [{self.low:,.{digits}f}, {self.high:,.{digits}f}]"


def estimate(values: Sequence[float]) -> Estimate:
    """Give the median of some rounds; the interval is the bootstrap's over rounds."""
    array = np.asarray(values, dtype=float)
    drawn = np.random.default_rng(0).choice(array, (RESAMPLES, len(array)))
    low, high = np.quantile(np.median(drawn, axis=1), [0.025, 0.975])
    return Estimate(float(np.median(array)), float(low), float(high), float(array.min()), float(array.max()))


def rates(segments: Sequence[Segment]) -> list[float]:
    """Images a second of each segment."""
    return [images / seconds for seconds, images in segments]


def paired(segments: Sequence[Segment], beside: Sequence[Segment]) -> list[float]:
    """Divide the rate of each segment by that of its neighbor in the same round."""
    return [a / b for a, b in zip(rates(segments), rates(beside), strict=True)]


@dataclass(frozen=True)
class Row:
    """One line of the report. `ratio` is to the baseline of its table; `target` is the least (or most) it may be."""

    table: str
    name: str
    value: Estimate
    ratio: Estimate | None = None
    target: float | None = None
    at_most: bool = False

    @property
    def verdict(self) -> str:
        """`met` or `MISSED`; with a question mark where the interval holds the target."""
        if self.target is None or self.ratio is None:
            return ""
        good = self.ratio.median <= self.target if self.at_most else self.ratio.median >= self.target
        sure = not self.ratio.low < self.target < self.ratio.high
        return ("met" if good else "MISSED") + ("" if sure else "?")

    def facts(self) -> dict[str, Any]:
        """Plain data for the JSON file."""
        return {**asdict(self), "verdict": self.verdict}


def table(rows: Sequence[Row]) -> str:
    """Lay out some rows for the terminal."""
    heads = ("", "value", "ratio [95 %]", "target", "")
    lines = [heads]
    for row in rows:
        sign = "<=" if row.at_most else ">="
        target = "" if row.target is None else f"{sign} {row.target:.2f}"
        lines.append((row.name, str(row.value), str(row.ratio or ""), target, row.verdict))
    widths = [max(len(line[i]) for line in lines) for i in range(len(heads))]
    return "\n".join("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip()
                     for line in lines)  # fmt: skip


def machine() -> dict[str, Any]:
    """Describe what the numbers were measured on, without importing torch, which would swell this process."""
    from importlib.metadata import version

    cpus = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    info = Path("/proc/cpuinfo")
    models = [line.split(":")[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")] \
        if info.is_file() else [platform.processor()]  # fmt: skip
    return {
        "cpu": models[0] if models else platform.machine(),
        "threads": cpus,
        "load": os.getloadavg()[0],
        "system": platform.platform(),
        "python": platform.python_version(),
        **{name: version(name) for name in ("torch", "lightning", "scikit-image", "pillow")},
    }
