"""The photographs in scikit-image's package, cut into patches: real images without a download."""

from collections.abc import Iterator
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import skimage
from PIL import Image

from restorelab.data.content import by_name
from restorelab.data.item import Item
from restorelab.errors import ConfigError, DataError

PARTS: dict[str, tuple[str, ...]] = {
    "train": (
        "astronaut.png", "brick.png", "cell.png", "grass.png", "hubble_deep_field.jpg", "microaneurysms.png",
        "moon.png", "motorcycle_left.png", "motorcycle_right.png", "page.png", "retina.jpg", "rocket.jpg",
    ),
    "val": ("coins.png", "ihc.png", "text.png"),
    "test": ("camera.png", "chelsea.png", "coffee.png", "gravel.png"),
}  # fmt: skip
"""The photographs of each part. Test has a person outdoors, an animal, a still life and a texture, whose scenes are in
no other part. The chessboards, color wheel, horse, logo, phantom, the animated GIF and the multi-page files are not
photographs, and `clock_motion` is degraded by motion."""

VERSION = version("scikit-image")

GROUPS = {"motorcycle_left": "motorcycle", "motorcycle_right": "motorcycle"}
"""Photographs that show the same scene: the stereo pair."""


class Photos:
    """Patches of 19 photographs of 18 scenes, which are the groups; RGB or gray as stored.

    Args:
        root: not used; the photographs are in the installed scikit-image.
        patch: height and width of the patches; None gives whole photographs, of mixed sizes.
        stride: pixels between patches; None puts them side by side. Remainders at the right and bottom are not used.
        most: maximum number of patches per photograph, spread evenly over it. Without it, a third of all patches would
            be of the retina (1411x1411).

    """

    def __init__(
        self, root: str | Path | None = None, patch: int | None = 64, stride: int | None = None, most: int = 100
    ) -> None:
        for name, value in (("patch", patch), ("stride", stride), ("most", most)):
            if value is not None and value < 1:
                raise ConfigError(f"photos: {name}={value}; expected at least 1")
        self.patch, self.stride, self.most = patch, stride or patch, most
        self.folder = Path(skimage.__file__).parent / "data"

    def items(self) -> list[Item]:
        """Cut the patches; an id is `camera/y0064_x0128`, the upper left corner, and the group is the scene."""
        return [item for part, names in PARTS.items() for name in names for item in self._cut(name, part)]

    def fingerprint(self) -> dict[str, Any]:
        """Return the hashes of the photographs, and how they are cut."""
        paths = [self._path(name) for names in PARTS.values() for name in names]
        return {
            "photographs": by_name(paths, self.folder),
            "parts": PARTS,
            "cut": [self.patch, self.stride, self.most],
        }

    def _path(self, name: str) -> Path:
        path = self.folder / name
        if not path.is_file():
            raise DataError(f"scikit-image {VERSION} has no {path}; expected the photographs of version 0.26.")
        return path

    def _cut(self, name: str, part: str) -> Iterator[Item]:
        path = self._path(name)
        with Image.open(path) as image:
            pixels = np.asarray(image)
        group = GROUPS.get(path.stem, path.stem)
        if self.patch is None or self.stride is None:
            yield Item(id=path.stem, group=group, clean=pixels, split=part)
            return
        height, width = pixels.shape[:2]
        corners = [
            (y, x)
            for y in range(0, height - self.patch + 1, self.stride)
            for x in range(0, width - self.patch + 1, self.stride)
        ]
        if len(corners) > self.most:
            corners = [corners[i] for i in np.linspace(0, len(corners) - 1, self.most).round().astype(int)]
        for y, x in corners:
            yield Item(
                id=f"{path.stem}/y{y:04d}_x{x:04d}",
                group=group,
                clean=pixels[y : y + self.patch, x : x + self.patch],
                split=part,
            )
