"""Trees of images whose decoding is counted."""

from pathlib import Path

import pytest
from PIL import Image

from data.cached import noise


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    """Twelve PNGs of three sizes, interleaved."""
    folder = tmp_path / "images"
    folder.mkdir()
    for i in range(12):
        shape = [(20, 30, 3), (16, 16, 3), (30, 20, 3)][i % 3]
        Image.fromarray(noise(shape, i)).save(folder / f"{i:02d}.png")
    return folder
