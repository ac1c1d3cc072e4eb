"""The memory that `restore` takes: some bytes for each pixel of the image, and a tile in the network."""

import subprocess
import sys
from pathlib import Path

import networks
import numpy as np
import pytest
from PIL import Image

STATUS = Path("/proc/self/status")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not STATUS.exists(), reason="the peak is read from Linux's /proc")]

PER_PIXEL = 14
"""Bytes for a pixel of 8-bit RGB, at most: Pillow decodes into 4 and copies twice 3; then the image and its result take
3 each and the encoder 4."""

ALLOWED = 60e6
"""Bytes beside the pixels and the tile: what the allocator keeps."""

GROWTH = """
import resource
import sys
from pathlib import Path
from restorelab.cli import restore
from restorelab.restoring import tile_size

def status(key):
    lines = Path("/proc/self/status").read_text().splitlines()
    return next(int(line.split()[1]) * 1024 for line in lines if line.startswith(key))

room, small, large, *options = sys.argv[1:]
if int(room):
    tile_size.free = lambda device: int(room)
assert restore.run([small, *options]) == 0  # imports torch and loads the network
Path("/proc/self/clear_refs").write_text("5")  # the peak begins anew
before, faults = status("VmRSS:"), resource.getrusage(resource.RUSAGE_SELF).ru_minflt
assert restore.run([large, *options]) == 0
print(status("VmHWM:") - before, resource.getrusage(resource.RUSAGE_SELF).ru_minflt - faults)
"""


def _photograph(folder: Path, side: int) -> Path:
    generator = np.random.default_rng(side)
    row = generator.integers(90, 160, (1, side, 3), np.uint8)
    pixels = np.repeat(row, side, 0) + generator.integers(0, 40, (side, side, 1), np.uint8)
    file = folder / f"{side}.png"
    Image.fromarray(pixels).save(file, compress_level=1)
    return file


def _growth(folder: Path, side: int, model: str | Path, *options: str, room: int = 0) -> tuple[int, int]:
    """Bytes by which the resident memory of a process grows at most while it restores an image of side x side pixels,
    and how many pages it touches for the first time.

    room: for a tile, in place of what is free.
    """
    files = [str(_photograph(folder, length)) for length in (40, side)]
    words = [f"out={folder / 'out'}", f"model={model}", "sigma=15", "overwrite=true", *options]
    command = [sys.executable, "-c", GROWTH, str(room), *files, *words]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert process.returncode == 0, process.stderr
    grown, faults = process.stdout.split()[-2:]
    return int(grown), int(faults)


def test_memory_grows_by_a_few_bytes_for_each_pixel(tmp_path: Path) -> None:
    small, large = (_growth(tmp_path, side, networks.write(tmp_path, "net", 3), "tile=256")[0] for side in (300, 3000))
    assert large < small + PER_PIXEL * 3000**2 + ALLOWED  # the image and its result in float32 would take 24 a pixel


@pytest.mark.parametrize("room", [100_000_000, 300_000_000])
def test_a_tile_takes_the_memory_that_it_may(room: int, tmp_path: Path) -> None:
    growth, _ = _growth(tmp_path, 1000, "denoise_color", room=room)
    assert 0.4 * room < growth < room + PER_PIXEL * 1000**2 + ALLOWED


def test_the_memory_of_a_tile_serves_the_next_one(tmp_path: Path) -> None:
    """Pages that each tile touched anew would cost as much time as the network."""
    few, many = (_growth(tmp_path, side, "denoise_color", "tile=256")[1] for side in (500, 1000))
    assert many < 3 * few  # of four times the pixels; where memory is given back, six times as many pages
