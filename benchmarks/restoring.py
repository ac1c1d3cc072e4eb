"""`restorelab restore` beside the bare network on the same tiles, and many photographs beside a plain loop.

    python benchmarks/restoring.py [megapixels=12] [photographs=200] [rounds=5] [threads=2] [model=denoise_color]
                                   [processor=true]

The contenders take turns, and what is reported is the ratio of each turn: the median, and the quartiles. The plain loop
opens a file with Pillow, runs the network on the whole image and saves it, one after another. `processor=true` counts
the seconds of the processors in place of those on the clock, for a machine that does other work; what overlaps gains
nothing then.
"""

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

from restorelab.cli import restore
from restorelab.noise_level import call
from restorelab.restoring import tiling
from restorelab.restoring.inference import exact
from restorelab.restoring.read_photograph import read
from restorelab.restoring.restorer import Options, Restorer
from restorelab.runs.for_restoring import network

SIGMA = 15.0


def photograph(file: Path, megapixels: float, seed: int, *, gray: bool) -> None:
    """A photograph of 4:3 with noise, enlarged from one that ships with scikit-image."""
    width = round((megapixels * 1e6 * 4 / 3) ** 0.5 / 32) * 32
    image = Image.fromarray((data.astronaut, data.coffee, data.chelsea)[seed % 3]()).resize((width, width * 3 // 4))
    image = image.convert("L") if gray else image
    noise = np.random.default_rng(seed).normal(0, SIGMA, np.asarray(image).shape)
    Image.fromarray((np.asarray(image) + noise).clip(0, 255).astype(np.uint8)).save(file, quality=95)


def seconds(what: Callable[[], object], *, processor: bool) -> float:
    """How long a call takes: on the clock, or of all processors, which other programs do not disturb."""
    clock = time.process_time if processor else time.perf_counter
    began = clock()
    what()
    return clock() - began


def told(name: str, ratios: list[float]) -> str:
    """The median of ratios with their quartiles."""
    low, middle, high = statistics.quantiles(ratios, n=4) if len(ratios) > 1 else ratios * 3
    return f"{name}: {middle:.3f} ({low:.3f} to {high:.3f}, {len(ratios)} rounds)"


def one_large(folder: Path, name: str, megapixels: float, rounds: int, *, gray: bool, processor: bool) -> None:
    """The command, decoding and encoding included, beside the network on the command's own tiles."""
    source, out = folder / "large.jpg", folder / "out"
    photograph(source, megapixels, 0, gray=gray)
    trained = network(name, "cpu")
    restorer = Restorer(trained.net, Options(sigma=SIGMA), trained.sigma)
    pixels = read(source).pixels
    compute = restorer._compute(SIGMA)
    grid = restorer.grid(pixels.shape, compute)
    level = torch.tensor([SIGMA / 255])
    tiles = [
        tiling._tile(pixels, rows[:2], columns[:2])
        for rows in grid.spans(pixels.shape[0])
        for columns in grid.spans(pixels.shape[1])
    ]

    def bare() -> None:
        with torch.inference_mode(), exact():
            for tile in tiles:
                call(trained.net, tile, level)

    def command() -> None:
        words = [f"out={out}", f"model={name}", f"sigma={SIGMA:g}", "overwrite=true", f"tile={grid.side or 10**6}"]
        assert restore.run([str(source), *words]) == 0

    bare()
    turns = [(seconds(bare, processor=processor), seconds(command, processor=processor)) for _ in range(rounds)]
    print(f"{pixels.shape[1]}x{pixels.shape[0]}, {len(tiles)} tiles of {grid.side or 'the whole'}: "
          f"bare {statistics.median(a for a, _ in turns):.1f} s")  # fmt: skip
    print(told("restore / bare network", [b / a for a, b in turns]))
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def many(folder: Path, name: str, count: int, rounds: int, *, gray: bool, processor: bool) -> None:
    """Photographs of 1 megapixel through the command and through a plain loop."""
    for number in range(count):
        photograph(folder / f"{number:03}.jpg", 1, number, gray=gray)
    trained = network(name, "cpu")
    level = torch.tensor([SIGMA / 255])

    def loop() -> None:
        (folder / "loop").mkdir(exist_ok=True)
        with torch.inference_mode(), exact():
            for file in sorted(folder.glob("???.jpg")):
                array = np.asarray(Image.open(file)).astype(np.float32) / 255
                array = array[..., None] if array.ndim == 2 else array
                output = call(trained.net, torch.from_numpy(array).permute(2, 0, 1)[None].contiguous(), level)
                samples = (output[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
                Image.fromarray(samples.squeeze()).save(folder / "loop" / file.name, quality=95, subsampling=0)

    def command() -> None:
        words = [f"out={folder / 'out'}", f"model={name}", f"sigma={SIGMA:g}", "overwrite=true"]
        assert restore.run([str(folder / "???.jpg"), *words]) == 0

    turns = [(seconds(loop, processor=processor), seconds(command, processor=processor)) for _ in range(rounds)]
    print(f"plain loop: {count / statistics.median(a for a, _ in turns):.2f} files a second")
    print(told(f"plain loop / restore, {count} files", [a / b for a, b in turns]))


def main() -> None:
    """Both measurements, with the options of the command line."""
    given = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    torch.set_num_threads(int(given.get("threads", 2)))
    name, rounds = given.get("model", "denoise_color"), int(given.get("rounds", 5))
    processor = given.get("processor") == "true"
    gray = getattr(network(name, "cpu").net, "channels", 3) == 1
    with tempfile.TemporaryDirectory() as folder:
        one_large(Path(folder), name, float(given.get("megapixels", 12)), rounds, gray=gray, processor=processor)
    with tempfile.TemporaryDirectory() as folder:
        many(Path(folder), name, int(given.get("photographs", 200)), rounds, gray=gray, processor=processor)


if __name__ == "__main__":
    main()
