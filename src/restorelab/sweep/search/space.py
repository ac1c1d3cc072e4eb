"""Divide the overrides of a command line into searched and fixed keys."""

import itertools
import logging
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra.core.override_parser.types import ChoiceSweep, Override, RangeSweep

from restorelab.config.dotted import within
from restorelab.errors import ConfigError
from restorelab.runs.run_identity import NOT_IDENTITY
from restorelab.sweep import grid
from restorelab.sweep.search.dimension import Choices, Range, discrete, interval

log = logging.getLogger(__name__)

LUCK = ("seed", "split_seed", "eval_seed")
"""Keys that must not be chosen by their result."""

FREE = tuple(key for key in NOT_IDENTITY if key not in ("length", "short"))
"""What may change while a search goes on, and is not worth one. A config that is resolved shows what became of `length`
and `short` in its other keys; among overrides these two do change what a run finds out."""


@dataclass(frozen=True)
class Space:
    """The searched keys and all else that a run is given.

    Attributes:
        ranges: by key, in the order of the command line: `{"optimizer.lr": Numbers(0.0001, 0.01, log=True)}`.
        parts: the overrides in their order: of a fixed one all of it, of a searched one the key as it was written
            (`+model.depth`), with its name in `ranges`.
    """

    ranges: dict[str, Range]
    parts: tuple[tuple[str, str | None], ...]

    def overrides(self, parameters: Mapping[str, Any]) -> list[str]:
        """The overrides of a trial. parameters: Optuna's."""
        return [
            written if key is None else f"{written}={self.ranges[key].text(parameters[key])}"
            for written, key in self.parts
        ]

    def swept(self, parameters: Mapping[str, Any]) -> dict[str, Any]:
        """The plain values of a trial. parameters: Optuna's."""
        return {key: values.value(parameters[key]) for key, values in self.ranges.items()}

    def size(self) -> float:
        """Return the number of different trials; infinite with an interval."""
        return math.prod(len(values.points()) or math.inf for values in self.ranges.values())

    def points(self) -> list[dict[str, Any]]:
        """All different trials, as Optuna's parameters.

        Raises:
            ConfigError: where an interval has no end of them.
        """
        for key, values in self.ranges.items():
            if not values.points():
                msg = f"search=grid: {key} is an interval. Give the values of the grid: {key}=a,b,c or"
                raise ConfigError(f"{msg} {key}=range(low,end,step).")
        product = itertools.product(*(values.points() for values in self.ranges.values()))
        return [dict(zip(self.ranges, point, strict=True)) for point in product]

    def described(self) -> dict[str, str]:
        """Return by key what must not change while a search continues: everything that its results depend on."""
        fixed = (written.partition("=") for written, key in self.parts if key is None)
        described = {f"fixed {key}": value for key, _, value in fixed if not within(key.lstrip("+~"), FREE)}
        return {**described, **{f"searched {key}": str(values) for key, values in self.ranges.items()}}


def read(overrides: Sequence[str]) -> Space:
    """Divide overrides into what is searched and what is fixed; what is decided here is logged with its reason.

    Raises:
        ConfigError: where there is nothing to search, or what cannot be searched.
    """
    ranges: dict[str, Range] = {}
    parts: list[tuple[str, str | None]] = []
    # Of two overrides of one key the last counts, as in a sweep without search.
    for override in {override.get_key_element(): override for override in grid.parse(overrides)}.values():
        line, key = str(override.input_line), override.get_key_element().lstrip("+")
        choice = _range(override)
        if isinstance(choice, str):
            parts.append((choice, None))
            continue
        _check_key(key, line)
        ranges[key], reason = choice
        if reason:
            log.info("search: %s is searched %s", key, reason)
        parts.append((override.get_key_element(), key))
    if not ranges:
        msg = (
            f"search: {' '.join(overrides) or 'the command line'} leaves nothing to search. Give a key several values "
            "or an interval, such as model=ae,dual_ae or 'optimizer.lr=interval(1e-4,1e-2)'."
        )
        raise ConfigError(msg)
    return Space(ranges, tuple(parts))


def _range(override: Override) -> str | tuple[Range, str]:
    """What an override lets a search choose from, and why it is taken so; of one with a single value all of it."""
    if not override.is_sweep_override():
        return str(override.input_line)
    if override.is_interval_sweep():
        return interval(override)
    sweep = override.value()
    if isinstance(sweep, ChoiceSweep | RangeSweep):
        sweep.shuffle = False  # a search has its own order; this one would differ at each restart
    written = grid.values(override)
    whole = [f"{override.get_key_element()}={text}" for text in written]
    values = [override.value() for override in grid.parse(whole)]
    return whole[0] if len(set(written)) == 1 else (discrete(override, written, values), "")


def check_cma(space: Space) -> None:
    """Refuse choices: CMA-ES knows directions and distances, and Optuna would draw these keys blindly in each trial.

    Raises:
        ConfigError: naming the first such key.
    """
    for key, values in space.ranges.items():
        if isinstance(values, Choices):
            msg = (
                f"search=cma: {key} is one of {values}, and CMA-ES can search numbers only: it would draw {key} at "
                f"random in each trial and learn nothing of it. Give one value of it, or use search=tpe."
            )
            raise ConfigError(msg)


def _check_key(key: str, line: str) -> None:
    if key in LUCK:
        msg = f"{line}: a search over {key} would find the luckiest run, not the best values. Give one value; compare "
        raise ConfigError(f"{msg}seeds by a sweep without search.")
    if within(key, FREE):
        msg = f"{line}: {key} does not change what a run finds out, so there is nothing to search. Give one value."
        raise ConfigError(msg)
