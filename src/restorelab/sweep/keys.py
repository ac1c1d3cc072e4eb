"""The sweep's own keys: defaults from conf/sweep.yaml, changes on the command line, and what is left for the runs."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from typing import Any, Literal, get_args, get_origin

from restorelab import quoting
from restorelab.config import conf_files, own_keys, signatures
from restorelab.config.schema import DURATION
from restorelab.errors import ConfigError, nearest
from restorelab.sweep import grid


@dataclass(frozen=True)
class Sweep:
    """The schema of sweep.yaml; conf/sweep.yaml holds the defaults and says what each key means."""

    study: str | None
    only: list[str]
    dry: bool
    sweep_dir: str | None
    workers: int | None
    devices: list[int] | None
    per_device: int
    retries: int
    time_limit: str | None
    executor: str
    executor_options: dict[str, Any]
    search: Literal["tpe", "random", "grid", "cma"] | None
    trials: int | None
    metric: str | None
    pruner: Literal["median", "hyperband"] | None
    search_seed: int
    cross: bool | list[str]
    baseline: str | None
    report: bool
    resume: bool = True
    """No key of sweep.yaml, but a run's: here it says whether a folder that holds runs already is gone on with."""


TYPES: dict[str, Any] = {field.name: field.type for field in fields(Sweep)}

KEYS = tuple(key for key in TYPES if key != "resume")
"""The keys of sweep.yaml. None of them is a key of train.yaml."""

LEAST = {"workers": 1, "per_device": 1, "retries": 0, "trials": 1, "search_seed": 0}


def split(arguments: Sequence[str]) -> tuple[Sweep, list[str]]:
    """Divide a command line into the sweep's own keys and the overrides of the runs, which stay as they are.

    Raises:
        ConfigError: for an unknown key, a value that does not fit, or keys that exclude each other.
    """
    for argument in arguments:
        if argument in ("-m", "--multirun"):
            raise ConfigError(f"{argument}: several values need no -m; a sweep takes key=value only.")
    mine, rest = own_keys.part("sweep", arguments, [*TYPES, "executor."], of_run=True)
    chosen: dict[str, Any] = {}
    options: dict[str, Any] = {}
    for argument in mine:
        key, _, text = argument.partition("=")
        if key in TYPES:
            chosen[key] = _read(key, text, argument)
        else:
            options[key.removeprefix("executor.")] = _plain(argument)
    sweep = defaults()
    values = {name: getattr(sweep, name) for name in TYPES} | chosen
    values["executor_options"] = {**(values["executor_options"] or {}), **options}
    return _checked(values, ""), quoting.paths(rest, several=True)


def defaults() -> Sweep:
    """What conf/sweep.yaml says, and the user's own ./conf/sweep.yaml over it.

    Raises:
        ConfigError: naming the file, for an unknown key or a value that does not fit.
    """
    values: dict[str, Any] = {"resume": True}
    for file in (folder / "sweep.yaml" for folder in conf_files.conf_dirs()):
        if not file.is_file():
            continue
        content = conf_files.read_yaml(file)
        for key in content:
            if key not in KEYS:
                msg = f"{file}: unknown key {key!r}. {nearest(str(key), KEYS)}"
                raise ConfigError(msg)
        values |= content
        _checked(values, f"{file}: ")
    return Sweep(**values)


def _read(key: str, text: str, argument: str) -> Any:
    """The value of one of the sweep's keys. Text is taken as it is: names of runs hold what Hydra would not read."""
    options = get_args(TYPES[key]) or (TYPES[key],)
    if text == "null":
        return None
    if TYPES[key] == list[str]:
        return [_unquoted(name) for name in text.strip("[]").split(",") if name.strip()]
    if str in options:
        return _unquoted(text)
    value = _plain(argument)
    several = any(get_origin(option) is list for option in options)
    return [value] if several and not isinstance(value, list | bool) else value


def _plain(argument: str) -> Any:
    (override,) = grid.parse([argument])
    if not override.is_sweep_override():
        return override.value()
    return [grid.parse([f"key={value}"])[0].value() for value in grid.values(override)]


def _unquoted(text: str) -> str:
    text = text.strip()
    return text[1:-1] if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"" else text


def _checked(values: Mapping[str, Any], where: str) -> Sweep:
    """Check values against types and limits. where: what precedes the key in a message."""
    for key, value in values.items():
        kind = TYPES[key]
        if not signatures.accepts(kind, value):
            words = [word for option in get_args(kind) for word in get_args(option) if get_origin(option) is Literal]
            words = words or [word for word in get_args(kind) if get_origin(kind) is Literal]
            wanted = nearest(str(value), words) if words else f"expected {signatures.describe(kind)}."
            msg = f"{where}{key}={signatures.in_yaml(value)}: {wanted}"
            raise ConfigError(msg)
        if key in LEAST and value is not None and value < LEAST[key]:
            msg = f"{where}{key}={value}: expected at least {LEAST[key]}."
            raise ConfigError(msg)
    _check_meaning(values, where)
    return Sweep(**values)


def _check_meaning(values: Mapping[str, Any], where: str) -> None:
    limit, devices = values["time_limit"], values["devices"]
    if limit is not None and not DURATION.fullmatch(limit):
        msg = f"{where}time_limit={limit}: expected HH:MM:SS or DD:HH:MM:SS, in quotes in a YAML."
        raise ConfigError(msg)
    if devices is not None and (not devices or min(devices) < 0 or len(set(devices)) < len(devices)):
        msg = f"{where}devices={devices}: numbers of GPUs, each once, such as devices=0,1; or null for all."
        raise ConfigError(msg)
    for key in ("sweep_dir", "study", "metric", "executor", "baseline"):
        if values[key] is not None and not values[key].strip():
            msg = f"{where}{key}: it is empty. Name one, or leave it out."
            raise ConfigError(msg)
    if values["search"] and values["study"]:
        msg = f"{where}search={values['search']}: a study names its runs. Search without study=, over keys of a run."
        raise ConfigError(msg)
    if values["pruner"] and not values["search"]:
        msg = f"{where}pruner={values['pruner']}: only a search prunes, search=tpe for one."
        raise ConfigError(msg)
