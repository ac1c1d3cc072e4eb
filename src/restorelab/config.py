"""What a configuration may say, checked before anything is built or read.

Two steps. `check_names` holds every key of a composed config against the root schema and the signature of the
`_target_` above it; it reads the package's own signatures from their source, so that a typo dies before torch is
imported. `check_values` then binds the targets of other packages, which must be imported for it.
"""

import inspect
import typing
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from importlib import import_module
from pathlib import Path
from typing import Any

from restorelab import signatures
from restorelab.errors import ConfigError, nearest
from restorelab.signatures import Parameter

HYDRA_KEYS = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}

GROUPS = (
    "model",
    "data",
    "blur",
    "downsample",
    "noise",
    "evaluation",
    "loss",
    "objective",
    "optimizer",
    "scheduler",
    "trainer",
    "protocol",
    "logger",
    "callbacks",
)
"""The config groups of a run, in the order in which they are reported."""

Node = dict[str, Any]


@dataclass
class Train:
    """The root schema of train.yaml; conf/train.yaml holds the defaults and says what each key means."""

    model: Node
    data: Node
    blur: Node
    downsample: Node
    noise: Node
    evaluation: Node
    loss: Node
    objective: Node
    optimizer: Node
    scheduler: Node
    trainer: Node
    protocol: Node
    logger: Node
    callbacks: Node
    name: str | None
    run_dir: str | None
    runs_dir: str
    data_dir: str
    resume: bool
    train: bool
    ckpt: str | None
    seed: int
    split_seed: int
    eval_seed: int
    threads: int | None
    max_steps: int | None
    max_time: str | None
    accumulate: int
    clip: float | None
    debug: bool
    choices: dict[str, Any]


def conf_dir() -> Path:
    """Where the shipped configs lie: inside an installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parent
    inside = package / "conf"
    return inside if inside.is_dir() else package.parents[1] / "conf"


def check_names(config: Mapping[str, Any]) -> None:
    """Hold every key and value type of a resolved config against the schema and this package's signatures.

    Raises:
        ConfigError: for an unknown key, a wrong type, or a value that is missing; names the key and what is allowed.
    """
    root = {f.name: Parameter(f.type, required=f.default is MISSING) for f in fields(Train)}
    _check_keys("", dict(config), root)
    for group in GROUPS:
        _walk(group, config[group], foreign=False)


def check_values(config: Mapping[str, Any]) -> None:
    """Hold the nodes whose target lies in another package against its signature; this imports the target."""
    for group in GROUPS:
        _walk(group, config[group], foreign=True)


def _walk(path: str, node: Any, *, foreign: bool) -> None:
    if isinstance(node, list):
        for i, child in enumerate(node):
            _walk(f"{path}[{i}]", child, foreign=foreign)
        return
    if not isinstance(node, Mapping):
        return
    if "_target_" in node:
        _check_target(path, node, foreign=foreign)
    elif "." not in path and path not in ("evaluation", "callbacks"):
        msg = f"{path}: no _target_. Every file of conf/{path}/ names one; got the keys {', '.join(map(str, node))}."
        raise ConfigError(msg)
    elif path.startswith("evaluation.") and path.count(".") == 1:
        _check_keys(path, node, {k: Parameter(Node, required=False) for k in ("blur", "downsample", "noise")})
    for key, child in node.items():
        if key not in HYDRA_KEYS:
            _walk(f"{path}.{key}", child, foreign=foreign)


def _check_target(path: str, node: Mapping[str, Any], *, foreign: bool) -> None:
    target = node["_target_"]
    if not isinstance(target, str) or "." not in target:
        msg = f"{path}._target_: {target!r} is not a dotted name such as restorelab.models.ae.AE."
        raise ConfigError(msg)
    parameters = signatures.from_source(target)
    if (parameters is None) != foreign:
        return
    if parameters is None:
        parameters = _imported(f"{path}._target_", target)
    given = {key: value for key, value in node.items() if key not in HYDRA_KEYS}
    _check_keys(path, given, parameters, partial=bool(node.get("_partial_")), of=target)


def _imported(path: str, target: str) -> dict[str, Parameter]:
    module_name, _, name = target.rpartition(".")
    try:
        module = import_module(module_name)
    except ImportError as error:
        msg = f"{path}: cannot import {module_name!r} ({error})."
        raise ConfigError(msg) from error
    if not hasattr(module, name):
        allowed = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        msg = f"{path}: {module_name} has no {name!r}. {nearest(name, allowed)}"
        raise ConfigError(msg)
    callable_ = getattr(module, name)
    try:
        hints = typing.get_type_hints(callable_.__init__ if inspect.isclass(callable_) else callable_)
    except (NameError, TypeError, AttributeError):
        hints = {}
    found = {}
    for parameter in inspect.signature(callable_).parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            found[signatures.ANY_KEY] = Parameter(Any, required=False)
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            # A foreign annotation is often narrower than what the callable takes, so only its names are binding.
            required = parameter.default is parameter.empty
            found[parameter.name] = Parameter(_scalars_only(hints.get(parameter.name, Any)), required=required)
    return found


def _scalars_only(annotation: Any) -> Any:
    return annotation if annotation in (int, float, bool) else Any


def _check_keys(
    path: str, given: Mapping[str, Any], parameters: Mapping[str, Parameter], *, partial: bool = False, of: str = ""
) -> None:
    prefix = f"{path}." if path else ""
    taker = f" of {of}" if of else ""
    for key, value in given.items():
        if key not in parameters:
            if signatures.ANY_KEY in parameters:
                continue
            msg = f"{prefix}{key}: unknown key{taker}. {nearest(key, parameters)}"
            raise ConfigError(msg)
        if value == "???":
            msg = f"{prefix}{key}: a value is needed; say {prefix}{key}=..."
            raise ConfigError(msg)
        if not signatures.accepts(parameters[key].annotation, value):
            allowed = signatures.describe(parameters[key].annotation)
            msg = f"{prefix}{key}: {value!r} is a {type(value).__name__}; {allowed} is wanted{taker}."
            raise ConfigError(msg)
    for key, parameter in parameters.items():
        if parameter.required and not partial and key not in given:
            msg = f"{prefix}{key}: missing; it has no default{taker}."
            raise ConfigError(msg)
