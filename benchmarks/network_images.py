"""Gather the color photographs that `denoise_color`, `deimpulse` and `deblock` are trained on, as train/ and val/.

    python benchmarks/network_images.py out=images bsd400=FOLDER gopro=FOLDER stl10=FOLDER

`bsd400`: gray Berkeley photographs, which are stored as gray RGB. `gopro`: sharp frames. `stl10`: color images of
96x96. The photographs of scikit-image are added. Larger images are cut into tiles of 180x180. Any of the folders may be
left out, which gives another training set.
"""

import sys
from collections.abc import Iterator
from pathlib import Path

import skimage
from PIL import Image

TILE = 180
"""Height and width of the tiles, as of the Berkeley photographs of Chen and Pock, TPAMI 2017."""

PHOTOGRAPHS = {
    "train": ("astronaut.png", "motorcycle_left.png", "rocket.jpg"),
    "val": ("chelsea.png", "coffee.png"),
}

HELD_OUT = 20
"""Every 20th image of a folder validates."""


def tiles(image: Image.Image) -> Iterator[Image.Image]:
    """Cut an image into tiles side by side; one that is not larger is left as it is."""
    width, height = image.size
    if width <= TILE or height <= TILE:
        yield image
        return
    for top in range(0, height - TILE + 1, TILE):
        for left in range(0, width - TILE + 1, TILE):
            yield image.crop((left, top, left + TILE, top + TILE))


def main(words: list[str]) -> None:
    """Write the tiles of every image into `out`."""
    given = dict(word.split("=", 1) for word in words)
    out = Path(given.pop("out"))
    own = Path(skimage.__file__).parent / "data"
    files = [(part, own / name) for part, names in PHOTOGRAPHS.items() for name in names]
    for folder in given.values():
        images = sorted(file for file in Path(folder).iterdir() if file.suffix in (".png", ".jpg"))
        files += [("val" if i % HELD_OUT == 0 else "train", file) for i, file in enumerate(images)]
    for part, file in files:
        (out / part).mkdir(parents=True, exist_ok=True)
        for number, tile in enumerate(tiles(Image.open(file).convert("RGB"))):
            tile.save(out / part / f"{file.parent.name}_{file.stem}_{number:02d}.png")


if __name__ == "__main__":
    main(sys.argv[1:])
