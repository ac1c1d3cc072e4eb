"""`restorelab restore` beside the bare network on the same tiles, and many photographs beside a plain loop.

    python benchmarks/restoring.py [megapixels=12] [photographs=200] [rounds=5] [threads=2] [model=denoise_color]
                                   [onnx=true] [processor=true]

The contenders take turns, and what is reported is the ratio of each turn: the median, and the quartiles. All of them
keep freed memory, as the command does; how long the bare network takes without is measured first. The plain loop opens
a file with Pillow, runs the network on the whole image and saves it, one after another; the photographs are divided
over the rounds. `onnx=true` adds the exported file in onnxruntime on the same tiles. `processor=true` counts the
seconds of the processors in place of those on the clock, for a machine that does other work; what overlaps gains
nothing then.
"""

import resource
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

from restorelab.cli import restore
from restorelab.exchange import export_network
from restorelab.noise_level import call
from restorelab.restoring import tiling
from restorelab.restoring.inference import exact
from restorelab.restoring.onnx_network import OnnxNetwork
from restorelab.restoring.read_photograph import read
from restorelab.restoring.restorer import Options, Restorer
from restorelab.runs.for_restoring import network
from restorelab.training.malloc import keep_freed_memory

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


def one_large(folder: Path, name: str, megapixels: float, rounds: int, *, onnx: bool, processor: bool) -> None:
    """The command, decoding and encoding included, beside the network on the command's own tiles."""
    source, out = folder / "large.jpg", folder / "out"
    trained = network(name, "cpu")
    photograph(source, megapixels, 0, gray=trained.net.channels == 1)
    restorer = Restorer(trained.net, Options(sigma=SIGMA), trained.sigma)
    pixels = read(source).pixels
    grid = restorer.grid(pixels.shape, restorer._compute(SIGMA))
    level = torch.tensor([SIGMA / 255])
    tiles = [
        tiling._tile(pixels, rows[:2], columns[:2])
        for rows in grid.spans(pixels.shape[0])
        for columns in grid.spans(pixels.shape[1])
    ]

    def bare(net: torch.nn.Module) -> None:
        with torch.inference_mode(), exact():
            for tile in tiles:
                call(net, tile, level)

    def command() -> None:
        words = [f"out={out}", f"model={name}", f"sigma={SIGMA:g}", "overwrite=true", f"tile={grid.side or 10**6}"]
        assert restore.run([str(source), *words]) == 0

    contenders: dict[str, Callable[[], None]] = {"bare network": lambda: bare(trained.net), "restore": command}
    if onnx:
        export_network.export(name, folder / "net.onnx", "onnx", sigma=None, count=1, texts={})
        exported = OnnxNetwork(folder / "net.onnx")
        contenders["onnxruntime"] = lambda: bare(exported)
    for action in contenders.values():  # the first call of the command keeps freed memory from then on
        print(f"first call: {seconds(action, processor=processor):.1f} s")
    turns = [{key: seconds(action, processor=processor) for key, action in contenders.items()} for _ in range(rounds)]
    print(f"{pixels.shape[1]}x{pixels.shape[0]}, {len(tiles)} tiles of {grid.side or 'the whole'}: "
          f"bare {statistics.median(turn['bare network'] for turn in turns):.1f} s")  # fmt: skip
    for key in list(contenders)[1:]:
        print(told(f"{key} / bare network", [turn[key] / turn["bare network"] for turn in turns]))
    print(f"peak memory of this process: {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**20:.2f} GiB")


def many(folder: Path, name: str, count: int, rounds: int, *, processor: bool) -> None:
    """Photographs of 1 megapixel through the command and through a plain loop."""
    trained = network(name, "cpu")
    for number in range(count):
        photograph(folder / f"{number:03}.jpg", 1, number, gray=trained.net.channels == 1)
    level = torch.tensor([SIGMA / 255])
    keep_freed_memory()

    def loop(files: Sequence[Path]) -> None:
        (folder / "loop").mkdir(exist_ok=True)
        with torch.inference_mode(), exact():
            for file in files:
                array = np.asarray(Image.open(file)).astype(np.float32) / 255
                array = array[..., None] if array.ndim == 2 else array
                output = call(trained.net, torch.from_numpy(array).permute(2, 0, 1)[None].contiguous(), level)
                samples = (output[0].clamp(0, 1) * 255).round().byte().permute(1, 2, 0).numpy()
                Image.fromarray(samples.squeeze()).save(folder / "loop" / file.name, quality=95, subsampling=0)

    def command(files: Sequence[Path]) -> None:
        words = [f"out={folder / 'out'}", f"model={name}", f"sigma={SIGMA:g}"]
        assert restore.run([*map(str, files), *words]) == 0

    turns = []
    for first in range(min(rounds, count)):
        part = [folder / f"{number:03}.jpg" for number in range(first, count, rounds)]
        turns.append([seconds(partial(way, part), processor=processor) for way in (loop, command)])
    loops, commands = (sum(times) for times in zip(*turns, strict=True))
    print(f"{count} files: plain loop {count / loops:.3f} files a second, restore {count / commands:.3f}")
    print(told("plain loop / restore", [a / b for a, b in turns]))


def main() -> None:
    """Both measurements, with the options of the command line."""
    given = dict(argument.partition("=")[::2] for argument in sys.argv[1:])
    torch.set_num_threads(int(given.get("threads", 2)))
    name, rounds = given.get("model", "denoise_color"), int(given.get("rounds", 5))
    processor = given.get("processor") == "true"
    with tempfile.TemporaryDirectory() as folder:
        megapixels, onnx = float(given.get("megapixels", 12)), given.get("onnx") == "true"
        one_large(Path(folder), name, megapixels, rounds, onnx=onnx, processor=processor)
    with tempfile.TemporaryDirectory() as folder:
        many(Path(folder), name, int(given.get("photographs", 200)), rounds, processor=processor)


if __name__ == "__main__":
    main()
