"""Files and folders that a resolved config names: absolute in every config, and found again after a move."""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

PLACES = ("data.root", "data_dir")
"""Keys of folders."""

STARTS = ("ckpt", "transfer")
"""Keys of weights at the root of a config."""

USERS = ("loss", "objective", "model")
"""Groups that may read weights themselves: their `ckpt`, in any depth."""


def weights(settings: Mapping[str, Any]) -> Iterator[tuple[Any, str, str]]:
    """Where a config names weights: the node, its key, and the dotted key of both."""
    for key in STARTS:
        if settings.get(key):
            yield settings, key, key
    for group in USERS:
        yield from _below(settings.get(group), group)


def _below(node: Any, path: str) -> Iterator[tuple[Any, str, str]]:
    entries = node.items() if isinstance(node, Mapping) else enumerate(node) if isinstance(node, list) else ()
    for key, value in entries:
        if key == "ckpt" and isinstance(value, str) and value:
            yield node, key, f"{path}.{key}"
        else:
            yield from _below(value, f"{path}.{key}")


def weights_file(path: Path) -> Path:
    """The file of weights that a path means: that of a run's folder is its best checkpoint."""
    return path / "checkpoints" / "best.ckpt" if path.is_dir() else path


def run_of(path: Path) -> Path:
    """The run's folder that weights lie in, or the path itself."""
    return path.parents[1] if path.parent.name == "checkpoints" else path


def make_absolute(settings: dict[str, Any]) -> None:
    """Turn each path of a config into an absolute one, so that it means the same from any folder."""
    for node, key in _all(settings):
        if "://" not in node[key]:
            node[key] = str(_expanded(Path(node[key])).absolute())


def relocate(settings: dict[str, Any], folder: Path) -> None:
    """Correct the paths of a run's config that lead nowhere where the run and what it reads were moved together.

    folder: where the run lies now; its config says where it lay.
    """
    lay = settings.get("run_dir")
    moves = _moves(Path(lay if isinstance(lay, str) else ""), folder.absolute())
    for node, key in _all(settings) if moves else ():
        path = Path(node[key])
        if path.is_absolute() and not path.exists():
            candidates = (new / path.relative_to(old) for old, new in moves if path.is_relative_to(old))
            node[key] = next((str(place) for place in candidates if place.exists()), node[key])


def _moves(old: Path, new: Path) -> list[tuple[Path, Path]]:
    """Folders above a run that may have been moved, as they were and as they are, the nearest first."""
    if not old.is_absolute() or old == new:
        return []
    if old.name == new.parent.name != new.name:  # a folder inside the run's
        new = new.parent
    found = [(old, new)]
    while old.name == new.name and old.name:
        old, new = old.parent, new.parent
        found.append((old, new))
    return found


def _all(settings: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    for place in PLACES:
        *groups, key = place.split(".")
        node: Any = settings
        for group in groups:
            node = node.get(group)
        if isinstance(node, dict) and isinstance(node.get(key), str) and node[key]:
            yield node, key
    for node, key, _ in list(weights(settings)):
        yield node, key


def _expanded(path: Path) -> Path:
    try:
        return path.expanduser()
    except RuntimeError:  # of a user that there is not
        return path
