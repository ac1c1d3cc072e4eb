"""The parameters of a callable of another package, which is imported for it."""

import inspect
import typing
from importlib import import_module
from pathlib import Path
from typing import Any

from restorelab.config import signatures
from restorelab.config.signatures import Parameter
from restorelab.errors import ConfigError, nearest


def parameters_of(path: str, target: str) -> dict[str, Parameter]:
    """The parameters by name.

    path: of the key that names the target.

    Raises:
        ConfigError: for a target that cannot be imported, or that is not callable.
    """
    module_name, _, name = target.rpartition(".")
    try:
        module = import_module(module_name)
    except Exception as error:  # a user's own module may raise anything
        why = f"{type(error).__name__}: {error}"
        msg = f"{path}: cannot import {module_name!r} ({why}). Is it installed, or on PYTHONPATH?"
        raise ConfigError(msg) from error
    if not hasattr(module, name):
        allowed = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        msg = f"{path}: {module_name} has no {name!r}. {nearest(name, allowed)}"
        raise ConfigError(msg)
    callable_ = getattr(module, name)
    if not callable(callable_):
        msg = f"{path}: {target} is a {type(callable_).__name__}, which is not callable."
        raise ConfigError(msg)
    try:
        signature = inspect.signature(callable_)
    except ValueError:  # some functions written in C tell nothing
        return {signatures.ANY_KEY: Parameter(Any, required=False)}
    try:
        hints = typing.get_type_hints(callable_.__init__ if inspect.isclass(callable_) else callable_)
    except (NameError, TypeError, AttributeError):
        hints = {}
    found = {}
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            found[signatures.ANY_KEY] = Parameter(Any, required=False)
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            # A foreign annotation is often narrower than what the callable takes, so only numbers' are binding.
            required = parameter.default is parameter.empty
            annotation = _numbers_only(hints.get(parameter.name, Any))
            if parameter.default is None:
                annotation = annotation | None if annotation is not Any else Any
            found[parameter.name] = Parameter(annotation, required=required)
    return found


def _numbers_only(annotation: Any) -> Any:
    """Keep `float`, `int | None`, `float | Tensor`; anything else becomes Any."""
    options = typing.get_args(annotation) or (annotation,)
    plain = all(isinstance(option, type) and option not in (str, Path) for option in options)
    return annotation if plain and {int, float, bool} & set(options) else Any
