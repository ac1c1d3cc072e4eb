"""Explain Hydra's errors in one sentence."""

import re
import shlex
from collections.abc import Sequence
from typing import Any

import yaml
from hydra.errors import ConfigCompositionException, HydraException, MissingConfigException, OverrideParseException
from omegaconf import DictConfig, OmegaConf
from omegaconf.errors import InterpolationKeyError, InterpolationResolutionError, OmegaConfBaseException

from restorelab import quoting
from restorelab.config import schema as configs
from restorelab.config import trainer_arguments
from restorelab.config.conf_files import absent, options
from restorelab.config.dotted import leaves
from restorelab.config.schema import GROUPS
from restorelab.errors import ConfigError, nearest, nearest_key

CAUGHT = (HydraException, OmegaConfBaseException, ValueError, yaml.YAMLError)
"""What composing a config may raise; `explained` turns it into a ConfigError."""

OPTION = re.compile(r"=(?!null$)[\w./-]*[a-z]|=\[", re.IGNORECASE)
"""An override whose value may be the name of an option, or a list of names."""


def explained(error: Exception, overrides: Sequence[str] = ()) -> ConfigError:
    """Return a ConfigError that names the key or file, what is allowed, and the nearest valid name."""
    if isinstance(error, MissingConfigException):
        return ConfigError(_missing(error))
    cause = error.__cause__ if isinstance(error.__cause__, OmegaConfBaseException) else error
    if isinstance(cause, OmegaConfBaseException) and cause.full_key:
        return ConfigError(f"{cause.full_key}: {_at_key(cause)}")
    if isinstance(error, OverrideParseException):
        key, equals, value = str(error.override).partition("=")
        how = f", and quote a value that is text: {quoting.argument(key, value)}" if equals else ""
        return ConfigError(f"{error.override}: not a valid override. {_one_line(error)} Write key=value{how}.")
    return ConfigError(_of_hydra(error, overrides))


def _at_key(error: OmegaConfBaseException) -> str:
    parent = error.parent_node
    if single := re.search(r"access (\S+)\[\d\].*not a container", str(error)):
        name = single.group(1)
        return f"its value comes from {name}, which must be [height,width] here: {name}=[64,64]."
    if isinstance(error, InterpolationKeyError | InterpolationResolutionError):
        return f"its interpolation ${{...}} cannot be resolved. {_one_line(error)}"
    if "Cannot merge DictConfig" in str(error):
        return "expected a value or a list, not keys."
    if not ("not in struct" in str(error) or "not found" in str(error).lower()):
        return _one_line(error)
    if not isinstance(parent, DictConfig):
        return f"unknown key; {str(error.full_key).rpartition('.')[0]} is a single value without keys."
    root: Any = OmegaConf.to_container(parent._get_root(), resolve=False)
    dotted = [key for key in leaves(root) if key.partition(".")[0] in configs.ROOT]
    here = [str(k) for k in parent if k not in configs.HIDDEN]
    if str(error.full_key) == f"trainer.{error.key}":
        here += trainer_arguments.arguments().keys() - trainer_arguments.INSTEAD.keys() - set(here)
    hint = nearest_key(str(error.key), here, dotted)
    if str(error.full_key).rpartition(".")[0] in ("callbacks", "logger") and "Did you mean" not in hint:
        hint += f" A new one: +{error.full_key}='{{_target_: ..., ...}}'."
    return f"unknown key. {hint}"


def _of_hydra(error: Exception, overrides: Sequence[str]) -> str:
    text = str(error)
    named = re.search(r"'([^']+)'", text)
    name = named.group(1) if named else "?"
    if isinstance(error, ConfigCompositionException) and "defaults list" in text:
        group = name.split("@")[0]
        return f"{group}: there is no such config group. {nearest(group, GROUPS)}"
    if "Multiple values for evaluation" in text:
        return "noise: expected one option; for several noises use noise=mixture or noise=each."
    if "Ambiguous value" in text:
        by_key = {override.partition("=")[0].lstrip("+"): override for override in overrides}
        given = by_key.get(name, name if "=" in name else f"{name}=a,b")
        key, _, value = given.partition("=")
        as_list = shlex.quote(f"{key}=[{value}]")
        return (
            f"{given}: several values. Add -m for a run with each of them; write {as_list} for a list, or "
            f"{quoting.argument(key, value)} for a string with a comma."
        )
    if text.startswith("Config group override"):
        wrong = [o for o in overrides if o.partition("=")[0] in ("", *GROUPS, "experiment") and not OPTION.search(o)]
        return (
            f"{', '.join(wrong) or 'a config group'}: expected an option's name, or a list of names in brackets. "
            "The option none switches a stage off, such as blur=none."
        )
    if isinstance(error, HydraException | OmegaConfBaseException):
        return _one_line(error)
    return f"{' '.join(overrides)}: cannot be applied. {_one_line(error)}"


def _missing(error: MissingConfigException) -> str:
    group, _, name = (error.missing_cfg_file or "").rpartition("/")
    if not group:
        return f"{name or error}: there is no such config. {_one_line(error)}"
    return absent(group, name, error.options or options(group))


def _one_line(error: Exception) -> str:
    lines = [line.strip() for line in str(error).splitlines() if line.strip() and "full_key" not in line]
    text = " ".join(lines[:2]).replace("object_type=dict", "").strip()
    return text if text.endswith((".", "?", "!")) else f"{text}."
