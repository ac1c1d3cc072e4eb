"""What a run asks of a tracker, and the tracker that needs nothing: the run's own metrics.csv is always written."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, Protocol

import numpy as np


class Tracker(Protocol):
    """Shows a run somewhere. Called on rank 0 only."""

    def start(self, config: Mapping[str, Any], run_dir: Path, name: str, *, resumed: bool) -> None:
        """Open the run."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Take metrics of one step."""

    def images(self, key: str, image: np.ndarray, step: int | None) -> None:
        """Take a picture: (H, W, 3) uint8."""

    def finish(self, summary: Mapping[str, Any], *, failed: bool) -> None:
        """Close the run with its final values."""

    def describe(self) -> str:
        """Where to look, for the end of the run."""


class CsvOnly:
    """`logger=csv`: nothing beside the run's folder."""

    def start(self, config: Mapping[str, Any], run_dir: Path, name: str, *, resumed: bool) -> None:
        """Nothing to open."""

    def log(self, values: Mapping[str, float], step: int) -> None:
        """metrics.csv has them."""

    def images(self, key: str, image: np.ndarray, step: int | None) -> None:
        """images/ has them."""

    def finish(self, summary: Mapping[str, Any], *, failed: bool) -> None:
        """result.json or failure.json has it."""

    def describe(self) -> str:
        """Nothing to look at elsewhere."""
        return "off (logger=csv)"
