"""Measure a method's outputs for one evaluation, with the code that measures networks."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from restorelab.data.cache_build import listing
from restorelab.data.frozen import FrozenSet
from restorelab.data.pixels import Refused
from restorelab.data.sample import Sample
from restorelab.errors import DataError
from restorelab.exchange import outputs
from restorelab.exchange.manifest import ExportedEvaluation
from restorelab.metrics.protocol import Protocol
from restorelab.models.identity import Identity
from restorelab.training.evaluation import Measured, evaluate

SHOWN = 5
"""The most files that a message names."""

BATCH = 16
"""Images measured at once: SSIM is taken a few images at a time anyway, and large ones must fit the memory."""


@dataclass(frozen=True)
class Scored:
    """What was measured, and what the files were like.

    Attributes:
        measured: as of a network; without loss and seconds.
        folder: where the files are.
        files: by image id, the `file` of the output, its `shape` (C, H, W) and the `digest` of its values.
        forms: how many files of each form.
        outside: share of the values outside [0, 1], which were clamped; of images so, `clamped`.
        collapsed: gray images that were saved as RGB.
        strange: files in the folder that belong to no image.
    """

    measured: Measured
    folder: Path
    files: dict[str, dict[str, Any]]
    forms: dict[str, int]
    outside: float
    clamped: int
    collapsed: int
    strange: int

    def notes(self) -> list[str]:
        """Return remarks for the reader, a sentence each."""
        remarks = [", ".join(f"{number} {form}" for form, number in self.forms.items())]
        if self.clamped:
            where = f"{self.outside:.2%} of the values, in {self.clamped} of {len(self.files)} images,"
            remarks.append(f"{where} lie outside [0, 1] and were clamped")
        if self.collapsed:
            remarks.append(f"{self.collapsed} gray images were saved as RGB; one of the equal channels was taken")
        if self.strange:
            remarks.append(f"{self.strange} files belong to no image of the set and were passed over")
        return [f"{self.measured.name}: {remark}" for remark in remarks]


def digest(image: Tensor) -> str:
    """Return a hash of the float32 values of an output."""
    return sha256(image.contiguous().numpy().tobytes()).hexdigest()[:16]


def measure(folder: Path, entry: ExportedEvaluation, frozen: FrozenSet, protocol: Protocol) -> Scored:
    """Measure the outputs in a folder.

    entry: gives the files' names. frozen: the same images, whose shapes the outputs must have.

    Raises:
        DataError: for files that are missing or are no such images; it names some and says how many more.
    """
    image_files: list[Path] = []
    missing: list[tuple[str, str]] = []
    present = outputs.present(folder)
    for image in entry.images:
        try:
            image_files.append(outputs.find(present, image.file))
        except Refused as refusal:
            missing.append((image.file, str(refusal)))
    shared = [file.name for file, times in Counter(image_files).items() if times > 1]
    missing += [(name, "stands for several images of the set; name the files as the set's are") for name in shared]
    _complain(missing, entry, folder)
    reading = _OutputFiles(image_files, frozen)
    result = evaluate(Identity(), frozen, protocol, batch_size=BATCH, loss=reading)
    _complain(reading.bad, entry, folder)
    candidates = {file for files in present.values() for file in files if file.suffix.lower() in outputs.ENDINGS}
    return Scored(
        measured=replace(result, loss=float("nan"), seconds=float("nan")),
        folder=folder,
        files={name: {"file": file.name, "digest": hashed, "shape": list(shape)} for name, file, hashed, shape in
               zip(frozen.ids, image_files, reading.digests, reading.shapes, strict=True)},
        forms=dict(reading.forms.most_common()),
        outside=reading.outside / sum(torch.Size(shape).numel() for shape in reading.shapes),
        clamped=reading.clamped,
        collapsed=reading.collapsed,
        strange=len(candidates - set(image_files)),
    )  # fmt: skip


class _OutputFiles:
    """Stands where a network and its loss stand: gives the outputs in the files for the images of a batch."""

    def __init__(self, files: Sequence[Path], frozen: FrozenSet) -> None:
        self.files = files
        self.shapes: list[outputs.Shape] = [tuple(shape) for shape in frozen.table.shapes[frozen.rows].tolist()]
        self.bad: list[tuple[str, str]] = []
        self.digests = [""] * len(files)
        self.forms: Counter[str] = Counter()
        self.outside = self.clamped = self.collapsed = 0

    def __call__(self, net: Any, sample: Sample) -> tuple[Tensor, Tensor]:
        """Return no loss, and the restored images (B, C, H, W)."""
        return torch.tensor(torch.nan), torch.stack([self._read(place) for place in sample.index.tolist()])

    def _read(self, place: int) -> Tensor:
        try:
            output = outputs.read(self.files[place], self.shapes[place])
        except Refused as refusal:
            self.bad.append((self.files[place].name, str(refusal)))
            return torch.zeros(self.shapes[place])
        self.forms[output.form] += 1
        self.collapsed += output.collapsed
        outside = int(((output.image < 0) | (output.image > 1)).sum())
        self.outside, self.clamped = self.outside + outside, self.clamped + bool(outside)
        self.digests[place] = digest(output.image)
        return output.image


def _complain(bad: Sequence[tuple[str, str]], entry: ExportedEvaluation, folder: Path) -> None:
    if bad:
        count = f"{entry.name}: {len(bad)} of {len(entry.images)} outputs in {folder} cannot be measured. "
        raise DataError(count + listing(list(bad), SHOWN))
