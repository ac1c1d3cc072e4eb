"""The parameters of classical baselines: each is given, or open and then chosen on validation images."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from torch import nn

from restorelab.errors import ConfigError, nearest

Grid = Mapping[str, Sequence[float]]
"""Candidates by the parameter's name."""


@dataclass(frozen=True)
class Number:
    """One parameter: its `value`, None if it is open, and the allowed ones.

    A value is finite and at least `least`; with `whole` it is a whole number, with `odd` an odd one.
    """

    value: float | None
    least: float
    whole: bool = False
    odd: bool = False

    def check(self, name: str, value: object) -> float:
        """Return `value` as a number, an int for `whole` and `odd` ones. Raises ConfigError for an invalid value."""
        kind = "an odd number" if self.odd else "a whole number" if self.whole else "a number"
        if (
            not isinstance(value, int | float)
            or isinstance(value, bool)
            or not math.isfinite(value)
            or value < self.least
            or ((self.whole or self.odd) and value != int(value))
            or (self.odd and value % 2 == 0)
        ):
            raise ConfigError(f"{name}={value}: expected {kind}, at least {self.least:g}")
        return int(value) if self.whole or self.odd else float(value)


class Settings:
    """The parameter values of a classical baseline, as `settings["weight"]`.

    grid: candidates of parameters that may be open; those of parameters with a value are ignored. numbers: the
    parameters.

    Raises ConfigError for an invalid value or candidate, and for an open parameter without candidates.
    """

    def __init__(self, grid: Grid | None, **numbers: Number) -> None:
        grid = grid or {}
        for name in grid:
            if name not in numbers:
                raise ConfigError(f"model.grid.{name}: not a parameter of the model. {nearest(name, numbers)}")
        checked = {name: [numbers[name].check(f"model.grid.{name}", value) for value in grid[name]] for name in grid}
        self._numbers = numbers
        self._values = {
            name: None if number.value is None else number.check(f"model.{name}", number.value)
            for name, number in numbers.items()
        }
        self.candidates = {name: checked.get(name, []) for name, number in numbers.items() if number.value is None}
        for name, values in self.candidates.items():
            if not values:
                raise ConfigError(f"model.{name}=null: set candidates, model.grid.{name}=[...], or a number")

    def __getitem__(self, name: str) -> float:
        """The value of a parameter. Raises ConfigError while it is open."""
        value = self._values[name]
        if value is None:
            raise ConfigError(
                f"model.{name}=null: not chosen yet. It is chosen on validation images; or set "
                f"a number, model.{name}={self.candidates[name][0]:g}"
            )
        return value

    def use(self, **values: float) -> None:
        """Set open parameters. Raises ConfigError for an invalid value, and for a parameter that is not open."""
        for name, value in values.items():
            if name not in self.candidates:
                raise ConfigError(f"model.{name} is not open. {nearest(name, self.candidates)}")
            self._values[name] = self._numbers[name].check(f"model.{name}", value)

    def largest(self, name: str) -> float:
        """Return the value of a parameter, or its largest candidate before it is chosen."""
        value = self._values[name]
        return max(self.candidates[name]) if value is None else value

    def edge(self, name: str, value: float) -> str | None:
        """Return whether a chosen value is the "smallest" or the "largest" of its candidates; None for neither.

        None too for the least valid value of a parameter, as there are no smaller ones, and for a single candidate.
        """
        least, most = min(self.candidates[name]), max(self.candidates[name])
        if least == most or least < value < most:
            return None
        if value == most:
            return "largest"
        return "smallest" if value > self._numbers[name].least else None


class Tunable(nn.Module):
    """A classical baseline, which is not trained and whose open parameters are chosen on validation images.

    grid: candidates of the open parameters. numbers: all parameters, see `Settings`.
    """

    fit = False
    channels_last = False

    def __init__(self, grid: Grid | None, **numbers: Number) -> None:
        super().__init__()
        self.settings = Settings(grid, **numbers)

    def use(self, **values: float) -> None:
        """Set open parameters; see `Settings.use`."""
        self.settings.use(**values)
