"""The files of conf/, the shipped ones and the user's own, by group and option."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

from restorelab import file_names, quoting
from restorelab.config.schema import conf_dir
from restorelab.errors import ConfigError, nearest

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's loader, which is ten times as fast, if PyYAML was built with it."""


def user_conf() -> Path | None:
    """Return the user's own ./conf, which follows the shipped one on the search path; None if there is none."""
    folder = Path.cwd() / "conf"
    return folder if folder.is_dir() and folder.resolve() != conf_dir().resolve() else None


def searched() -> list[str]:
    """Return the override that adds the user's own ./conf to Hydra's search path, if there is one."""
    return [f"hydra.searchpath=[{quoting.quoted(f'file://{own}')}]"] if (own := user_conf()) else []


def conf_dirs() -> list[Path]:
    """Return the shipped folder, then the user's own. Of files with one name Hydra uses the first, `find` the last."""
    return [folder for folder in (conf_dir(), user_conf()) if folder]


def options(group: str) -> list[str]:
    """Return the options of a config group, the user's own ./conf included; those of `experiment` are in folders."""
    folders = [folder / group for folder in conf_dirs()]
    return sorted({file.relative_to(f).with_suffix("").as_posix() for f in folders for file in f.rglob("*.yaml")})


def is_group(name: str) -> bool:
    """Return whether a name is that of a config group: a folder of conf/, ours or the user's."""
    return any((folder / name).is_dir() for folder in conf_dirs())


def find(group: str, name: str) -> Path:
    """Return the file GROUP/NAME.yaml, the user's own before the shipped one.

    Raises:
        ConfigError: if there is none.
    """
    for part in name.split("/"):
        file_names.require(group, part)
    for folder in reversed(conf_dirs()):
        if (file := folder / group / f"{name}.yaml").is_file():
            return file
    raise ConfigError(absent(group, name, options(group)))


def read_yaml(file: Path) -> dict[str, Any]:
    """Return the keys and values of a YAML file; {} for an empty one.

    Raises:
        ConfigError: naming the file, if it is not valid YAML or not a mapping.
    """
    try:
        content = yaml.load(file.read_bytes(), Loader=LOADER)
    except (yaml.YAMLError, ValueError, RecursionError) as error:  # an impossible date, for example, raises ValueError
        raise ConfigError(f"{file}: is not valid YAML ({' '.join(str(error).split())}).") from error
    if not isinstance(content, dict | None):
        raise ConfigError(f"{file}: expected keys and values, each as `key: value`.")
    return content or {}


def absent(group: str, name: str, allowed: Sequence[str]) -> str:
    """Return a sentence about an unknown option: where it was looked for, and the nearest existing one."""
    where = " or ".join(map(str, conf_dirs()))
    return f"{group}={name}: there is no {group}/{name}.yaml in {where}. {nearest(name, allowed)}"
