"""Errors that people cause and can mend: printed as one clear message, without a traceback."""

import re
from collections.abc import Iterable, Sequence
from difflib import get_close_matches


class UserError(Exception):
    """Something the user gave is wrong; the message names the value, what is allowed, and how to mend it."""

    exit_status = 1


class ConfigError(UserError):
    """A configuration that cannot run. Raised before any data is read."""

    exit_status = 2


class DataError(UserError):
    """A dataset that is missing, incomplete or unreadable."""


MANY = 40
"""Names up to which all that are allowed are listed."""


def nearest(name: str, allowed: Iterable[str]) -> str:
    """A sentence with the allowed name nearest to `name` and the list of all of them.

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
    """As `nearest`, for a key that is not among those `here`: it may belong elsewhere, `lr` to `optimizer.lr`,
    `trainer.max_steps` to `max_steps`.

    dotted: all keys of the config.
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
    """The option most like `name`, None where none reaches `cutoff`.

    Of those that differ in numbers only, that with the nearest number.

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
    """A name in lower case with one mark in place of each number."""
    return re.sub(r"\d+", "#", name.lower())


def _numbers(name: str) -> list[float]:
    """The numbers of a name; one that begins with 0 is a fraction, as in `speckle_002`."""
    return [float(f"0.{part[1:]}" if part.startswith("0") else part) for part in re.findall(r"\d+", name)]
