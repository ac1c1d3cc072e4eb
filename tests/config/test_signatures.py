"""Signatures read from source are those of the import."""

import collections.abc
import inspect
import types
import typing
from collections.abc import Mapping, Sequence
from importlib import import_module
from pathlib import Path
from typing import Any, Literal

import pytest
import yaml
from test_every_config import FILES, targets
from torch import nn

from restorelab.config import signatures
from restorelab.config.signatures import Built, accepts, describe, from_source, in_yaml, missing_here

OURS = sorted({t for file in FILES for t in targets(yaml.safe_load(file.read_text())) if t.startswith("restorelab.")})
PLAIN = {int, float, str, bool, types.NoneType, Path}
UNIONS = (typing.Union, types.UnionType)


def plain(hint: Any) -> bool:
    """Whether nothing but numbers, words, and lists and mappings of them is in a hint."""
    arguments = typing.get_args(hint)
    if typing.get_origin(hint) is Literal:
        return True
    return all(map(plain, arguments)) if arguments else hint in PLAIN


def parts(hint: Any) -> tuple[Any, set[Any]]:
    origin = typing.get_origin(hint)
    return ("union" if origin in UNIONS else origin), set(typing.get_args(hint))


def agrees(read: Any, hint: Any) -> bool:
    if plain(hint):
        return read == hint or (parts(read)[0] == "union" and parts(read) == parts(hint))
    if read is Any:
        return True
    if read is Built:
        return isinstance(hint, type)
    return parts(read)[0] == parts(hint)[0]


@pytest.mark.parametrize("target", OURS)
def test_source_equals_import(target: str) -> None:
    module, _, name = target.rpartition(".")
    imported = getattr(import_module(module), name)
    hints = typing.get_type_hints(imported.__init__ if inspect.isclass(imported) else imported)
    signature = inspect.signature(imported).parameters  # (*args, **kwargs) for a module without a constructor
    expected = {key: p for key, p in signature.items() if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD)}
    read = from_source(target)
    assert read is not None
    assert list(read) == list(expected)
    for key, parameter in expected.items():
        assert read[key].required == (parameter.default is parameter.empty), key
        assert agrees(read[key].annotation, hints.get(key, Any)), (key, read[key].annotation, hints.get(key))


def test_plain_types_are_read_and_not_waved_through() -> None:
    read = [p.annotation for target in OURS for p in (from_source(target) or {}).values()]
    assert sum(annotation is Any for annotation in read) < len(read) / 10


@pytest.mark.parametrize("target", ["torch.nn.Conv2d", "restorelab.load", "restorelab.models.ae.Nothing"])
def test_only_the_packages_own_are_read(target: str) -> None:
    assert from_source(target) is None


@pytest.mark.parametrize(
    ("target", "absent"),
    [
        ("restorelab.models.ae.AE", None),
        ("restorelab.models.ae.nn", None),  # imported there
        ("restorelab.load", None),
        ("torch.nn.Nothing", None),  # another package's is for the import to say
        ("restorelab.models.ae.Ae", "Ae"),
        ("restorelab.modles.ae.AE", "modles"),
        ("restorelab.models.aee.AE", "aee"),
        ("restorelab.laod", "laod"),
    ],
)
def test_what_the_package_lacks_is_known_without_import(target: str, absent: str | None) -> None:
    found = missing_here(target)
    assert (found and found[0]) == absent


NODE = {"_target_": "a.B"}


@pytest.mark.parametrize(
    ("annotation", "value", "fits"),
    [
        (Any, object(), True),
        (int, 3, True),
        (int, 3.0, False),
        (int, True, False),
        (int, "3", False),
        (int, None, False),
        (float, 3, True),
        (float, 3.5, True),
        (float, True, False),
        (float, "3", False),
        (float, [3.0], False),
        (bool, True, True),
        (bool, 1, False),
        (bool, "yes", False),
        (str, "a", True),
        (str, 3, False),
        (Path, "a/b", True),
        (int | None, None, True),
        (int | None, "x", False),
        (float | Sequence[float], 3, True),
        (float | Sequence[float], [1, 2.5], True),
        (float | Sequence[float], [1, "x"], False),
        (float | Sequence[float], "12", False),  # a str is a Sequence, but no list of numbers
        (Sequence[str], "ab", False),
        (tuple[int, int], [1, 2], True),
        (tuple[int, int], [1], False),
        (tuple[int, ...], [1, 2, 3], True),
        (list[int], [1, None], False),
        (Literal["a", "b"], "a", True),
        (Literal["a", "b"], "c", False),
        (Literal[1, 3], 3, True),
        (Literal[1, 3], True, False),
        (Literal[1, 3], 1.0, False),
        (Mapping[str, float], {"a": 1}, True),
        (Mapping[str, float], {"a": "b"}, False),
        (Mapping[str, float], [1], False),
        (Mapping[str, nn.Module], {"a": NODE}, True),
        (nn.Module, NODE, True),
        (nn.Module, "mse", False),
        (nn.Module, None, False),
        (Built, 3, False),
        (collections.abc.Callable[..., Any], NODE, True),
        (collections.abc.Callable[..., Any], "x", False),
        (int, NODE, True),  # whatever it may build
    ],
)
def test_accepts(annotation: Any, value: Any, fits: bool) -> None:
    assert accepts(annotation, value) is fits


@pytest.mark.parametrize(
    ("annotation", "words"),
    [
        (int, "a whole number"),
        (int | None, "a whole number or null"),
        (float | Sequence[float], "a number or a list of numbers"),
        (bool | Literal["auto"], "true or false or 'auto'"),
        (tuple[int, int], "a list of 2 whole numbers"),
        (nn.Module, "a mapping with a _target_"),
        (float | nn.Module, "a number"),
    ],
)
def test_describe(annotation: Any, words: str) -> None:
    assert describe(annotation) == words


def test_in_yaml() -> None:
    assert [in_yaml(v) for v in (None, True, 1, "a", [1, 2])] == ["null", "true", "1", "'a'", "[1, 2]"]
    assert len(in_yaml("x" * 1000)) == 60


def test_dataclasses_leave_class_variables_out() -> None:
    read = signatures.from_source("restorelab.degradations.noise.Gaussian")
    assert read is not None
    assert list(read) == ["sigma", "clip", "fixed", "region", "box"]
    assert read["sigma"].annotation == float | Sequence[float | str]
