"""Maps of the pixels that are 0 in every restored test image."""

import math
from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from restorelab.errors import DataError
from restorelab.report.sheet import GAP, MARGIN, SheetPicture, sheet
from restorelab.runs.record import Record, Runs
from restorelab.study.figures.image_rows import WIDTH

ALIVE, DEAD = (226, 230, 234), (213, 94, 0)
"""Colors of a pixel that lives and of a dead one; with several channels, the share of dead ones lies between."""

SIDE = 160
"""Pixels of a map at most, about."""


@dataclass(frozen=True)
class DeadPixels:
    """A map a run: orange where a pixel is 0 (or less) in every restored test image, gray elsewhere.

    The map is that of the first seed; the counts of all seeds stand under it. labels: what to call a run.
    """

    caption: str
    runs: list[str]
    evaluation: str
    labels: dict[str, str] = field(default_factory=dict)

    def __call__(self, runs: Runs) -> Figure:
        """Draw.

        Raises:
            ConfigError: for a run or an evaluation that is not there.
            DataError: where dead pixels were not counted, or a map is missing.
        """
        maps = {name: self._map(runs[name][0]) for name in self.runs}
        shape = next((dead.shape for dead in maps.values() if dead is not None), None)
        if shape is None:
            shape = tuple(runs[self.runs[0]][0].frozen(self.evaluation).clean(0).shape)
        drawn = [self._picture(runs[name], maps[name], shape) for name in self.runs]
        names = [(self.labels.get(name, name), "") for name in self.runs]
        per_row = max(1, (WIDTH - 2 * MARGIN) // (drawn[0].width + GAP))
        if len(drawn) <= per_row:
            return sheet([drawn], names)
        per_row = math.ceil(len(drawn) / math.ceil(len(drawn) / per_row))
        noted = [SheetPicture(picture.pixels, picture.height, picture.width, f"{name}\n{picture.note}")
                 for picture, (name, _) in zip(drawn, names, strict=True)]  # fmt: skip
        return sheet([noted[i : i + per_row] for i in range(0, len(noted), per_row)])

    def _count(self, record: Record) -> int:
        count = record.evaluation(self.evaluation).get("dead_pixels")
        if count is None:
            msg = f"run {record.name}: its dead pixels under {self.evaluation} were not counted."
            raise DataError(msg)
        return int(count)

    def _map(self, record: Record) -> np.ndarray | None:
        """(C, H, W) bool, or None where no pixel is dead."""
        if not self._count(record):
            return None
        file = record.folder.images / f"{self.evaluation}_dead.npy"
        if not file.is_file():
            msg = f"run {record.name}: {file} is missing, though {self._count(record)} pixels are dead."
            raise DataError(msg)
        return np.load(file)

    def _picture(self, records: list[Record], dead: np.ndarray | None, shape: tuple[int, ...]) -> SheetPicture:
        share = np.zeros(shape[-2:]) if dead is None else dead.mean(axis=0)
        pixels = (1 - share[..., None]) * np.array(ALIVE) + share[..., None] * np.array(DEAD)
        counts = [self._count(record) for record in records]
        of = f"of {int(np.prod(shape)):,}"
        note = f"{counts[0]:,} {of} dead"
        if len(counts) > 1:
            note += f"\nseeds: {', '.join(f'{count:,}' for count in counts)}"
        times = max(1, SIDE // max(shape[-2:]))
        return SheetPicture(pixels.round().astype(np.uint8), shape[-2] * times, shape[-1] * times, note)
