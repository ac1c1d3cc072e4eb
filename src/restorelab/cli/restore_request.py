"""The command line of `restorelab restore`, read."""

import glob
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restorelab.config import own_keys
from restorelab.errors import ConfigError, nearest
from restorelab.restoring.photograph import FORMATS

OWN = ("model", "out", "overwrite", "strength", "sigma", "force", "x8", "color", "format", "depth", "quality", "lossy",
       "precision", "tile", "page", "device", "network", "trust")  # fmt: skip


@dataclass(frozen=True)
class Request:
    """A parsed command line. network: the overrides that name it; options, wanted: of `Options` and `Wanted`."""

    words: list[str]
    model: str = "auto"
    out: Path | None = None
    device: str = "auto"
    network: list[str] | None = None
    trust: list[str] = field(default_factory=list)
    overwrite: bool = False
    page: bool = False
    check: bool = False
    options: dict[str, Any] = field(default_factory=dict)
    wanted: dict[str, Any] = field(default_factory=dict)


def parse(argv: Sequence[str]) -> Request:
    """Read a command line.

    Raises:
        ConfigError: for a wrong key or value, or no files.
    """
    pairs = [word for word in argv if "=" in word and (word.partition("=")[0] in OWN or not _names_files(word))]
    words = [word for word in argv if word not in pairs]
    if flags := [word for word in words if word.startswith("-") and not Path(word).exists()]:
        raise ConfigError(f"restore {flags[0]}: expected files, key=value, or --help.")
    given, _ = own_keys.split("restore", pairs, OWN, of_run=False)
    if not words:
        raise ConfigError("restore: name the files, folders or patterns to restore, such as photo.jpg.")
    device = given.get("device", "auto")
    if device.partition(":")[0] not in ("auto", "cpu", "cuda"):
        raise ConfigError(f"device={device}: expected auto, cpu, or cuda for a GPU.")
    return Request(
        words,
        model=given.get("model", "auto"),
        out=Path(given["out"]).expanduser() if "out" in given else None,
        device=device,
        network=_network(given["network"], given.get("model", "auto")) if "network" in given else None,
        trust=own_keys.listed(given.get("trust", "")),
        overwrite=_truth("overwrite", given),
        page=_truth("page", given),
        check=given.get("tile") == "check",
        options=_options(given),
        wanted=_wanted(given),
    )


def _names_files(word: str) -> bool:
    return Path(word).exists() or any(glob.iglob(word))  # noqa: PTH207 - Path.glob takes no absolute pattern


def _options(given: Mapping[str, str]) -> dict[str, Any]:
    """Those of `Options` that are given."""
    options: dict[str, Any] = {key: given[key] for key in ("color", "precision") if key in given}
    options |= {key: own_keys.truth(key, given[key]) for key in ("force", "x8") if key in given}
    if "strength" in given:
        options["strength"] = _number("strength", given["strength"])
    if given.get("sigma", "auto") != "auto":
        options["sigma"] = _number("sigma", given["sigma"])
    if given.get("tile", "auto") not in ("auto", "check"):
        options["tile"] = own_keys.whole("tile", given["tile"])
    return options


def _wanted(given: Mapping[str, str]) -> dict[str, Any]:
    """Those of `Wanted` that are given."""
    wanted: dict[str, Any] = {key: own_keys.whole(key, given[key]) for key in ("depth", "quality") if key in given}
    wanted["lossy"] = _truth("lossy", given)
    if "format" in given:
        wanted["format"] = _format(given["format"])
    if wanted.get("depth") not in (None, 8, 16, 32):
        raise ConfigError(f"depth={wanted['depth']}: expected 8, 16 or 32.")
    if not 1 <= wanted.get("quality", 95) <= 100:
        raise ConfigError(f"quality={wanted['quality']}: expected 1 to 100.")
    return wanted


def _network(value: str, model: str) -> list[str]:
    """The overrides that name the network of a file of weights."""
    if not Path(model).expanduser().is_file():
        raise ConfigError(f"network={value}: it says what a file of weights belongs to, model=FILE, not model={model}.")
    name, *overrides = value.split()
    return [f"model={name}", *overrides]


def _truth(key: str, given: Mapping[str, str]) -> bool:
    return own_keys.truth(key, given.get(key, "false"))


def _number(key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"{key}={value}: expected a number{' or auto' if key == 'sigma' else ''}.") from None


def _format(value: str) -> str:
    name = value.lower().removeprefix(".")
    names = {ending.removeprefix("."): kind for kind, endings in FORMATS.items() for ending in endings}
    if name not in FORMATS and name not in names:
        raise ConfigError(f"format={value}: {nearest(name, FORMATS)}")
    return names.get(name, name)
