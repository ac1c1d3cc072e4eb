"""A command's own key=value pairs, parted from the overrides of a run."""

from collections.abc import Sequence
from dataclasses import fields

from restorelab.config.schema import Train
from restorelab.errors import ConfigError, nearest


def split(
    command: str, argv: Sequence[str], own: Sequence[str], *, of_run: bool = True
) -> tuple[dict[str, str], list[str]]:
    """The command's own keys with their values, and all the rest, which must be overrides of a run.

    of_run: whether the command takes such overrides.

    Raises:
        ConfigError: for what is no key=value, a key without value or said twice, and a root key that nobody knows.
    """
    given: dict[str, str] = {}
    overrides = []
    known = [*own, *([*(field.name for field in fields(Train)), "experiment"] if of_run else [])]
    for argument in argv:
        key, equals, value = argument.partition("=")
        root = key.lstrip("+~").partition(".")[0].partition("/")[0].partition("@")[0]
        if key.startswith("-") or not (equals or key.startswith("~")):
            msg = f"{command} {argument}: expected key=value. {nearest(argument, own)}"
            raise ConfigError(msg)
        if root not in known:
            msg = f"{command} {key}: unknown key. {nearest(root, known)}"
            raise ConfigError(msg)
        if key not in own:
            overrides.append(argument)
        elif key in given or not value:
            msg = f"{command} {argument}: {'it is given twice' if key in given else 'expected a value'}."
            raise ConfigError(msg)
        else:
            given[key] = value
    return given, overrides


def truth(key: str, value: str) -> bool:
    """`true` or `false`; ConfigError for anything else."""
    if value not in ("true", "false"):
        msg = f"{key}={value}: {nearest(value, ['true', 'false'])}"
        raise ConfigError(msg)
    return value == "true"


def listed(value: str) -> list[str]:
    """The names in `a,b` or `[a,b]`."""
    return [name.strip() for name in value.strip("[]").split(",") if name.strip()]


def whole(key: str, value: str) -> int:
    """A whole number from 0 on; ConfigError for anything else."""
    if not value.isdecimal():
        msg = f"{key}={value}: expected a whole number, at least 0."
        raise ConfigError(msg)
    return int(value)
