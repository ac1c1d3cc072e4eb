"""The settings of a search: checked before anything is opened, and the same whenever the search continues."""

from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path

from restorelab.errors import ConfigError
from restorelab.sweep.keys import Sweep
from restorelab.sweep.search.space import Space


def described(settings: Sweep, metric: str, space: Space, content: Mapping[str, str]) -> dict[str, str]:
    """All that makes a search this one. The number of trials does not: there may be more of them later.

    content: what tells the dataset and the weights that the trials read, by key.
    """
    return {
        "search": str(settings.search),
        "metric": metric,
        "pruner": settings.pruner or "none",
        "search_seed": str(settings.search_seed),
        **space.described(),
        **content,
    }


def check_same(before: Mapping[str, str], now: Mapping[str, str], journal: Path) -> None:
    """Refuse to continue another search's journal: its results belong to other settings.

    Raises:
        ConfigError: naming all that differs.
    """
    differing = [key for key in {**before, **now} if before.get(key) != now.get(key)]
    if differing:
        changes = [f"{key} was {before.get(key, 'not given')}, is {now.get(key, 'not given')}" for key in differing]
        msg = (
            f"{journal} holds another search: {'; '.join(changes)}. Say the same as before to go on with it (trials "
            "may change), or begin a new one in another sweep_dir."
        )
        raise ConfigError(msg)


def count(trials: int | None, points: int) -> int:
    """Return the number of trials. points: of the grid, 0 without one.

    Raises:
        ConfigError: where it is not given, or less than 1.
    """
    if trials is None and points:
        return points
    if trials is None or trials < 1:
        shown = "null" if trials is None else trials
        msg = f"trials={shown}: how many runs may the search take? Give a number, such as trials=50."
        raise ConfigError(msg)
    return min(trials, points) if points else trials


def check_packages(search: str | None) -> None:
    """Refuse a search whose package is not installed.

    Raises:
        ConfigError: naming the package and the extra that brings it.
    """
    for package in ("optuna", *(["cmaes"] if search == "cma" else [])):
        if find_spec(package) is None:
            msg = f"search={search} needs the package {package}: pip install 'restorelab[search]'"
            raise ConfigError(msg)
