"""The values that a searched key may take: numbers of a range, or one of several choices."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from hydra.core.override_parser.types import IntervalSweep, Override, RangeSweep

from restorelab.errors import ConfigError, nearest

if TYPE_CHECKING:
    from optuna.trial import Trial

ENDS = re.compile(r"interval\(\s*(?:start\s*=\s*)?([^,()\s]+)\s*,\s*(?:end\s*=\s*)?([^,()\s]+)\s*\)")
WHOLE = re.compile(r"[+-]?\d[\d_]*")
TAGS = ("log", "linear", "int", "float")
WIDE = 100
"""High by low from which an interval is searched by its logarithm: two decades, as of a learning rate."""


@dataclass(frozen=True)
class Numbers:
    """Numbers from `low` to `high`, both included.

    Attributes:
        low, high: the ends.
        log: drawn evenly by the logarithm.
        whole: integers.
        values: all that are allowed, in steps of equal size; empty for an interval.
    """

    low: float
    high: float
    log: bool = False
    whole: bool = False
    values: tuple[float, ...] = ()

    def __str__(self) -> str:
        if self.values:
            return f"{len(self.values)} values from {self.low!r} to {self.high!r}"
        kind = "whole numbers " * self.whole
        return f"{kind}from {self.low!r} to {self.high!r}{', logarithmic' * self.log}"

    def points(self) -> Sequence[Any]:
        """Return all values as Optuna keeps them; empty for an interval, which has infinitely many."""
        return tuple(map(_short, self.values))

    def suggest(self, trial: "Trial", key: str) -> Any:
        """Let Optuna draw one."""
        step = self.values[1] - self.values[0] if self.values else None
        if self.whole:
            return trial.suggest_int(key, int(self.low), int(self.high), log=self.log, step=int(step or 1))
        if step is None:
            return trial.suggest_float(key, self.low, self.high, log=self.log)
        return trial.suggest_float(key, _short(self.low), _short(self.high), step=_short(step))

    def value(self, stored: Any) -> Any:
        """What Optuna keeps as a plain value; of a range the very number that a sweep over it gives."""
        return min(self.values, key=lambda value: abs(value - stored)) if self.values else stored

    def text(self, stored: Any) -> str:
        """What Optuna keeps as Hydra's grammar takes it; a number's repr gives it back exactly."""
        return repr(self.value(stored))


@dataclass(frozen=True)
class Choices:
    """One of several.

    Attributes:
        texts: as Hydra's grammar takes them. Optuna keeps these: it would take 1, 1.0 and true for the same, and knows
            no lists.
        values: the plain ones, as many.
    """

    texts: tuple[str, ...]
    values: tuple[Any, ...]

    def __str__(self) -> str:
        return ", ".join(self.texts)

    def points(self) -> Sequence[Any]:
        """Return all values as Optuna keeps them."""
        return self.texts

    def suggest(self, trial: "Trial", key: str) -> Any:
        """Let Optuna draw one."""
        return trial.suggest_categorical(key, self.texts)

    def value(self, stored: Any) -> Any:
        """What Optuna keeps as a plain value."""
        return self.values[self.texts.index(stored)]

    def text(self, stored: Any) -> str:
        """What Optuna keeps as Hydra's grammar takes it."""
        return str(stored)


def _short(value: float) -> float:
    """A number as it was typed: Hydra makes 0.30000000000000004 of the third step of 0.1, which Optuna finds uneven."""
    return value if isinstance(value, int) else float(f"{value:.12g}")


Range = Numbers | Choices


def interval(override: Override) -> tuple[Numbers, str]:
    """An interval's numbers, and why they are taken so where nothing in the override says it.

    Integers where both ends are written as such; by the logarithm where high is `WIDE` times low or more. The tags int,
    float, log and linear decide otherwise: `tag(int, log, interval(16, 512))`.

    Raises:
        ConfigError: for an empty interval, an unknown tag, or tags that do not go together.
    """
    line, sweep = override.input_line or "", override.value()
    assert isinstance(sweep, IntervalSweep)
    assert sweep.start is not None
    assert sweep.end is not None
    _check_tags(line, sweep.tags)
    low, high = float(sweep.start), float(sweep.end)
    if not low < high:
        msg = f"{line}: the interval is empty; its lower end comes first, such as interval(1e-4,1e-2)."
        raise ConfigError(msg)
    whole, why_whole = _whole(line, sweep)
    if whole and not (low.is_integer() and high.is_integer()):
        msg = f"{line}: an interval of whole numbers needs whole ends."
        raise ConfigError(msg)
    log, why_log = _log(sweep.tags, low, high)
    if log and low <= 0:
        msg = f"{line}: a logarithmic interval lies above 0."
        raise ConfigError(msg)
    end = int if whole else float
    return Numbers(end(low), end(high), log, whole), " and ".join(filter(None, (why_whole, why_log)))


def _whole(line: str, sweep: IntervalSweep) -> tuple[bool, str]:
    """Return whether an interval is one of integers, and the reason where no tag or cast states it."""
    if "int" in sweep.tags or isinstance(sweep.start, int):  # int(interval(...)) makes integers of the ends
        return True, ""
    ends = ENDS.search(line)
    if "float" in sweep.tags or "float(" in line or not ends or not all(map(WHOLE.fullmatch, ends.groups())):
        return False, ""
    return True, "in whole numbers, as both ends are written so (one written as 1.0 makes fractions)"


def _log(tags: set[str], low: float, high: float) -> tuple[bool, str]:
    """Return whether an interval is searched by its logarithm, and the reason where no tag states it."""
    wide = low > 0 and high / low >= WIDE * (1 - 1e-9)  # 3e-3 / 3e-5 is a little less than 100
    if "log" in tags or "linear" in tags or not wide:
        return "log" in tags, ""
    return True, f"by the logarithm, as high is {high / low:,.4g} times low (tag(linear,...) undoes it)"


def _check_tags(line: str, tags: set[str]) -> None:
    for tag in sorted(tags):
        if tag not in TAGS:
            msg = f"{line}: tag {tag!r} says nothing to a search. {nearest(tag, TAGS)}"
            raise ConfigError(msg)
    for first, opposite in (("log", "linear"), ("int", "float")):
        if {first, opposite} <= tags:
            msg = f"{line}: {first} and {opposite} exclude each other."
            raise ConfigError(msg)


def discrete(override: Override, texts: Sequence[str], values: Sequence[Any]) -> Range:
    """Several values: a `range()` of numbers keeps their order and distance, all else are choices without any.

    texts, values: what Hydra makes of it, as overrides take them and plain.
    """
    if isinstance(override.value(), RangeSweep):
        ordered = tuple(sorted(values))
        return Numbers(ordered[0], ordered[-1], whole=all(isinstance(v, int) for v in ordered), values=ordered)
    once = dict(zip(texts, values, strict=True))
    return Choices(tuple(once), tuple(once.values()))
