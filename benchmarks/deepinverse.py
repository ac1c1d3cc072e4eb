"""Training beside DeepInverse's Trainer (deepinv 0.5): the same network, images, batch, loss and noise, in turns.

    python benchmarks/deepinverse.py --env /tmp/deepinv [mnist_conv_ae dual_ae_skip] [--threads 1] [--quick]

It lives in an environment of its own, made here where `--env` is missing (a network is needed): deepinv 0.5 and the
locked torch. It imports torchvision, whose compiled operators need a CUDA build of torch. Where they do not load, their
names are declared before the import, without an implementation: neither its Trainer nor its denoising calls one.
"""

import argparse
import contextlib
import json
import os
import re
import subprocess
import sys
import tempfile
import time
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import speed
import turns
from images import find
from summary import Row, estimate, machine, paired, rates, table

ROOT = Path(__file__).resolve().parents[1]
DEEPINV = "deepinv==0.5.0"

THEIRS = {
    "deepinverse": "DeepInverse Trainer, its defaults",
    "deepinverse_lean": "DeepInverse Trainer, no training metrics",
}
OURS, PLAIN = "framework, its defaults", "plain"


def environment(folder: Path) -> Path:
    """The environment's Python; made where it is not there."""
    python = folder / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        torch = f"torch=={version('torch').split('+', maxsplit=1)[0]}"
        subprocess.run([str(python), "-m", "pip", "install", "--quiet", torch, DEEPINV, "numpy"], check=True)
    return python


def declare_missing_operators() -> None:
    """Declare torchvision's operators where its library does not load, so that importing torchvision does not raise."""
    import torch

    spec = find_spec("torchvision")
    assert spec is not None
    assert spec.origin is not None
    folder = Path(spec.origin).parent
    with contextlib.suppress(OSError):
        torch.ops.load_library(str(folder / "_C.so"))
        return
    text = (folder / "_meta_registrations.py").read_text()
    global _declared  # noqa: PLW0603  (a library is gone when nothing holds it)
    _declared = torch.library.Library("torchvision", "DEF")
    for name in re.findall(r'(?:register_fake\("torchvision::|register_meta\(")(\w+)"', text):
        _declared.define(f"{name}(Tensor x) -> Tensor")


_declared: Any = None


class Answers:
    """Counts steps; after those that were asked for, answers and waits for the next line. EOFError at the end."""

    def __init__(self) -> None:
        self.wanted, self.steps, self.images, self.since = turns.WARMUP, 0, 0, time.perf_counter()
        self.ready = False

    def count(self, images: int) -> None:
        """A step has ended."""
        self.steps += 1
        self.images += images
        if self.steps < self.wanted:
            return
        turns.say(*([time.perf_counter() - self.since, self.images] if self.ready else []))
        line = sys.stdin.readline()
        if not line:
            raise EOFError
        self.ready, self.wanted, self.steps, self.images = True, int(line), 0, 0
        self.since = time.perf_counter()


def serve(kind: str, file: Path) -> None:
    """Train with DeepInverse's Trainer, which answers each line of the input where a step ends (turns.py)."""
    declare_missing_operators()
    import deepinv
    import numpy as np
    import torch
    from plain import made
    from worker import terminal

    work = json.loads(file.read_text())
    images = torch.from_numpy(np.load(work["images"])).float().div_(255)
    net, answers = made(work["model"]), Answers()

    class Images(torch.utils.data.Dataset):
        def __len__(self) -> int:
            return len(images)

        def __getitem__(self, place: int) -> torch.Tensor:
            return images[place]

    class Direct(deepinv.models.Reconstructor):
        """The network as DeepInverse calls one."""

        def __init__(self) -> None:
            super().__init__()
            self.net = net

        def forward(self, y: torch.Tensor, physics: Any, **kwargs: Any) -> torch.Tensor:
            return self.net(y)

    class Asked(deepinv.Trainer):
        """The Trainer, which waits between two steps."""

        def step(self, *args: Any, **kwargs: Any) -> None:
            super().step(*args, **kwargs)
            answers.count(work["batch_size"])

    losses = {"bce": torch.nn.BCELoss(), "mse": torch.nn.MSELoss()}
    lean = {"compute_train_metrics": False, "freq_update_progress_bar": 1000} if kind.endswith("lean") else {}
    model = Direct()
    trainer = Asked(
        model=model, optimizer=torch.optim.Adam(model.parameters(), lr=1e-3),
        train_dataloader=torch.utils.data.DataLoader(Images(), work["batch_size"], shuffle=True, drop_last=True),
        losses=deepinv.loss.SupLoss(losses[work["loss"]["_target_"].rpartition(".")[2].lower()]),
        online_measurements=True, epochs=10**6, save_path=None, device="cpu", **_noise(work["noise"]), **lean,
    )  # fmt: skip
    with contextlib.suppress(EOFError), terminal():
        trainer.train()


def _noise(node: dict[str, Any]) -> dict[str, Any]:
    """What degrades: Gaussian noise with a level for each image, or salt and pepper at the mean level."""
    import deepinv

    if node["_target_"].endswith("Gaussian"):
        low, high = (level / 255 for level in node["sigma"])
        noise = deepinv.physics.GaussianNoise(sigma=low)
        generator = deepinv.physics.generator.SigmaGenerator(sigma_min=low, sigma_max=high)
        return {"physics": deepinv.physics.Denoising(noise), "physics_generator": generator}
    share = sum(node["amount"]) / 4
    return {"physics": deepinv.physics.Denoising(deepinv.physics.SaltPepperNoise(p=share, s=share))}


def measure(name: str, python: Path, *, quick: bool) -> list[Row]:
    """Rows of one table; the ratio is to the plain loop."""
    case = speed.CASES[name]
    batch, rounds, segment = (16, 2, 2) if quick else (case.batch, 8, min(case.segment, 10))
    with tempfile.TemporaryDirectory() as scratch:
        images = find(case.data, Path(scratch), quick=quick)
        overrides, work = speed.run_of(case, images.overrides, batch, "cpu"), Path(scratch, "loops.json")
        turns.prepare(overrides, work, "cpu")
        programs = {OURS: turns.framework(overrides, Path(scratch)), PLAIN: turns.by_hand(PLAIN, work)}
        programs |= {kind: [str(python), __file__, "--serve", kind, str(work)] for kind in THEIRS}
        started = turns.start(programs, together=False)
        there = [one for one in started.values() if isinstance(one, turns.Contender)]
        found = turns.interleave(there, dict.fromkeys(programs, segment), rounds, 1)
        for one in there:
            one.close()
    title = f"{name}, batch {batch}, {images.what}: images a second"
    for kind, one in started.items():
        if isinstance(one, str):
            print(f"{THEIRS.get(kind, kind)}: not measured, {one}")
    return [
        Row(title, THEIRS.get(kind, kind), estimate(rates(turn)), estimate(paired(turn, found[PLAIN])))
        for kind, turn in found.items()
    ]


def main() -> int:
    """Measure and print tables."""
    if sys.argv[1:2] == ["--serve"]:
        serve(sys.argv[2], Path(sys.argv[3]))
        return 0
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", default=["mnist_conv_ae", "dual_ae_skip"])
    parser.add_argument("--env", type=Path, required=True, help="folder of DeepInverse's environment")
    parser.add_argument("--threads", type=int, help="of every process; all by default")
    parser.add_argument("--quick", action="store_true", help="a few steps; the numbers mean nothing")
    chosen = parser.parse_args()
    if chosen.threads:
        os.environ["OMP_NUM_THREADS"] = str(chosen.threads)
    os.environ["PYTHONPATH"] = os.pathsep.join(map(str, (ROOT / "src", ROOT / "benchmarks")))
    python = environment(chosen.env)
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    for name in chosen.names:
        rows = measure(name, python, quick=chosen.quick)
        print(f"\n{rows[0].table}\n{table(rows)}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
