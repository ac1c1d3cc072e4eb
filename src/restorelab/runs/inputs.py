"""The inputs of a run by content: the dataset's files, and the weights that it starts from or learns by.

A run keeps it in `inputs.json`: `data`, a hash of the dataset; `table`, the decoded dataset that its images were taken
from; `weights`, a hash for each key that names a file of weights; `changes`, what was different when it went on.
"""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from restorelab.config import paths
from restorelab.data.content import DIGITS, digest, hashes
from restorelab.data.item import Source
from restorelab.errors import DataError
from restorelab.runs.run_folder import RunFolder


class Inputs:
    """Look up content by path for many configs; each dataset and each file of weights is hashed once."""

    def __init__(self) -> None:
        self._data: dict[str, str] = {}
        self._weights: dict[Path, str] = {}

    def promise(self, run: Path, mark: str) -> None:
        """Use a run's own identity in place of its weights, which do not exist yet."""
        self._weights[run.absolute()] = mark

    def data(self, node: Mapping[str, Any]) -> str:
        """Return a hash of the dataset of a config's node `data`, or of its path if the dataset is missing."""
        key = json.dumps([node.get("source"), node.get("root")], sort_keys=True, default=str)
        if key not in self._data:
            from restorelab.config import build  # brings torch

            self._data[key] = _told(lambda: build.make("data", node).make_source(), node)
        return self._data[key]

    def image_set(self, path: str, node: Mapping[str, Any]) -> str:
        """A hash of a set; of its place where it is missing. path: of its node in a config, such as `test.set12`."""
        key = json.dumps(node, sort_keys=True, default=str)
        if key not in self._data:
            from restorelab.config import build  # brings torch

            self._data[key] = _told(lambda: build.make(path, node), node)
        return self._data[key]

    def weights(self, path: str) -> str:
        """Return a hash of a file of weights, or of a run's best checkpoint; the path itself where neither exists."""
        place = Path(path).absolute()
        if place not in self._weights:
            file = paths.weights_file(place)
            mark = hashes([file], file.parent)[0][:DIGITS] if file.is_file() else str(place)
            self._weights[place] = mark
        return self._weights[place]


def _told(make: Callable[[], Source], node: Mapping[str, Any]) -> str:
    try:
        return digest(make().fingerprint())
    except (DataError, OSError):  # the file is looked for again before a run begins, and reported as missing then
        return digest({"absent": node.get("root")})


def weights_of(settings: Mapping[str, Any]) -> dict[str, str]:
    """The hash of each file of weights that a config names, by the key."""
    inputs = Inputs()
    return {dotted: inputs.weights(node[key]) for node, key, dotted in paths.weights(settings)}


def read(folder: RunFolder) -> dict[str, Any]:
    """Return the content of a run's inputs.json; empty without that file."""
    try:
        content = json.loads(folder.inputs.read_text())
    except (OSError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
