"""`restorelab schema`: a JSON schema of the config files, with which an editor completes and checks them."""

import json
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union, get_args, get_origin

from restorelab.config import conf_files, options, own_keys, schema, signatures
from restorelab.config.schema import GROUPS, conf_dir
from restorelab.errors import UserError

USAGE = """\
restorelab schema [out=conf.schema.json]: write a JSON schema of the config files, for editors.

  out=FILE        where it goes; what is there is replaced

With the YAML extension of VS Code, put this into .vscode/settings.json:

  {"yaml.schemas": {"conf.schema.json": "conf/**/*.yaml"}}

Keys and the names of options are then completed, and hovering over a key shows what it decides.
"""

Schema = dict[str, Any]

REFERENCE = {"type": "string", "pattern": r"^\\?\$\{.*\}$|^\?\?\?$"}
"""A value that is taken from another key, and one that has to be given."""

NODE = {"$ref": "#/$defs/node"}
VALUE = {"$ref": "#/$defs/value"}
SIMPLE: dict[Any, str] = {bool: "boolean", int: "integer", float: "number", str: "string", Path: "string"}


def run(argv: Sequence[str]) -> int:
    """Write the schema.

    Raises:
        ConfigError: for another word than out=FILE.
        UserError: where the file cannot be written.
    """
    if {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    options_of_schema, _ = own_keys.split("schema", argv, ("out",), of_run=False)
    file = Path(options_of_schema.get("out", "conf.schema.json")).expanduser()
    new = file.with_name(f".{file.name}.tmp")
    try:
        new.write_text(json.dumps(of_configs(), indent=1) + "\n", encoding="utf-8")
        new.replace(file)
    except OSError as error:
        raise UserError(f"out={file}: cannot be written ({error.strerror}).") from error
    print(f"schema: {file.resolve()}")
    return 0


def of_configs() -> Schema:
    """Return the schema of all files below conf/: a file of a group, of an experiment or study, or at the root."""
    targets = sorted(_targets())
    cases = [
        {"if": {"properties": {"_target_": {"const": target}}, "required": ["_target_"]}, "then": _of_target(target)}
        for target in targets
    ]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "restorelab: config files",
        "type": ["object", "null"],
        "if": {"type": "object", "required": ["_target_"]},
        "then": NODE,
        "else": {"properties": _root(), "additionalProperties": VALUE},
        "$defs": {
            "node": {
                "type": "object",
                "properties": {"_target_": {"type": "string", "examples": targets}, "_partial_": {"type": "boolean"}},
                "required": ["_target_"],
                "allOf": cases,
            },
            "value": {
                "if": {"type": "object", "required": ["_target_"]},
                "then": NODE,
                "else": {"additionalProperties": VALUE, "items": VALUE},
            },
        },
    }


def _targets() -> Iterator[str]:
    """Yield every target that a shipped config names, once."""
    files = [file for group in (*GROUPS, "executor", "study", "experiment", "verify") for file in options.files(group)]
    yield from set().union(*(_named(conf_files.read_yaml(file)) for file in files))


def _named(node: Any) -> set[str]:
    if isinstance(node, dict):
        targets = {node["_target_"]} if isinstance(node.get("_target_"), str) else set()
        return targets.union(*map(_named, node.values()))
    return set().union(*map(_named, node)) if isinstance(node, list) else set()


def _of_target(target: str) -> Schema:
    """Return the schema of the mappings that name a target: its parameters, and none besides if they are known."""
    parameters = options.parameters(target)
    described = options.descriptions()
    annotated: Schema = {key: {} for key in (*schema.HYDRA_KEYS, "defaults")}
    for name, parameter in parameters.items():
        if name != signatures.ANY_KEY:
            text = described.get((target, name), "")
            annotated[name] = _of(parameter.annotation) | ({"description": text} if text else {})
    closed = signatures.from_source(target) is not None and signatures.ANY_KEY not in parameters
    more = ("restorelab.training.", "restorelab.metrics.protocol.")  # the run takes further keys beside these
    open_target = target.startswith(more)
    return {"properties": annotated, "additionalProperties": VALUE if open_target or not closed else False}


def _root() -> Schema:
    """Return the properties at the root of train.yaml, sweep.yaml and the experiments."""
    properties: Schema = {}
    for name, target in options.ROOTS.items():
        conf = options.read(conf_dir() / f"{name}.yaml")
        comments = {option.key: option.comment for option in conf.options}
        for key, parameter in options.parameters(target).items():
            if key not in GROUPS:
                properties[key] = _of(parameter.annotation) | {"description": comments.get(key, "")}
    names = {group: conf_files.options(group) for group in (*GROUPS, "experiment")}
    choices = {group: _choice(options_) for group, options_ in names.items()}
    overrides = {f"override /{group}": choice for group, choice in choices.items()}
    properties["defaults"] = {"items": {"properties": choices | overrides}}
    return {key: value for key, value in properties.items() if key not in ("name", "metric", "report", "trust")}


def _choice(names: Collection[str]) -> Schema:
    option: Schema = {"enum": [*names, None]}
    return {"anyOf": [option, {"type": "array", "items": option}]}


def _of(annotation: Any) -> Schema:
    """Return the schema of the YAML values that an annotation accepts, references included."""
    plain_schema = _plain(annotation)
    return {"anyOf": [*plain_schema.get("anyOf", [plain_schema]), REFERENCE]} if plain_schema else {}


def _plain(annotation: Any) -> Schema:  # noqa: PLR0911
    origin, arguments = get_origin(annotation), get_args(annotation)
    if annotation is Any:
        return {}
    if annotation in (None, NoneType):
        return {"type": "null"}
    if origin in (Union, UnionType):
        cases = [_plain(option) for option in arguments]
        return {"anyOf": cases} if all(cases) else {}
    if origin is Literal:
        return {"enum": list(arguments)}
    if annotation in SIMPLE:
        return {"type": SIMPLE[annotation]}
    accepted = [
        kind for kind, value in (("array", []), ("object", {})) if signatures.accepts(origin or annotation, value)
    ]
    if accepted == ["array"]:
        items = _of(arguments[0]) if arguments and get_origin(annotation) is not tuple else {}
        return {"type": "array", "items": items or VALUE}
    if accepted == ["object"]:
        return {"type": "object", "additionalProperties": VALUE}
    return NODE if not accepted else {}
