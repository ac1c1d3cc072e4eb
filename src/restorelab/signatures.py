"""The parameters of a callable, read from its source without importing it, and values held against their types."""

import ast
import builtins
import collections.abc
import typing
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import NoneType, UnionType
from typing import Any, Literal, Union

PACKAGE = Path(__file__).resolve().parent
ANY_KEY = "**"
"""Stands among the parameters of a callable that takes any keyword."""


@dataclass(frozen=True)
class Parameter:
    """One parameter: its annotation (Any where it is unknown) and whether it must be given."""

    annotation: Any
    required: bool


class _Names(dict[str, Any]):
    """What an annotation may refer to; a name that is not plain data stands for anything."""

    def __missing__(self, name: str) -> Any:
        return getattr(builtins, name, None) or getattr(typing, name, None) or getattr(collections.abc, name, Any)


def from_source(target: str) -> dict[str, Parameter] | None:
    """The parameters of `restorelab.a.b.Name`, or None for a target outside this package or not found in it.

    Reads a class's `__init__`, a dataclass's fields, or a function's arguments.
    """
    package, *inner, name = target.split(".")
    if package != PACKAGE.name or not inner:
        return None
    tree = _parse(PACKAGE.joinpath(*inner).with_suffix(".py"))
    if tree is None:
        return None
    names = _Names(Path=Path)
    for node in tree.body:
        if isinstance(node, ast.Assign) and len(node.targets) == 1 and isinstance(node.targets[0], ast.Name):
            names[node.targets[0].id] = _evaluate(node.value, names)
    for node in tree.body:
        if isinstance(node, ast.FunctionDef) and node.name == name:
            return _arguments(node.args, names)
        if isinstance(node, ast.ClassDef) and node.name == name:
            for member in node.body:
                if isinstance(member, ast.FunctionDef) and member.name == "__init__":
                    return _arguments(member.args, names, skip=1)
            return _fields(node, names)
    return None


@lru_cache
def _parse(path: Path) -> ast.Module | None:
    return ast.parse(path.read_text()) if path.is_file() else None


def _arguments(args: ast.arguments, names: _Names, skip: int = 0) -> dict[str, Parameter]:
    positional = [*args.posonlyargs, *args.args]
    defaults = [None] * (len(positional) - len(args.defaults)) + list(args.defaults)
    pairs = [*zip(positional, defaults, strict=True)][skip:] + [*zip(args.kwonlyargs, args.kw_defaults, strict=True)]
    found = {a.arg: Parameter(_evaluate(a.annotation, names), required=d is None) for a, d in pairs}
    if args.kwarg:
        found[ANY_KEY] = Parameter(Any, required=False)
    return found


def _fields(node: ast.ClassDef, names: _Names) -> dict[str, Parameter]:
    found = {}
    for member in node.body:
        if isinstance(member, ast.AnnAssign) and isinstance(member.target, ast.Name):
            if "ClassVar" not in ast.unparse(member.annotation):
                annotation = _evaluate(member.annotation, names)
                found[member.target.id] = Parameter(annotation, required=member.value is None)
    return found


def _evaluate(node: ast.expr | None, names: _Names) -> Any:
    if node is None:
        return Any
    try:
        return eval(ast.unparse(node), {"__builtins__": {}}, names)  # noqa: S307  (our own source, names only)
    except Exception:  # an expression that is no plain type constrains nothing
        return Any


def accepts(annotation: Any, value: Any) -> bool:  # noqa: PLR0911
    """Whether a value of a YAML fits an annotation. A node with a `_target_` fits whatever it may build."""
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
            return not arguments or (
                len(value) == len(arguments) and all(map(accepts, arguments, value))
            )
        return not arguments or all(accepts(arguments[0], item) for item in value)
    if kind in (dict, collections.abc.Mapping):
        return isinstance(value, dict) and (
            len(arguments) < 2 or all(accepts(arguments[1], item) for item in value.values())
        )
    if kind is int:
        return isinstance(value, int)
    # A class that only a _target_ node can build; mappings of such nodes are built by Hydra too.
    return isinstance(value, dict | list) if isinstance(kind, type) or kind is collections.abc.Callable else True


def describe(annotation: Any) -> str:
    """An annotation in words, for an error message."""
    origin, arguments = typing.get_origin(annotation), typing.get_args(annotation)
    if origin in (Union, UnionType):
        return " or ".join(describe(option) for option in arguments)
    if origin is Literal:
        return " or ".join(repr(option) for option in arguments)
    if annotation in (None, NoneType):
        return "null"
    if origin in (list, tuple, collections.abc.Sequence):
        return f"a list of {describe(arguments[0])}" if arguments else "a list"
    if origin in (dict, collections.abc.Mapping):
        return "a mapping"
    return getattr(annotation, "__name__", str(annotation))
