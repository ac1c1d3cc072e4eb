"""The options of the config files: each key with its default, its type and what its comment says.

The documentation's reference, the JSON schema for editors and the shell completion are made from this.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from restorelab.config import conf_files, signatures
from restorelab.config.foreign_signatures import parameters_of
from restorelab.config.schema import HYDRA_KEYS, TIMING, conf_dir
from restorelab.config.signatures import Parameter

ROOTS = {"train": "restorelab.config.schema.Train", "sweep": "restorelab.sweep.keys.Sweep"}
"""The files at the root of conf/ and the classes that type their keys."""

NOT_OPTIONS = {*HYDRA_KEYS, "defaults", "hydra"}
"""Keys that Hydra reads."""

COMMENT = re.compile(r"#\s?(.*)$")
COMMAND = re.compile(r"(?:python (?:train|sweep)\.py|restorelab) \S.*|\.\.\. .*")


@dataclass(frozen=True)
class Option:
    """One key of a config file.

    `key` is dotted below the file's group, `default` its text in the file, `comment` what the file or the docstring of
    the target says of it, `target` the class or function that takes it ("" if the key is a name chosen by the user).
    """

    key: str
    default: str
    annotation: Any
    comment: str
    target: str


@dataclass(frozen=True)
class ConfFile:
    """One file of conf/: what its head says, the commands in it, the files that it includes, and its options."""

    name: str
    head: str
    commands: tuple[str, ...]
    includes: tuple[str, ...]
    options: tuple[Option, ...]


@lru_cache
def read(file: Path) -> ConfFile:
    """Return what a config file offers. Keys without a comment take that of the target's docstring or of a sibling."""
    text = file.read_text(encoding="utf-8")
    node = yaml.compose(text, Loader=yaml.SafeLoader)
    head, commands = _head(text)
    if not isinstance(node, yaml.MappingNode):
        return ConfFile(_name(file), head, commands, (), ())
    content = conf_files.read_yaml(file)
    includes = tuple(
        item if isinstance(item, str) else f"{next(iter(item))}: {next(iter(item.values()))}"
        for item in content.get("defaults", ())
    )
    root = ROOTS.get(_name(file), "")
    options = tuple(_options(text, node, "", root))
    return ConfFile(_name(file), head, commands, includes, options)


def described(file: Path) -> ConfFile:
    """Return `read(file)` with the comments that only the files of the same target have."""
    conf = read(file)
    group = file.parent.relative_to(conf_dir())
    names = [name.partition("@")[0] for name in conf.includes if ":" not in name and name != "_self_"]
    included = [conf_dir() / (f"{name[1:]}.yaml" if name[0] == "/" else group / f"{name}.yaml") for name in names]
    inherited = {option.key: option for base in included for option in described(base).options}
    options = tuple(option if option.comment else _completed(option, inherited) for option in conf.options)
    comments = {option.key: option.comment for option in options}
    options = tuple(
        option if option.comment or not comments.get(parent := option.key.rpartition(".")[0].partition(".")[0])
        else replace(option, comment=f"See {parent}.") for option in options
    )  # fmt: skip
    target = conf_files.read_yaml(file).get("_target_", "")
    return replace(conf, head=conf.head or summary(target), options=options)


def parameters(target: str) -> dict[str, Parameter]:
    """Return the parameters of a target; packages other than restorelab are imported for it."""
    parameters_here = signatures.from_source(target)
    return parameters_of(target, target) if parameters_here is None else parameters_here


def files(group: str) -> list[Path]:
    """Return the shipped files of a config group, sorted by name."""
    return sorted((conf_dir() / group).rglob("*.yaml"))


def _name(file: Path) -> str:
    return file.relative_to(conf_dir()).with_suffix("").as_posix() if file.is_relative_to(conf_dir()) else file.stem


def _options(text: str, node: yaml.MappingNode, prefix: str, target: str) -> Iterator[Option]:
    """Yield the options of a mapping and of the mappings in it, in the order of the file."""
    names = {key.value: value for key, value in node.value}
    target = names["_target_"].value if "_target_" in names else target
    typed = _typed(target, prefix)
    for key_node, value in node.value:
        key = str(key_node.value)
        if key in NOT_OPTIONS:
            continue
        comment = _comment(text, key_node, value) or _documented(target).get(key, "")
        default = text[value.start_mark.index : value.end_mark.index].strip()
        if isinstance(value, yaml.SequenceNode) and not value.flow_style:
            items = yaml.SafeLoader("").construct_object(value, deep=True)
            default = yaml.safe_dump(items, default_flow_style=True, width=1000).strip()
        inner = isinstance(value, yaml.MappingNode) and bool(value.value)
        if inner:
            default = next((v.value for k, v in value.value if k.value == "_target_"), "")
        annotation = typed[key].annotation if key in typed else Any
        if not inner or target or comment or default:
            yield Option(f"{prefix}{key}", default, annotation, comment, target)
        if inner:
            yield from _options(text, value, f"{prefix}{key}.", "")


def _typed(target: str, prefix: str) -> dict[str, Parameter]:
    if not target:
        return {}
    return parameters(target) | (TIMING if "scheduler" in target and not prefix else {})


def _comment(text: str, key: yaml.Node, value: yaml.Node) -> str:
    """Return the comment behind a value, with the comment lines that go on with it; else the one directly above."""
    lines = text.splitlines()
    block = isinstance(value, yaml.CollectionNode) and not value.flow_style
    line = key.end_mark.line if block else value.end_mark.line
    start = key.end_mark.column + 1 if block else value.end_mark.column
    behind = COMMENT.match(lines[line][start:].strip()) if line < len(lines) else None
    if behind:
        return " ".join([behind[1], *_comment_lines(lines[line + 1 :])]).strip()
    above = _comment_lines(reversed(lines[: key.start_mark.line]))
    before = key.start_mark.line - len(above) - 1
    return " ".join(reversed(above)) if before >= 0 and "#" not in lines[before] else ""


def _comment_lines(lines: Any) -> list[str]:
    """Return the text of the comment lines with which `lines` begin."""
    texts = []
    for line in lines:
        comment = COMMENT.match(line.strip())
        if comment is None:
            break
        texts.append(comment[1])
    return texts


def _head(text: str) -> tuple[str, tuple[str, ...]]:
    """Return the prose and the commands of the comment with which a file begins."""
    prose: list[str] = []
    commands: list[str] = []
    for line in _comment_lines(text.splitlines()):
        if line.startswith("@package"):
            continue
        command = COMMAND.search(line)
        if command and (command[0][0] != "." or not line[: command.start()].strip()):
            commands.append(command[0].strip())
            prose.append(line[: command.start()].strip())
        else:
            prose.append(line.strip())
    return " ".join(filter(None, prose)), tuple(commands)


@lru_cache
def _docstring(target: str) -> str:
    """Return the docstring of a class or function of this package, read from its source; "" if there is none."""
    package, *inner, name = target.split(".") if "." in target else ("", target)
    file = signatures.PACKAGE.joinpath(*inner).with_suffix(".py")
    if package != signatures.PACKAGE.name or not file.is_file():
        return ""
    body = ast.parse(file.read_text(encoding="utf-8")).body
    owners = (node for node in body if isinstance(node, ast.ClassDef | ast.FunctionDef) and node.name == name)
    return next((ast.get_docstring(owner) or "" for owner in owners), "")


def summary(target: str) -> str:
    """Return the first paragraph of a target's docstring on one line."""
    return " ".join(_docstring(target).partition("\n\n")[0].split())


@lru_cache
def _documented(target: str) -> dict[str, str]:
    """Return what the Args or Attributes section of a target's docstring says of its parameters."""
    section = re.search(r"(?:Args|Attributes):\n((?: {4}.*\n?|\n)+)", _docstring(target))
    entries = re.findall(r"^ {4}(\w+): ((?:.|\n {8})*)", section[1] if section else "", re.MULTILINE)
    return {key: " ".join(text.split()) for key, text in entries}


@lru_cache
def descriptions() -> dict[tuple[str, str], str]:
    """Return the comments of all shipped files by target and parameter; of several the first counts."""
    comments: dict[tuple[str, str], str] = {}
    for file in sorted(conf_dir().glob("*/*.yaml")):
        for option in read(file).options:
            if option.comment and option.target:
                comments.setdefault((option.target, option.key.rpartition(".")[2]), option.comment)
    return comments


def _completed(option: Option, inherited: dict[str, Option]) -> Option:
    """Add the comment and the type that an included file, a file of the same target, or the value's target has."""
    base = inherited.get(option.key)
    sibling = descriptions().get((option.target, option.key.rpartition(".")[2]), "")
    comment = (base.comment if base else "") or sibling or summary(option.default)
    annotation = base.annotation if base and option.annotation is Any else option.annotation
    return replace(option, comment=comment, annotation=annotation)
