"""Which callables a config may have imported and called: a config that was read from a file is data, not code.

A config composed here, from a command line and the conf/ folders, is the user's own: its targets are noted, and it may
name anything. A config read from a run folder or a manifest may be anybody's. It may name what the shipped configs
name, plain optimizers, schedulers and modules of torch, what was noted, and packages that the user trusts by name.
Everything else is refused before it is imported. The decision belongs to the process, never to the file.
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
"""Besides the shipped configs' targets: classes that only compute, each one name deep, so that no attribute leads on.

Lightning's callbacks that write files or call what they are given are not among them.
"""

FOREIGN = frozenset({"restorelab", "torch", "lightning", "hydra", "omegaconf", "numpy", "scipy", "wandb", "builtins"})
"""Packages that an error never suggests to trust as a whole."""

_noted: set[str] = set()
_packages: set[str] = set()


def targets(node: Any) -> Iterator[tuple[str, Any]]:
    """Every `_target_` in nested mappings and lists, with its path."""
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
    """Take what a config names for the user's own: it was composed in this process, or handed over by its parent."""
    named = {target for _, target in targets(node) if isinstance(target, str)}
    _noted.update(named)
    _reach(named)


def named(node: Any) -> list[str]:
    """What a config names beyond the shipped configs and may name here; a process that is to build it is told so."""
    found = {str(target) for _, target in targets(node)} - shipped()
    return sorted(target for target in found if target in _noted or _package(target))


def trust(packages: Iterable[str]) -> None:
    """Allow packages, modules or single callables by their dotted names, for as long as this process lives.

    Raises:
        ConfigError: for what is not a dotted name.
    """
    packages = [packages] if isinstance(packages, str) else list(packages)
    for name in packages:
        if not all(part.isidentifier() for part in str(name).split(".")):
            msg = f"trust: {name!r} is not the name of a package. Write trust=[my_package]."
            raise ConfigError(msg)
    _packages.update(packages)
    _reach(packages)


def _reach(names: Iterable[str]) -> None:
    """Make packages importable that lie in the current folder, as they are for `python train.py` beside them.

    Only for a package that the user names and nobody else has: a module of the folder takes no other's place.
    """
    here = str(Path.cwd())
    for package in {name.partition(".")[0] for name in names} - sys.modules.keys():
        beside = Path(package).is_dir() or Path(f"{package}.py").is_file()
        if beside and here not in sys.path and find_spec(package) is None:
            sys.path.append(here)


@contextmanager
def trusting(packages: Iterable[str]) -> Iterator[None]:
    """`trust` for a block."""
    before = set(_packages)
    try:
        trust(packages)
        yield
    finally:
        _packages.clear()
        _packages.update(before)


@cache
def shipped() -> frozenset[str]:
    """The targets of the shipped configs of a run, and of a study's tables, figures and findings."""
    folders = (conf_dir() / group for group in (*GROUPS, "study"))
    text = "\n".join(file.read_text() for folder in folders for file in folder.glob("*.yaml"))
    return frozenset(re.findall(r"_target_: *([\w.]+)", text))


def check(path: str, node: Any) -> None:
    """Refuse a node that names anything that may not be built here. Nothing is imported but trusted packages.

    Raises:
        ConfigError: naming the key and the target, and what would allow it.
    """
    for inner, target in targets(node):
        require(f"{path}.{inner}._target_" if inner else f"{path}._target_", target)


def require(path: str, target: Any) -> None:
    """Refuse one target; see `check`."""
    if not isinstance(target, str) or not DOTTED.fullmatch(target):
        msg = f"{path}: {target!r} is not a dotted name such as restorelab.models.ae.AE."
        raise ConfigError(msg)
    if target in _noted or target in shipped() or PLAIN.fullmatch(target) or target in _packages:
        return
    package = _package(target)
    if package is None:
        known = target.partition(".")[0]
        advised = target if known in FOREIGN or known in sys.stdlib_module_names else known
        msg = (
            f"{path}: this config was read from a file, which may name only what restorelab's own configs name. "
            f"{target} is not imported. If you know this code and trust it, add trust=[{advised}]."
        )
        raise ConfigError(msg)
    _check_origin(path, target, package)


def _package(target: str) -> str | None:
    """The trusted package that a target belongs to, by its name."""
    return next((name for name in _packages if f"{target}.".startswith(f"{name}.")), None)


def _check_origin(path: str, target: str, package: str) -> None:
    """Hold a trusted package to what it defines itself: `my_package.os.system` is not its own."""
    module, _, name = target.rpartition(".")
    try:
        origin = getattr(getattr(import_module(module), name), "__module__", None)
    except Exception as error:  # a user's own module may raise anything
        msg = f"{path}: {target} cannot be imported ({type(error).__name__}: {error})."
        raise ConfigError(msg) from error
    if not isinstance(origin, str) or not f"{origin}.".startswith(f"{package}."):
        msg = f"{path}: {target} is defined in {origin}, not in {package}. To trust it too, add trust=[{target}]."
        raise ConfigError(msg)
