"""The files of conf/: the shipped ones and the user's own, by group and option."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from restorelab import file_names, quoting
from restorelab.config.schema import conf_dir
from restorelab.errors import ConfigError, nearest

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's, which is ten times as fast, where PyYAML was built with it."""


def user_conf() -> Path | None:
    """The user's own ./conf, where it is not the shipped one; it joins the search path behind that."""
    own = Path.cwd() / "conf"
    return own if own.is_dir() and own.resolve() != conf_dir().resolve() else None


def searched() -> list[str]:
    """What tells Hydra of the user's own ./conf."""
    return [f"hydra.searchpath=[{quoting.quoted(f'file://{own}')}]"] if (own := user_conf()) else []


def conf_dirs() -> list[Path]:
    """The shipped folder, and last the user's own. Of two files of one name Hydra takes the first, `find` the last."""
    return [folder for folder in (conf_dir(), user_conf()) if folder]


def options(group: str) -> list[str]:
    """The names that a config group offers, the user's own ./conf included; `experiment` has them in folders."""
    folders = [folder / group for folder in conf_dirs()]
    return sorted({file.relative_to(f).with_suffix("").as_posix() for f in folders for file in f.rglob("*.yaml")})


def find(group: str, name: str) -> Path:
    """The file GROUP/NAME.yaml of a group that Hydra does not compose: the user's own before the shipped one.

    Raises:
        ConfigError: where there is none.
    """
    for part in name.split("/"):
        file_names.require(group, part)
    for folder in reversed(conf_dirs()):
        if (file := folder / group / f"{name}.yaml").is_file():
            return file
    raise ConfigError(absent(group, name, options(group)))


def read_yaml(file: Path) -> dict[str, Any]:
    """The keys and values of a file that a person wrote; an empty one has none.

    Raises:
        ConfigError: naming the file, where it holds anything else.
    """
    try:
        content = yaml.load(file.read_bytes(), Loader=LOADER)
    except (yaml.YAMLError, ValueError) as error:  # a ValueError: of a date that there is not, say
        msg = f"{file}: is no YAML ({' '.join(str(error).split())})."
        raise ConfigError(msg) from error
    if not isinstance(content, dict | None):
        msg = f"{file}: expected keys and values, each as `key: value`."
        raise ConfigError(msg)
    return content or {}


def absent(group: str, name: str, allowed: Sequence[str]) -> str:
    """A sentence that says where an option was looked for, and the nearest that there is."""
    where = " or ".join(map(str, conf_dirs()))
    return f"{group}={name}: there is no {group}/{name}.yaml in {where}. {nearest(name, allowed)}"
