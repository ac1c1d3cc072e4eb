"""The data path alone: noisy faces a second, made by the framework and by the DataLoaders that a user would write.

As a program (`data_path.py WORK.json`) it is the fresh process that measures.
"""

import json
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from images import FACES, find
from summary import Row, estimate, paired, rates

BATCH, SIDE = 128, 100
AMOUNT = (0.15, 0.45)
"""Share of pixels struck, drawn for each image; conf/noise/impulse.yaml."""

FASTER = 10.0

BASE = "DataLoader: Pillow decodes, scikit-image adds noise, no workers"
TWO = "the same, two workers"
ARRAY = "cached uint8 array, scikit-image adds noise, two workers"
OURS = "framework"


def measure(*, quick: bool, say: Callable[[str], None]) -> list[Row]:
    """Rows of one table; the baseline is the DataLoader without workers."""
    say("data path")
    with tempfile.TemporaryDirectory() as scratch:
        images = find(FACES, Path(scratch), quick=quick)
        file, out = Path(scratch, "work.json"), Path(scratch, "out.json")
        work = {
            "overrides": [*images.overrides, "trainer.accelerator=cpu"],
            "folder": str(images.folder),
            "out": str(out),
        }
        file.write_text(json.dumps({**work, "rounds": 2 if quick else 12, "seconds": 0.3 if quick else 2.0}))
        subprocess.run([sys.executable, __file__, str(file)], check=True)
        found = json.loads(out.read_text())
    title = f"data path, impulse noise, {images.what} to 100x100, batch {BATCH}: images a second"
    rows = [Row(title, BASE, estimate(rates(found[BASE])))]
    for name in (TWO, ARRAY, OURS):
        ratio = estimate(paired(found[name], found[BASE]))
        rows.append(Row(title, name, estimate(rates(found[name])), ratio, FASTER if name == OURS else None))
    return rows


def framework(overrides: list[str]) -> Iterator[int]:
    """Batches of the framework, epoch after epoch: loaded, brought to float32 and degraded."""
    from restorelab.config import build, composition
    from restorelab.data.datamodule import DataModule

    parts = build.parts(composition.compose(overrides))
    module = DataModule(
        parts.dataset, parts.degradation, parts.evaluations, seed=0, split_seed=0, eval_seed=0,
        protocol=parts.protocol.spec(), device=parts.trainer.device,
    )  # fmt: skip
    module.setup()
    loader, epoch = module.train_dataloader(), 0
    while True:
        loader.sampler.set_epoch(epoch)
        for sample in loader:
            yield len(module.on_after_batch_transfer(sample.to(module.device), 0))
        epoch += 1


def by_hand(files: list[Path] | Any, workers: int) -> Iterator[int]:
    """Batches of a torch DataLoader over jpg files or over a cached (N, H, W) uint8 array; shuffled, without end."""
    import numpy as np
    import torch
    from PIL import Image
    from skimage.util import random_noise

    class Faces(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(files)

        def __getitem__(self, place: int) -> tuple[torch.Tensor, torch.Tensor]:
            if isinstance(files, list):
                pixels = np.asarray(Image.open(files[place]).convert("L").resize((SIDE, SIDE)))
            else:
                pixels = files[place]
            clean = pixels.astype(np.float32) / 255
            amount = np.random.default_rng().uniform(*AMOUNT)
            noisy = random_noise(clean, mode="s&p", amount=amount).astype(np.float32)
            return torch.from_numpy(noisy)[None], torch.from_numpy(clean)[None]

    loader = torch.utils.data.DataLoader(
        Faces(), BATCH, shuffle=True, num_workers=workers, persistent_workers=workers > 0, drop_last=True
    )
    while True:
        for noisy, _ in loader:
            yield len(noisy)


def timed(batches: Iterator[int], seconds: float, skip: int) -> tuple[float, int]:
    """Seconds and images of a segment; `skip` batches, which workers made while others were measured, come first."""
    for _ in range(skip):
        next(batches)
    began, images = time.perf_counter(), 0
    while time.perf_counter() - began < seconds:
        images += next(batches)
    return time.perf_counter() - began, images


def main() -> int:
    """Measure all four, round by round."""
    import numpy as np
    from PIL import Image

    work = json.loads(Path(sys.argv[1]).read_text())
    files = sorted(file for file in Path(work["folder"]).rglob("*") if file.suffix.lower() == ".jpg")
    files = files[: 12 * BATCH]  # so that even the slowest sees its files again, from the system's memory
    array = np.stack([np.asarray(Image.open(file).convert("L").resize((SIDE, SIDE))) for file in files])
    contenders = {
        BASE: (by_hand(files, 0), 1),
        TWO: (by_hand(files, 2), 5),
        ARRAY: (by_hand(array, 2), 5),
        OURS: (framework(work["overrides"]), 1),
    }
    for batches, _ in contenders.values():  # start workers, fill caches
        next(batches)
    found: dict[str, list[tuple[float, int]]] = {name: [] for name in contenders}
    for _ in range(work["rounds"]):
        for name, (batches, skip) in contenders.items():
            found[name].append(timed(batches, work["seconds"], skip))
    Path(work["out"]).write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
