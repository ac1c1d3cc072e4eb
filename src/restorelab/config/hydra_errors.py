"""Hydra's complaints in one clear sentence."""

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
"""An override that gives a group what may be the name of an option, or names."""


def explained(error: Exception, overrides: Sequence[str] = ()) -> ConfigError:
    """One sentence that names the key or the file, what is allowed, and the nearest valid name."""
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
        return f"it takes its value from {name}, which must be [height,width] for that: {name}=[64,64]."
    if isinstance(error, InterpolationKeyError | InterpolationResolutionError):
        return f"its ${{...}} leads nowhere. {_one_line(error)}"
    if "Cannot merge DictConfig" in str(error):
        return "it takes a value or a list, and no keys."
    if not ("not in struct" in str(error) or "not found" in str(error).lower()):
        return _one_line(error)
    if not isinstance(parent, DictConfig):
        return f"unknown key; {str(error.full_key).rpartition('.')[0]} is one value and holds no keys."
    whole: Any = OmegaConf.to_container(parent._get_root(), resolve=False)
    dotted = [key for key in leaves(whole) if key.partition(".")[0] in configs.ROOT]
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
        return "noise: one of its options only; several at once are noise=mixture and noise=each."
    if "Ambiguous value" in text:
        keys = {one.partition("=")[0].lstrip("+"): one for one in overrides}
        given = keys.get(name, name if "=" in name else f"{name}=a,b")
        key, _, value = given.partition("=")
        listed, text = shlex.quote(f"{key}=[{value}]"), quoting.argument(key, value)
        return (
            f"{given}: several values. For a run with each add -m; for one list write {listed}; for one text with a "
            f"comma {text}."
        )
    if text.startswith("Config group override"):
        wrong = [o for o in overrides if o.partition("=")[0] in ("", *GROUPS, "experiment") and not OPTION.search(o)]
        return (
            f"{', '.join(wrong) or 'a config group'}: expected an option's name, or a list of names in brackets. "
            "none switches a stage off, such as blur=none."
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
