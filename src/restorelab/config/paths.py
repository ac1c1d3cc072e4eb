"""The files and folders in a resolved config: made absolute, and corrected after a run was moved."""

from collections.abc import Iterator, Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

PLACES = ("data.root", "data_dir")
"""Keys of folders, beside the root of each test set and validation set."""

STARTS = ("ckpt", "transfer")
"""Keys of weights at the root of a config."""

USERS = ("loss", "objective", "model", "metrics")
"""Groups in which a key `ckpt`, at any depth, names weights."""


def weights(settings: Mapping[str, Any]) -> Iterator[tuple[Any, str, str]]:
    """Yield every key of a config that names weights: its node, the key, and the dotted key."""
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
    """Return the weights file that a path means: the best checkpoint for a run's folder, else the path itself."""
    return path / "checkpoints" / "best.ckpt" if path.is_dir() else path


def run_of(path: Path) -> Path:
    """Return the folder of the run that a weights file is in, or the path itself."""
    return path.parents[1] if path.parent.name == "checkpoints" else path


def make_absolute(settings: dict[str, Any]) -> None:
    """Make each path of a config absolute, so that it does not depend on the current folder."""
    for node, key in _all(settings):
        if "://" not in node[key]:
            path = Path(node[key])
            with suppress(RuntimeError):  # of `~user` for an unknown user
                path = path.expanduser()
            node[key] = str(path.absolute())


def relocate(settings: dict[str, Any], folder: Path) -> None:
    """Correct the paths in a run's config that do not exist any more, if the run was moved together with its inputs.

    folder: the present folder of the run; its config holds the former one.
    """
    before = settings.get("run_dir")
    moves = _moves(Path(before if isinstance(before, str) else ""), folder.absolute())
    for node, key in _all(settings) if moves else ():
        path = Path(node[key])
        if path.is_absolute() and not path.exists():
            candidates = (new / path.relative_to(old) for old, new in moves if path.is_relative_to(old))
            node[key] = next((str(candidate) for candidate in candidates if candidate.exists()), node[key])


def _moves(old: Path, new: Path) -> list[tuple[Path, Path]]:
    """Return the (former, present) paths of the run's folder and of parents that may have been moved, nearest first."""
    if not old.is_absolute() or old == new:
        return []
    if old.name == new.parent.name != new.name:  # `new` is a folder inside the run's
        new = new.parent
    moves = [(old, new)]
    while old.name == new.name and old.name:
        old, new = old.parent, new.parent
        moves.append((old, new))
    return moves


def _all(settings: dict[str, Any]) -> Iterator[tuple[Any, str]]:
    for place in PLACES:
        *groups, key = place.split(".")
        node: Any = settings
        for group in groups:
            node = node.get(group)
        if isinstance(node, dict) and isinstance(node.get(key), str) and node[key]:
            yield node, key
    for node in (*(settings.get("test") or {}).values(), *(settings.get("val") or {}).values()):
        if isinstance(node, dict) and isinstance(node.get("root"), str) and node["root"]:
            yield node, "root"
    for node, key, _ in list(weights(settings)):
        yield node, key
