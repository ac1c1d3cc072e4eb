"""Check a config against the root schema and the signatures of its targets, before anything is built or read.

There are two steps. `check_names` checks every key of a composed config against the root schema or the signature of the
node's `_target_`. It reads this package's signatures from the source, so that a typo is reported before torch is
imported. `check_values` then checks the targets of other packages, which have to be imported.
"""

import re
from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields, replace
from pathlib import Path
from typing import Any, Literal

from restorelab import file_names
from restorelab.config import metric_names, plausible, signatures, trainer_arguments
from restorelab.config.dotted import leaves
from restorelab.config.foreign_signatures import parameters_of
from restorelab.config.signatures import Parameter
from restorelab.degradations.labels import STAGES
from restorelab.duration import seconds
from restorelab.errors import ConfigError, closest, nearest, nearest_key

HIDDEN = ("_target_", "_partial_", "hydra", "choices", "sessions")
"""Keys that no message suggests, because they are not parameters."""

HYDRA_KEYS = {"_target_", "_partial_", "_convert_", "_recursive_", "_args_"}

GROUPS = (
    "model", "data", "test", "val", "blur", "downsample", "noise", "jpeg", "evaluation", "loss", "objective",
    "optimizer", "scheduler", "trainer", "protocol", "metrics", "logger", "callbacks",
)  # fmt: skip
"""The config groups of a run, in the order in which they are reported."""

NAMED = ("test", "val", "evaluation", "callbacks", "metrics", "logger")
"""Groups whose keys are names chosen by the user."""

Node = dict[str, Any]


@dataclass
class Train:
    """The root schema of train.yaml; conf/train.yaml has the defaults and documents each key."""

    model: Node
    data: Node
    test: Node
    val: Node
    blur: Node
    downsample: Node
    noise: Node
    jpeg: Node
    evaluation: Node
    loss: Node
    objective: Node
    optimizer: Node
    scheduler: Node
    trainer: Node
    protocol: Node
    metrics: Node
    logger: Node
    callbacks: Node
    name: str | None
    run_dir: str | None
    runs_dir: str
    data_dir: str
    resume: bool
    train: bool
    ckpt: str | None
    transfer: str | None
    length: str
    short: list[str]
    seed: int
    split_seed: int
    eval_seed: int
    threads: int | None
    max_steps: int | None
    max_time: str | None
    accumulate: int
    clip: float | None
    pictures: int
    verbose: bool
    debug: bool
    trust: list[str]
    choices: dict[str, Any]
    sessions: list[Node]


ROOT = frozenset(f.name for f in fields(Train)) - {"choices", "short"}
"""The keys at the root of a config."""

LIMITS = {
    "seed": (0, 2**32 - 1),  # the range of NumPy's global generator
    "split_seed": (0, None),
    "eval_seed": (0, None),
    "threads": (1, 1024),
    "max_steps": (1, None),
    "accumulate": (1, None),
    "pictures": (0, 64),
}
"""Least and greatest value of numbers at the root."""

TIMING = {
    "interval": Parameter(Literal["step", "epoch"] | None, required=False),
    "monitor": Parameter(str | None, required=False),
}
"""Further keys of every scheduler: when it is stepped, and with which metric; see `training.schedule`."""

DOTTED = re.compile(r"[A-Za-z_]\w*(\.[A-Za-z_]\w*)+", re.ASCII)
"""A target: a module and a name in it. With other characters, the look-up of its source could reach other files."""

DURATION = re.compile(r"(\d+:)?\d+:\d+:\d+")


def conf_dir() -> Path:
    """Return the folder of the shipped configs: inside the installed package, or at the top of a checkout."""
    package = Path(__file__).resolve().parents[1]
    return package / "conf" if (package / "conf").is_dir() else package.parents[1] / "conf"


def check_names(config: Mapping[str, Any]) -> None:
    """Check every key and type of a resolved config against the schema and this package's signatures.

    Raises:
        ConfigError: for an unknown key, a wrong type, or a missing value; it names the key and what is allowed.
    """
    if config.get("max_time") is not None:
        seconds(str(config["max_time"]))
    for key in config:
        if key not in {f.name for f in fields(Train)}:
            others = [path for path in leaves(config) if path != key]
            raise ConfigError(f"{key}: unknown key. {nearest_key(str(key), ROOT, others)}")
    root = {f.name: Parameter(f.type, required=f.default is MISSING) for f in fields(Train)}
    _check_keys("", dict(config), root)
    for key, value in config.items():
        plausible.check(key, value)
    _check_root(config)
    for group in NAMED:
        for name in config[group]:
            file_names.require(group, name)
    _check_validation_set(config["val"], config["test"])
    metric_names.check(config["metrics"])
    for group in GROUPS:
        _walk(group, config[group], foreign=False)


def _check_validation_set(val: Mapping[str, Any], test: Mapping[str, Any]) -> None:
    """Refuse several validation sets, and one that is tested on: by its name, or by its folder."""
    if len(val) > 1:
        raise ConfigError(f"val: expected one set, got {', '.join(val)}. The best checkpoint is chosen on one.")
    roots = {node.get("root"): name for name, node in test.items() if isinstance(node, Mapping) and node.get("root")}
    for name, node in val.items():
        tested = name if name in test else roots.get(node.get("root")) if isinstance(node, Mapping) else None
        if tested:
            raise ConfigError(
                f"val={name}: it is the test set test.{tested}. The best checkpoint is chosen on the validation set, "
                "and nothing may be chosen on test images. Choose another set, or val=null for a part of the dataset."
            )


def require_whole(config: Mapping[str, Any], file: Path) -> None:
    """Check that the config.yaml of a run has every key of the root schema, with values of the right type.

    Raises:
        ConfigError: naming the file and the key.
    """
    root = {f.name: Parameter(f.type, required=True) for f in fields(Train)}
    try:
        _check_keys("", {key: value for key, value in config.items() if key in root}, root)
    except ConfigError as error:
        raise ConfigError(f"{file} is damaged, or not the config of a run: {error}") from error


def _check_root(config: Mapping[str, Any]) -> None:
    """Check the values at the root, whose types are known to be right, against their limits."""
    for key, (least, most) in LIMITS.items():
        value = config[key]
        if value is not None and (value < least or (most is not None and value > most)):
            allowed = f"at least {least}" if most is None else f"{least} to {most}"
            raise ConfigError(f"{key}: {value} does not fit; expected {allowed}.")
    if config["clip"] is not None and not config["clip"] > 0:
        raise ConfigError(f"clip: {config['clip']} does not fit; expected a gradient norm above 0, or null for none.")
    for key in ("name", "run_dir", "runs_dir", "data_dir", "ckpt", "transfer"):
        if config[key] is not None and not config[key].strip():
            raise ConfigError(f"{key}: it is empty. Give it a value, or leave it out.")
    for part in (config["name"] or "run").split("/"):  # a name may have folders
        if reason := file_names.refusal(part):
            raise ConfigError(
                f"name: {config['name']!r} cannot be a folder in runs_dir: {part!r} {reason}. Use run_dir to give the "
                "path of any folder."
            )


def check_values(config: Mapping[str, Any]) -> None:
    """Check the nodes whose target is in another package against its signature; this imports the target."""
    for group in GROUPS:
        _walk(group, config.get(group), foreign=True)


def check_node(path: str, node: Any) -> None:
    """Check a node that is not in a config group of a run, such as a study's table, against its target's signature."""
    if not isinstance(node, Mapping) or "_target_" not in node:
        raise ConfigError(f"{path}: expected a mapping with a _target_.")
    for foreign in (False, True):
        _walk(path, node, foreign=foreign)


def _walk(path: str, node: Any, *, foreign: bool) -> None:
    if isinstance(node, list):
        for i, child in enumerate(node):
            _walk(f"{path}[{i}]", child, foreign=foreign)
        return
    if not isinstance(node, Mapping):
        return
    if path == "logger" and "_target_" in node:
        msg = "logger: it holds loggers by name, and this is a logger itself: logger.NAME={_target_: ..., ...}."
        raise ConfigError(msg)
    if "_target_" in node:
        _check_target(path, node, foreign=foreign)
    elif "." not in path and path not in NAMED:
        keys = ", ".join(map(str, node))
        raise ConfigError(f"{path}: it has no _target_, but the keys {keys}. Every file of conf/{path}/ has one.")
    for key, child in node.items():
        if path in NAMED:
            _check_entry(f"{path}.{key}", child)
        if key not in HYDRA_KEYS:
            _walk(f"{path}.{key}", child, foreign=foreign)


def _check_entry(path: str, node: Any) -> None:
    """Check that a named set, callback, metric or logger has a target, or that a named evaluation has valid stages."""
    text = signatures.in_yaml(node)
    if not path.startswith("evaluation.") and (not isinstance(node, Mapping) or "_target_" not in node):
        raise ConfigError(f"{path}: {text} does not fit; expected a mapping with a _target_. ~{path} removes it.")
    if path.startswith("evaluation."):
        if not isinstance(node, Mapping):
            known = f"{', '.join(STAGES[:-1])} or {STAGES[-1]}"
            raise ConfigError(f"{path}: {text} does not fit; expected a mapping with {known}, or {{}}.")
        stages = {k: Parameter(Node, required=False) for k in STAGES}
        _check_keys(path, node, stages | {"of": Parameter(str | None, required=False)})
        plausible.check_evaluation(path, node)


def _check_target(path: str, node: Mapping[str, Any], *, foreign: bool) -> None:
    target = node["_target_"]
    if not isinstance(target, str) or not DOTTED.fullmatch(target):
        raise ConfigError(f"{path}._target_: {target!r} is not a dotted name such as restorelab.models.ae.AE.")
    parameters = signatures.from_source(target)
    if parameters is None and not foreign and (absent := signatures.missing_here(target)):
        name, others = absent
        raise ConfigError(f"{path}._target_: {target}: there is no {name!r}. {nearest(name, others)}")
    if (parameters is None) != foreign:
        return
    if parameters is None:
        parameters = parameters_of(f"{path}._target_", target)
    values = {key: value for key, value in node.items() if key not in HYDRA_KEYS}
    if path == "scheduler":
        parameters = parameters | TIMING
    if path.startswith("logger.") and "save_dir" in parameters:  # which is the run's folder, where nothing else is said
        parameters = parameters | {"save_dir": replace(parameters["save_dir"], required=False)}
    if target == trainer_arguments.GROUP:
        parameters = dict(trainer_arguments.taken(path, values, parameters))
    for name in list(parameters)[: len(node.get("_args_") or [])]:
        parameters = {key: value for key, value in parameters.items() if key != name}
    _check_keys(path, values, parameters, partial=bool(node.get("_partial_")), of=target)


def _check_keys(
    path: str, values: Mapping[str, Any], parameters: Mapping[str, Parameter], *, partial: bool = False, of: str = ""
) -> None:
    prefix = f"{path}." if path else ""
    owner = f" of {of}" if of else ""
    for key, value in values.items():
        if key not in parameters:
            if signatures.ANY_KEY in parameters:
                continue
            raise ConfigError(f"{prefix}{key}: unknown key{owner}. {nearest(key, set(parameters) - set(HIDDEN))}")
        if value == "???":
            raise ConfigError(f"{prefix}{key}: a value is required; set {prefix}{key}=...")
        annotation = parameters[key].annotation
        built = isinstance(value, Mapping) and "_target_" in value and signatures.plain(annotation)
        if built or not signatures.accepts(annotation, value):
            near = closest(str(value), signatures.choices(annotation))
            raise ConfigError(
                f"{prefix}{key}: {signatures.in_yaml(value)} does not fit{f' {of}' if of else ''}; expected "
                f"{signatures.describe(annotation)}.{f' Did you mean {near!r}?' if near else ''}"
            )
    for key, parameter in parameters.items():
        if parameter.required and not partial and key not in values:
            raise ConfigError(f"{prefix}{key}: missing; it has no default{owner}.")
