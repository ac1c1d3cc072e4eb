"""The parameters of a callable of another package, which has to be imported."""

import inspect
import typing
from importlib import import_module
from pathlib import Path
from typing import Any

from restorelab.config import signatures
from restorelab.config.signatures import Parameter
from restorelab.errors import ConfigError, nearest


def parameters_of(path: str, target: str) -> dict[str, Parameter]:
    """Return the parameters of a target by name.

    path: the config key of the target, for messages.

    Raises:
        ConfigError: for a target that cannot be imported, or that is not callable.
    """
    module_name, _, name = target.rpartition(".")
    try:
        module = import_module(module_name)
    except Exception as error:  # a user's own module may raise anything
        reason = f"{type(error).__name__}: {error}"
        raise ConfigError(
            f"{path}: cannot import {module_name!r} ({reason}). Is it installed, or on PYTHONPATH?"
        ) from error
    if not hasattr(module, name):
        allowed = [n for n, value in vars(module).items() if callable(value) and not n.startswith("_")]
        raise ConfigError(f"{path}: {module_name} has no {name!r}. {nearest(name, allowed)}")
    callable_ = getattr(module, name)
    if not callable(callable_):
        raise ConfigError(f"{path}: {target} is a {type(callable_).__name__}, which is not callable.")
    try:
        signature = inspect.signature(callable_)
    except ValueError:  # some functions written in C have no signature
        return {signatures.ANY_KEY: Parameter(Any, required=False)}
    try:
        hints = typing.get_type_hints(callable_.__init__ if inspect.isclass(callable_) else callable_)
    except (NameError, TypeError, AttributeError):
        hints = {}
    parameters = {}
    for parameter in signature.parameters.values():
        if parameter.kind is parameter.VAR_KEYWORD:
            parameters[signatures.ANY_KEY] = Parameter(Any, required=False)
        elif parameter.kind is not parameter.VAR_POSITIONAL:
            # Annotations of other packages are often narrower than what is accepted, so only numbers are checked.
            required = parameter.default is parameter.empty
            annotation = _numbers_only(hints.get(parameter.name, Any))
            if parameter.default is None:
                annotation = annotation | None if annotation is not Any else Any
            parameters[parameter.name] = Parameter(annotation, required=required)
    return parameters


def _numbers_only(annotation: Any) -> Any:
    """Return annotations such as `float`, `int | None` and `float | Tensor`; Any for all others."""
    options = typing.get_args(annotation) or (annotation,)
    plain = all(isinstance(option, type) and option not in (str, Path) for option in options)
    return annotation if plain and {int, float, bool} & set(options) else Any
