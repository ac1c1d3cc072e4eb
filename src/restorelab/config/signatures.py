"""Read the parameters of a callable from its source, without importing it, and check values against their types."""

import ast
import builtins
import collections.abc
import copy
import json
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union

PACKAGE = Path(__file__).resolve().parents[1]
ANY_KEY = "**"
"""The name that stands for arbitrary keywords (`**kwargs`) among the parameters of a callable."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: its annotation (Any if unknown), whether it is required, and whether it is keyword-only."""

    annotation: Any
    required: bool
    keyword: bool = False


class Built:
    """Stands for a class of another package, such as `nn.Module`; its values are nodes with a `_target_`."""


class _Dotted(ast.NodeTransformer):
    """Replace dotted names such as `nn.Module`, which are classes of other packages, by `Built`."""

    def visit_Attribute(self, node: ast.Attribute) -> ast.Name:
        return ast.copy_location(ast.Name(Built.__name__, ast.Load()), node)


class _Names(dict[str, Any]):
    """The names that an annotation may refer to; an unknown name means Any."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, None) or getattr(collections.abc, name, None) or getattr(typing, name, Any)


@lru_cache
def from_source(target: str) -> dict[str, Parameter] | None:
    """Return the parameters of `restorelab.a.b.Name`; None for a target outside this package or not found in it.

    They are those of a function, of a class's `__init__`, or a dataclass's fields with the inherited ones.
    """
    package, *inner, name = ["", *target.split(".")] if "." not in target else target.split(".")
    if package != PACKAGE.name or not inner:
        return None
    tree = _parse(PACKAGE.joinpath(*inner).with_suffix(".py"))
    if tree is None:
        return None
    names = _names_of(PACKAGE.joinpath(*inner).with_suffix(".py"))
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return arguments(node.args, names)
        if isinstance(node, ast.ClassDef) and node.name == name:
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                    return arguments(member.args, names, skip=1)
            fields = _inherited(tree, node) | _fields(node, names)
            return dict(sorted(fields.items(), key=lambda item: item[1].keyword))
    return None


def _inherited(tree: ast.Module, node: ast.ClassDef) -> dict[str, Parameter]:
    """Return the fields of those bases of a class that its module imports from this package."""
    bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
    fields: dict[str, Parameter] = {}
    for imported in tree.body:
        if isinstance(imported, ast.ImportFrom):
            for name in imported.names:
                if (name.asname or name.name) in bases:
                    fields |= from_source(f"{imported.module}.{name.name}") or {}
    return fields


def missing_here(target: str) -> tuple[str, list[str]] | None:
    """Return the part of a target in this package that does not exist, and the names that do; None if all exists.

    Names that a module imports count as its own.
    """
    package, *inner, name = target.split(".")
    if package != PACKAGE.name:
        return None
    place = PACKAGE
    for part in inner:
        if not (place / part).is_dir() and not (place / f"{part}.py").is_file():
            return part, sorted({file.stem for file in place.glob("[a-z]*") if file.suffix == ".py" or file.is_dir()})
        place /= part
    tree = _parse(place / "__init__.py" if place.is_dir() else place.with_suffix(".py"))
    here, other = set[str](), set[str]()
    for node in tree.body if tree else ():
        if isinstance(node, ast.ClassDef | ast.FunctionDef):
            here.add(node.name)
        elif isinstance(node, ast.ImportFrom | ast.Import):
            other |= {alias.asname or alias.name for alias in node.names}
        elif isinstance(node, ast.Assign):
            other |= {target.id for target in node.targets if isinstance(target, ast.Name)}
    return None if name in here | other else (name, sorted(name for name in here if not name.startswith("_")))


@lru_cache
def _names_of(path: Path) -> _Names:
    """Return what the annotations of a module may refer to: its own names, and imports from this package."""
    names, tree = _Names(Path=Path, Built=Built), _parse(path)
    for node in tree.body if tree else ():
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith(f"{PACKAGE.name}."):
            other = _names_of(PACKAGE.joinpath(*str(node.module).split(".")[1:]).with_suffix(".py"))
            names |= {a.asname or a.name: other[a.name] for a in node.names if a.name in other}
        elif isinstance(node, ast.ClassDef):
            names[node.name] = Built
        elif isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = _evaluate(node.value, names)
    return names


@lru_cache
def _parse(path: Path) -> ast.Module | None:
    return ast.parse(path.read_text()) if path.is_file() else None


def arguments(args: ast.arguments, names: Mapping[str, Any] | None = None, skip: int = 0) -> dict[str, Parameter]:
    """The parameters of a function whose source was parsed. names: what its annotations refer to."""
    names = _Names() if names is None else names
    positional = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
    keywords = zip(args.kwonlyargs, args.kw_defaults, strict=True)
    pairs = [*[*zip(positional, defaults, strict=True)][skip:], *keywords]
    parameters = {a.arg: Parameter(_evaluate(a.annotation, names), required=d is None) for a, d in pairs}
    if args.kwarg:
        parameters[ANY_KEY] = Parameter(Any, required=False)
    return parameters


def _fields(node: ast.ClassDef, names: _Names) -> dict[str, Parameter]:
    fields = {}
    keywords = any("kw_only=True" in ast.unparse(decorator) for decorator in node.decorator_list)
    for member in node.body:
        if not isinstance(member, ast.AnnAssign) or not isinstance(member.target, ast.Name):
            continue
        if "ClassVar" not in ast.unparse(member.annotation):
            annotation = _evaluate(member.annotation, names)
            keyword = keywords or (member.value is not None and "kw_only=True" in ast.unparse(member.value))
            fields[member.target.id] = Parameter(annotation, required=member.value is None, keyword=keyword)
    return fields


def _evaluate(node: ast.expr | None, names: Mapping[str, Any]) -> Any:
    if node is None:
        return Any
    try:
        plain = _Dotted().visit(copy.deepcopy(node))
        return eval(ast.unparse(plain), {"__builtins__": {}}, names)  # an annotation of this package, names only
    except Exception:  # an expression that is not a plain type accepts anything
        return Any


def accepts(annotation: Any, value: Any) -> bool:  # noqa: PLR0911
    """Return whether a YAML value fits an annotation. A node with a `_target_` fits every annotation."""
    if annotation is Any or (isinstance(value, dict) and "_target_" in value):
        return True
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, UnionType):
        return any(accepts(option, value) for option in arguments)
    if origin is Literal:
        return any(value == option and type(value) is type(option) for option in arguments)
    if annotation in (None, NoneType):
        return value is None
    kind = origin or annotation
    if kind is bool or isinstance(value, bool):
        return kind is bool and isinstance(value, bool)
    if kind is float:
        return isinstance(value, int | float)
    if kind in (str, Path):
        return isinstance(value, str)
    if kind in (list, tuple, set, collections.abc.Sequence, collections.abc.Iterable, collections.abc.Collection):
        if not isinstance(value, list):
            return False
        if kind is tuple and Ellipsis not in arguments:
            return not arguments or (len(value) == len(arguments) and all(map(accepts, arguments, value)))
        return not arguments or all(accepts(arguments[0], item) for item in value)
    if kind in (dict, collections.abc.Mapping):
        return isinstance(value, dict) and (
            len(arguments) < 2 or all(accepts(arguments[1], item) for item in value.values())
        )
    if kind is int:
        return isinstance(value, int)
    return not (isinstance(kind, type) or kind is collections.abc.Callable)  # these need a node with a _target_


WORDS = {
    None: "null",
    NoneType: "null",
    bool: "true or false",
    int: "a whole number",
    float: "a number",
    str: "a string",
    Path: "a path",
    dict: "a mapping",
    list: "a list",
}
"""The names of types in messages."""


def plain(annotation: Any) -> bool:
    """Return whether an annotation means numbers, strings, paths, or lists of those, which are not built."""
    if typing.get_origin(annotation) is Literal:
        return True
    options = typing.get_args(annotation)
    if not options:
        return annotation in (int, float, str, bool, Path, None, NoneType)
    return all(option is Ellipsis or plain(option) for option in options) and not _is_mapping(annotation)


def _is_mapping(annotation: Any) -> bool:
    return typing.get_origin(annotation) in (dict, collections.abc.Mapping)


def choices(annotation: Any) -> list[str]:
    """Return the strings that a `Literal` in an annotation lists."""
    options = typing.get_args(annotation)
    if typing.get_origin(annotation) is Literal:
        return [option for option in options if isinstance(option, str)]
    return [name for option in options for name in choices(option)]


def in_yaml(value: Any) -> str:
    """Return a value roughly as it is written in a config, shortened to 60 characters."""
    text = json.dumps(value) if value is None or isinstance(value, bool) else repr(value)
    return text if len(text) <= 60 else f"{text[:57]}..."


def describe(annotation: Any) -> str:
    """Describe an annotation in words, for a message."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, UnionType):
        kept = [option for option in arguments if not isinstance(option, type) or option in WORDS] or list(arguments)
        return " or ".join(dict.fromkeys(describe(option) for option in kept))
    if origin is Literal:
        return " or ".join(in_yaml(option) for option in arguments)
    if annotation in WORDS:
        return WORDS[annotation]
    if origin in (list, tuple, collections.abc.Sequence):
        items = {float if item == float | str else item for item in arguments} - {Ellipsis}  # `[levels, 15, 50]`
        plain = items <= {int, float, str} and len(items) == 1
        count = f"{len(arguments)} " if origin is tuple and Ellipsis not in arguments else ""
        return f"a list of {count}{WORDS[items.pop()].removeprefix('a ')}s" if plain else "a list"
    if origin in (dict, collections.abc.Mapping):
        return f"a mapping whose values are each {describe(arguments[1])}" if arguments else "a mapping"
    return "a mapping with a _target_"
