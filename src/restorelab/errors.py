"""Errors that users can correct; they are printed as one message, without a traceback."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """An error in what the user gave. The message names the value, what is allowed, and the remedy."""

    exit_status = 1


class ConfigError(UserError):
    """A configuration that cannot run. Raised before any data is read."""

    exit_status = 2


class DataError(UserError):
    """A dataset that is missing, incomplete or unreadable."""


REFUSALS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
    UserError,
)  # fmt: skip
"""What a network, a loss or a metric may raise for an image that it does not take."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message; its type if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0].strip() if lines else type(error).__name__


def listed(names: Sequence[str], most: int = 8) -> str:
    """Return the first names, at most `most`, and how many more there are: `a.png, b.png and 3 more`."""
    return ", ".join(names[:most]) + (f" and {len(names) - most:,} more" if len(names) > most else "")


MANY = 40
"""The most names that a message lists."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """Return a sentence with the allowed name that is most similar to `name`, and the list of allowed names.

    >>> nearest("gausian", ["gaussian", "poisson"])
    "Did you mean 'gaussian'? Allowed: gaussian, poisson."
    """
    options = sorted(map(str, allowed))
    match = closest(str(name), options)
    hint = f"Did you mean {match!r}? " if match else ""
    if len(options) > MANY:
        near = get_close_matches(str(name), options, n=8, cutoff=0.0)
        near = near if match is None or match in near else [match, *near]
        return f"{hint}Allowed: {', '.join(near)} and {len(options) - len(near)} more."
    return f"{hint}Allowed: {', '.join(options) or '(none)'}."


def nearest_key(key: str, here: Iterable[str], dotted: Iterable[str]) -> str:
    """Return a sentence as `nearest` does, for a config key; it may suggest a key elsewhere in the config.

    For example `optimizer.lr` for `lr`, or `max_steps` for `trainer.max_steps`.

    here: the keys that are allowed at this place. dotted: all keys of the config.
    """
    own, places = list(here), sorted(dotted, key=lambda path: (path.count("."), path))
    last = {path: path.rpartition(".")[2] for path in places}
    match = key if key in last.values() else closest(key, own, cutoff=0.6)
    if match is None:
        match = closest(key, sorted(set(last.values())), cutoff=0.7)
    meant = [path for path, name in last.items() if name == match]
    if match in own or not meant:
        hint = f"Did you mean {match!r}? " if match else ""
        return f"{hint}Allowed: {', '.join(sorted(own)) or '(none)'}."
    return f"Did you mean {' or '.join(meant[:3])}? Allowed here: {', '.join(sorted(own))}."


def closest(name: str, options: Sequence[str], cutoff: float = 0.5) -> str | None:
    """Return the option that is most similar to `name`; None if no similarity reaches `cutoff`.

    Of options that differ only in their numbers, the one with the nearest number is returned.

    >>> closest("gausian_51", ["gaussian_15", "gaussian_50", "gaussian_75"])
    'gaussian_50'
    """
    similar = get_close_matches(_numberless(name), {_numberless(option) for option in options}, n=1, cutoff=cutoff)
    alike = [option for option in options if similar and _numberless(option) == similar[0]]
    if not alike:
        begun = [option for option in options if name and option.startswith(name)]
        return next(iter(begun or get_close_matches(name, options, n=1, cutoff=cutoff)), None)
    if len(_numbers(name)) != len(_numbers(alike[0])):
        return next(iter(get_close_matches(name, alike, n=1, cutoff=0.0)), alike[0])
    return min(alike, key=lambda option: [abs(a - b) for a, b in zip(_numbers(name), _numbers(option), strict=True)])


def _numberless(name: str) -> str:
    """Return a name in lower case with a mark in place of each number."""
    return re.sub(r"\d+", "#", name.lower())


def _numbers(name: str) -> list[float]:
    """Return the numbers in a name; one that begins with 0 is a fraction, as in `speckle_002`."""
    return [float(f"0.{part[1:]}" if part.startswith("0") else part) for part in re.findall(r"\d+", name)]
