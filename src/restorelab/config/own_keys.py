"""The `key=value` arguments of a command that are its own, parted from the overrides of a run."""

from collections.abc import Sequence
from dataclasses import fields

from restorelab.config import conf_files, schema
from restorelab.errors import ConfigError, nearest


def part(command: str, argv: Sequence[str], own: Sequence[str], *, of_run: bool) -> tuple[list[str], list[str]]:
    """Part the arguments into those whose key is the command's own and the overrides of a run, both in their order.

    own: the command's keys; "executor." stands for every key below executor. of_run: whether overrides are allowed.

    Raises:
        ConfigError: for what is not key=value, and for a root key that neither the command nor a run has.
    """
    roots = {"experiment", *(field.name for field in fields(schema.Train))} - set(schema.HIDDEN) if of_run else set()
    known = {*own, *roots}
    mine: list[str] = []
    overrides: list[str] = []
    for argument in argv:
        key, equals, _ = argument.partition("=")
        root = key.lstrip("+~").partition(".")[0].partition("/")[0].partition("@")[0]
        if equals and (key in own or (f"{root}." in own and key.startswith(f"{root}."))):
            mine.append(argument)
        elif root in own:
            raise ConfigError(f"{command} {argument}: expected {root}=...")
        elif key.startswith("-") or not (equals or key.startswith("~")):
            raise ConfigError(f"{command} {argument}: expected key=value. {nearest(argument, known)}")
        elif root in roots or (of_run and (root == "hydra" or conf_files.is_group(root))):
            overrides.append(argument)
        else:
            raise ConfigError(f"{command} {argument}: unknown key {root!r}. {nearest(root, known)}")
    return mine, overrides


def split(
    command: str, argv: Sequence[str], own: Sequence[str], *, of_run: bool = True
) -> tuple[dict[str, str], list[str]]:
    """Return the command's own keys with their values, each once and not empty, and the overrides of a run.

    Raises:
        ConfigError: as `part` does, and for an own key without a value or given twice.
    """
    mine, overrides = part(command, argv, own, of_run=of_run)
    values: dict[str, str] = {}
    for argument in mine:
        key, _, value = argument.partition("=")
        if key in values or not value:
            reason = "it is given twice" if key in values else "expected a value"
            raise ConfigError(f"{command} {argument}: {reason}.")
        values[key] = value
    return values, overrides


def one_of(key: str, value: str, allowed: Sequence[str]) -> str:
    """The value, if it is one of those that are allowed; ConfigError for anything else."""
    if value not in allowed:
        raise ConfigError(f"{key}={value}: {nearest(value, allowed)}")
    return value


def truth(key: str, value: str) -> bool:
    """`true` or `false`; ConfigError for anything else."""
    return one_of(key, value, ["true", "false"]) == "true"


def listed(value: str) -> list[str]:
    """The names in `a,b` or `[a,b]`."""
    return [name.strip() for name in value.strip("[]").split(",") if name.strip()]


def whole(key: str, value: str) -> int:
    """A whole number from 0 on; ConfigError for anything else."""
    if not value.isdecimal():
        raise ConfigError(f"{key}={value}: expected a whole number, at least 0.")
    return int(value)
