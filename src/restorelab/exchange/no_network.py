"""Stands in place of the network of an external method, which has outputs only."""

from typing import NoReturn

from restorelab.errors import ConfigError


def network(method: str) -> NoReturn:
    """Refuse to be built.

    Raises:
        ConfigError: always.
    """
    msg = f"{method} was scored from its outputs (restorelab score): there is no network to load or to train."
    raise ConfigError(msg)
