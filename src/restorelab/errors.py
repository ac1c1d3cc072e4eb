"""Errors that people cause and can mend: printed as one clear message, without a traceback."""

from collections.abc import Iterable
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
    close = get_close_matches(str(name), options, n=1, cutoff=0.5)
    hint = f"Did you mean {close[0]!r}? " if close else ""
    if len(options) > MANY:
        near = get_close_matches(str(name), options, n=8, cutoff=0.0)
        return f"{hint}Allowed: {', '.join(near)} and {len(options) - len(near)} more."
    return f"{hint}Allowed: {', '.join(options) or '(none)'}."
