"""Every restored test image of an evaluation as a file, `RUN/restored/EVALUATION/NAME.tif`."""

import io
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image
from torch import Tensor

from restorelab.data.decode import EXTENSIONS
from restorelab.data.frozen import FrozenSet
from restorelab.file_names import file_names
from restorelab.runs.run_folder import RunFolder, write_bytes
from restorelab.training.run_status import RunStatus


@dataclass
class RestoredFiles(RunStatus):
    """A watch that writes what is restored, clamped to [0, 1], as it is measured.

    Attributes:
        depth: 32 writes float32 TIFF without rounding, 8 PNG; images of other than 1 or 3 channels are `.npy`.
        folder: where the files are; None before the first.
        written: how many there are.
    """

    depth: int = 32
    folder: Path | None = None
    written: int = 0
    _names: dict[str, list[str]] = field(default_factory=dict)

    def restored(self, run: Path, frozen: FrozenSet, places: Tensor, output: Tensor) -> None:
        """Write a batch; see `RunStatus.restored`."""
        self.folder = RunFolder(run).restored
        folder = self.folder / frozen.evaluation.name
        if frozen.evaluation.name not in self._names:
            folder.mkdir(parents=True, exist_ok=True)
            self._names[frozen.evaluation.name] = file_names(frozen.ids, EXTENSIONS)
        names = self._names[frozen.evaluation.name]
        images = output.detach().clamp(0, 1).float().cpu()
        for place, image in zip(places.tolist(), images, strict=True):
            data, ending = _encoded(image, self.depth)
            write_bytes(folder / f"{names[place]}.{ending}", data)
            self.written += 1


def _encoded(image: Tensor, depth: int) -> tuple[bytes, str]:
    """Return the bytes of a file that holds an image (C, H, W) in [0, 1], and its extension."""
    pixels = image.permute(1, 2, 0).contiguous().numpy()
    pixels = pixels[..., 0] if pixels.shape[-1] == 1 else pixels
    if depth == 8:
        pixels = (pixels * 255).round().astype(np.uint8)
    stream = io.BytesIO()
    if len(image) not in (1, 3):
        np.save(stream, pixels)
        return stream.getvalue(), "npy"
    if depth == 8:
        Image.fromarray(pixels).save(stream, "PNG")
        return stream.getvalue(), "png"
    tifffile.imwrite(stream, pixels, photometric="rgb" if len(image) == 3 else "minisblack")
    return stream.getvalue(), "tif"
