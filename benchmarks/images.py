"""Which images the benchmarks run on: real faces and digits where they lie, otherwise stand-ins of the same size."""

import os
from dataclasses import dataclass
from pathlib import Path

FACES, MNIST, PHOTOS = "faces", "mnist", "photos"
STAND_INS = 2000


@dataclass(frozen=True)
class Images:
    """Overrides that choose a dataset, and what it is, for the report. `folder`: its files, where it has a folder."""

    overrides: list[str]
    what: str
    folder: Path | None


def shared() -> Path | None:
    """Find the folder of real images: RESTORELAB_SHARED, or `shared` beside the checkout."""
    folder = Path(os.environ.get("RESTORELAB_SHARED") or Path(__file__).resolve().parents[2] / "shared")
    return folder if folder.is_dir() else None


def find(name: str, scratch: Path, *, quick: bool) -> Images:
    """Choose the dataset `faces` (200x200 jpg, brought to 100x100 gray) or `mnist` (28x28), or a stand-in, or `photos`.

    The training step does not depend on what the images show; decoding a jpg does, a little.
    """
    if name == PHOTOS:
        return Images(["data=photos", "data.size=40"], "40x40 patches of scikit-image's photographs", None)
    root = shared() and Path(shared() or ".", "data", name)
    found = root is not None and root.is_dir()
    if name == MNIST:
        if found:
            return Images(["data=mnist", f"data.root={root}"], "MNIST", root)
        patches = ["data=photos", "data.size=28", "data.augment=none", "data.batch_size=128"]
        return Images(patches, "28x28 patches of scikit-image's photographs", None)
    what = "UTKFace faces"
    if not found or root is None:
        root, what = _stand_in(scratch, 500 if quick else STAND_INS), "patches of scikit-image's photographs, as jpg"
    limit = ["data.limit=1000"] if quick else []
    return Images(["data=faces", f"data.root={root}", "noise=impulse", *limit], what, root)


def _stand_in(scratch: Path, count: int) -> Path:
    """Random 200x200 patches as RGB jpg, made once."""
    import numpy as np
    from PIL import Image
    from skimage import data

    folder = scratch / "stand_in"
    if len(list(folder.glob("*.jpg"))) >= count:
        return folder
    folder.mkdir(parents=True, exist_ok=True)
    photographs = [data.astronaut(), data.chelsea(), data.coffee(), data.rocket(), data.retina()]
    rng = np.random.default_rng(0)
    for number in range(count):
        photograph = photographs[number % len(photographs)]
        y, x = (int(rng.integers(side - 200 + 1)) for side in photograph.shape[:2])
        Image.fromarray(photograph[y : y + 200, x : x + 200]).save(folder / f"{number:05d}.jpg", quality=90)
    return folder
