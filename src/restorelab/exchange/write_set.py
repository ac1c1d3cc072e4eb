"""The files of an exported set: what they are to be, and their writing."""

import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch import Tensor

from restorelab.data.decode import EXTENSIONS
from restorelab.data.frozen import FrozenSet
from restorelab.data.set_names import degradation_of, set_of
from restorelab.errors import DataError
from restorelab.exchange import manifest
from restorelab.exchange.manifest import ExportedEvaluation, ExportedImage, Manifest
from restorelab.file_names import file_names
from restorelab.metrics.protocol import Protocol
from restorelab.report.pixels import pixels, shown_bands
from restorelab.runs.run_folder import write_json

README = """\
# {title}

Written by restorelab {version}: the degraded images of a fixed evaluation, for any method to restore.

- `<evaluation>/input_exact/<image>.npy`: **the inputs**, exact. NumPy float32, (H, W) for gray, else (H, W, C);
  white is 1.0, and noise that was not clipped may lie outside [0, 1].
- `<evaluation>/input/<image>.png`: the same rounded to 8 bits and clipped, **to be looked at**{bands}. A method that is
  fed with these has another input than the networks it is compared with; say so in its name.
{clean}- `manifest.json`: ids, groups, file names and shapes of the images, the hashes of the set, the protocol.

The outputs: {expected}

```python
from pathlib import Path
import numpy as np

made = Path("METHOD/{first}")
made.mkdir(parents=True)
for file in Path("THIS_FOLDER/{first}/input_exact").glob("*.npy"):
    np.save(made / file.name, your_method(np.load(file)))
```

    restorelab score METHOD set=THIS_FOLDER name=NAME

measures them: {protocol} The clean images come from the dataset, which must be at hand there; their values and the
degraded ones must be those of this set, bit for bit.
"""

CLEAN = (
    "- `clean/{of}<image>.png` (`.npy` for 16-bit images, and for other than gray and RGB): the true images, exact.\n"
)


def described(
    sets: Sequence[FrozenSet], protocol: Protocol, config: Mapping[str, Any], *, part: str, clean: bool
) -> Manifest:
    """The manifest of frozen sets. An image has one file name in all evaluations."""
    ids = list(dict.fromkeys(name for frozen in sets for name in frozen.ids))
    files = dict(zip(ids, file_names(ids, EXTENSIONS), strict=True))
    names = [frozen.evaluation.name for frozen in sets]
    degradations = list(dict.fromkeys(map(degradation_of, names)))
    safe = dict(zip(degradations, file_names(degradations), strict=True))
    folders = [f"{set_of(name)}/{safe[degradation_of(name)]}".lstrip("/") for name in names]
    evaluations = []
    for frozen, folder in zip(sets, folders, strict=True):
        images, outside = [], 0
        for place, (name, group) in enumerate(zip(frozen.ids, frozen.groups, strict=True)):
            inputs = protocol.prepare(frozen.image(place))
            outside += int(((inputs < 0) | (inputs > 1)).sum())
            channels, height, width = frozen.table.shapes[frozen.rows[place]].tolist()
            input_shape = inputs.shape[0], inputs.shape[1], inputs.shape[2]
            images.append(ExportedImage(name, group, files[name], (channels, height, width), input_shape))
        kind = frozen.evaluation
        evaluations.append(
            ExportedEvaluation(kind.name, folder, frozen.spec, frozen.bits, dict(kind.config), outside, images)
        )
    return Manifest(part, clean, protocol.spec(), config, evaluations, sets[0].table.folder.name)


def write(new: Manifest, sets: Sequence[FrozenSet], protocol: Protocol, folder: Path) -> None:
    """Write all files into a folder that is made here.

    Raises:
        DataError: where the disk has not the room.
    """
    folder.mkdir()
    _need_room(new, folder)
    for entry, frozen in zip(new.evaluations, sets, strict=True):
        looked_at, exact = (folder / entry.folder / name for name in ("input", "input_exact"))
        looked_at.mkdir(parents=True)
        exact.mkdir()
        for place, image in enumerate(entry.images):
            inputs = protocol.prepare(frozen.image(place))
            np.save(exact / f"{image.file}.npy", laid(inputs))
            Image.fromarray(pixels(inputs)).save(looked_at / f"{image.file}.png")
    if new.clean:
        _write_clean(new, sets, folder / "clean")
    words = protocol.describe(sets[0].channels)
    channels = [image.shape[0] for entry in new.evaluations for image in entry.images]
    (folder / "README.md").write_text(
        README.format(
            title=f"{', '.join(entry.name for entry in new.evaluations)}: {new.part} images",
            version=new.version,
            clean=CLEAN.format(of="<set>/" if set_of(new.evaluations[0].name) else "") if new.clean else "",
            bands="".join(f" ({bands})" for bands in dict.fromkeys(map(shown_bands, channels)) if bands),
            expected=manifest.EXPECTED[0].lower() + manifest.EXPECTED[1:],
            first=new.evaluations[0].folder,
            protocol=words,
        )
    )
    write_json(folder / manifest.FILE, new.content(words))


def missing(manifest: Manifest, folder: Path) -> list[str]:
    """Return the files of exact inputs that an exported set lacks."""
    files = [f"{entry.folder}/input_exact/{image.file}.npy" for entry in manifest.evaluations for image in entry.images]
    return [file for file in files if not (folder / file).is_file()]


def _write_clean(new: Manifest, sets: Sequence[FrozenSet], folder: Path) -> None:
    """Write each true image once; those of named test sets in a folder a set, as their names may be the same."""
    written: set[Path] = set()
    for entry, frozen in zip(new.evaluations, sets, strict=True):
        below = folder / set_of(entry.name)
        below.mkdir(parents=True, exist_ok=True)
        for place, image in enumerate(entry.images):
            file = below / image.file
            if file in written:
                continue
            written.add(file)
            if frozen.table.maximum == 255 and image.shape[0] in (1, 3):
                Image.fromarray(pixels(frozen.clean(place))).save(f"{file}.png")
            else:
                np.save(f"{file}.npy", laid(frozen.clean(place)))


def laid(image: Tensor) -> np.ndarray:
    """(C, H, W) as image files are read: (H, W) for gray, else (H, W, C)."""
    array = image.numpy()
    return np.ascontiguousarray(array[0] if len(array) == 1 else array.transpose(1, 2, 0))


def _need_room(new: Manifest, folder: Path) -> None:
    # 4 bytes a value for the exact ones, at most about 1 for each PNG
    needed = 5 * sum(int(np.prod(image.input_shape)) for entry in new.evaluations for image in entry.images)
    free = shutil.disk_usage(folder).free
    if needed > free:
        raise DataError(f"export-set: the set takes about {needed:,} bytes, and the disk of out has {free:,} free.")
