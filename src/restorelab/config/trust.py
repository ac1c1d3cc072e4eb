"""Which callables a config may cause to be imported and called.

A config composed here, from a command line and the conf/ folders, is the user's own and may name any target; these are
recorded as trusted. A config read from a run folder or a manifest may come from anyone. It may name the targets of the
shipped configs, plain optimizers, schedulers and modules of torch, recorded targets, and packages that the user trusts
by name. All others are refused before they are imported. The decision is made by this process, never by the file.
"""

import re
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from restorelab.config.schema import DOTTED, GROUPS, conf_dir
from restorelab.errors import ConfigError

PLAIN = re.compile(
    r"torch\.(optim|optim\.lr_scheduler|nn)\.[A-Z]\w*"
    r"|lightning\.pytorch\.callbacks\.(EarlyStopping|GradientAccumulationScheduler|LearningRateMonitor"
    r"|StochasticWeightAveraging|Timer)"
    r"|torchmetrics\.image\.[A-Z]\w*"
    r"|restorelab\.exchange\.no_network\.network"
)
"""Targets that are allowed besides those of the shipped configs: classes that only compute, without attributes.

Lightning's callbacks that write files or call their arguments are not among them.
"""

FOREIGN = frozenset({"restorelab", "torch", "lightning", "hydra", "omegaconf", "numpy", "scipy", "wandb", "builtins"})
"""Packages that a message never suggests to trust as a whole."""

_noted: set[str] = set()
_packages: set[str] = set()


def targets(node: Any) -> Iterator[tuple[str, Any]]:
    """Yield every `_target_` in nested mappings and lists, with its path."""
    yield from _targets("", node)


def _targets(path: str, node: Any) -> Iterator[tuple[str, Any]]:
    if isinstance(node, Mapping):
        if "_target_" in node:
            yield path, node["_target_"]
        for key, child in node.items():
            yield from _targets(f"{path}.{key}" if path else str(key), child)
    elif isinstance(node, list | tuple):
        for place, child in enumerate(node):
            yield from _targets(f"{path}[{place}]", child)


def note(node: Any) -> None:
    """Record the targets of a config as trusted: it was composed in this process or passed on by its parent process."""
    named = {target for _, target in targets(node) if isinstance(target, str)}
    _noted.update(named)
    _reach(named)


def named(node: Any) -> list[str]:
    """Return the trusted targets of a config that no shipped config has; a child process that builds it needs them."""
    others = {str(target) for _, target in targets(node)} - shipped()
    return sorted(target for target in others if target in _noted or _package(target))


def trust(packages: Iterable[str]) -> None:
    """Allow packages, modules or single callables by their dotted names, in this process.

    Raises:
        ConfigError: for a string that is not a dotted name.
    """
    packages = [packages] if isinstance(packages, str) else list(packages)
    for name in packages:
        if not all(part.isidentifier() for part in str(name).split(".")):
            raise ConfigError(f"trust: {name!r} is not the name of a package. Write trust=[my_package].")
    _packages.update(packages)
    _reach(packages)


def _reach(names: Iterable[str]) -> None:
    """Make packages in the current folder importable, as they are for `python train.py` in the same folder.

    This is done only for packages that the user names and that exist nowhere else: a module of the folder does not
    replace an installed one.
    """
    here = str(Path.cwd())
    for package in {name.partition(".")[0] for name in names} - sys.modules.keys():
        beside = Path(package).is_dir() or Path(f"{package}.py").is_file()
        if beside and here not in sys.path and find_spec(package) is None:
            sys.path.append(here)


@contextmanager
def trusting(packages: Iterable[str]) -> Iterator[None]:
    """Apply `trust` within a context."""
    before = set(_packages)
    try:
        trust(packages)
        yield
    finally:
        _packages.clear()
        _packages.update(before)


@cache
def shipped() -> frozenset[str]:
    """Return the targets of the shipped configs of a run, and of a study's tables, figures and findings."""
    folders = (conf_dir() / group for group in (*GROUPS, "study"))
    text = "\n".join(file.read_text() for folder in folders for file in folder.glob("*.yaml"))
    return frozenset(re.findall(r"_target_: *([\w.]+)", text))


def check(path: str, node: Any) -> None:
    """Refuse a node with a target that is not allowed. Only trusted packages are imported.

    Raises:
        ConfigError: naming the key, the target, and the option that would allow it.
    """
    for inner, target in targets(node):
        require(f"{path}.{inner}._target_" if inner else f"{path}._target_", target)


def require(path: str, target: Any) -> None:
    """Refuse a single target that is not allowed; see `check`."""
    if not isinstance(target, str) or not DOTTED.fullmatch(target):
        raise ConfigError(f"{path}: {target!r} is not a dotted name such as restorelab.models.ae.AE.")
    if target in _noted or target in shipped() or PLAIN.fullmatch(target) or target in _packages:
        return
    package = _package(target)
    if package is None:
        known = target.partition(".")[0]
        advised = target if known in FOREIGN or known in sys.stdlib_module_names else known
        raise ConfigError(
            f"{path}: this config was read from a file, which may name only the targets of restorelab's own configs. "
            f"{target} is not imported. If you know this code and trust it, add trust=[{advised}]."
        )
    _check_origin(path, target, package)


def _package(target: str) -> str | None:
    """Return the trusted package that a target belongs to, by its name."""
    return next((name for name in _packages if f"{target}.".startswith(f"{name}.")), None)


def _check_origin(path: str, target: str, package: str) -> None:
    """Refuse a target that its trusted package does not define itself, such as `my_package.os.system`."""
    module, _, name = target.rpartition(".")
    try:
        origin = getattr(getattr(import_module(module), name), "__module__", None)
    except Exception as error:  # a user's own module may raise anything
        raise ConfigError(f"{path}: {target} cannot be imported ({type(error).__name__}: {error}).") from error
    if not isinstance(origin, str) or not f"{origin}.".startswith(f"{package}."):
        raise ConfigError(
            f"{path}: {target} is defined in {origin}, not in {package}. To trust it too, add trust=[{target}]."
        )
