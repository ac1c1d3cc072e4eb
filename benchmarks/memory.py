"""Peak memory of the main job beside the bare loop with the same batch, each in a fresh process.

As a program (`memory.py WORK.json`) it is one of those processes.
"""

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from images import FACES, find
from peak import peak
from summary import Estimate, Row

BATCH = 128
MORE = 1.15
MODEL = "dual_ae_skip"


def measure(*, quick: bool, say: Callable[[str], None]) -> list[Row]:
    """Rows of one table, in MiB; the target is the bare loop's peak and 15 %, plus the dataset."""
    with tempfile.TemporaryDirectory() as scratch:
        images = find(FACES, Path(scratch), quick=quick)
        job = [f"model={MODEL}", *images.overrides, "loss=bce", "trainer.accelerator=cpu", "logger.mode=offline"]
        steps = 2 if quick else 5
        found = {}
        # The first run decodes the dataset and makes the frozen sets, in a cache of its own; the second is what every
        # later one is like.
        environment = {**os.environ, "RESTORELAB_CACHE": str(Path(scratch, "cache"))}
        for name in ("first run", "framework", "plain loop", "plain loop, channels_last"):
            say(f"memory: {name}")
            work = {"overrides": job, "steps": 1 if name == "first run" else steps, "name": name, "scratch": scratch}
            file, out = Path(scratch, "work.json"), Path(scratch, "out.json")
            file.write_text(json.dumps({**work, "out": str(out)}))
            subprocess.run([sys.executable, __file__, str(file)], check=True, env=environment)
            found[name] = json.loads(out.read_text())
    dataset = found["framework"]["dataset"]
    title = f"memory of the main job ({MODEL}, impulse, {images.what}, batch {BATCH}; dataset {dataset:.0f} MiB): MiB"
    bare = found["plain loop"]["peak"]
    rows = [Row(title, "plain loop", _exact(bare))]
    for name, limit in (
        ("plain loop, channels_last", None), ("framework", MORE + dataset / bare), ("first run", None)
    ):  # fmt: skip
        peak = found[name]["peak"]
        rows.append(Row(title, name, _exact(peak), _exact(peak / bare), limit, at_most=True))
    rows.append(Row(title, "framework: before training", _exact(found["framework"]["before"])))
    rows.append(Row(title, "framework: when training ended", _exact(found["framework"]["trained"])))
    rows.append(Row(title, "framework: its other processes (W&B)", _exact(found["framework"]["children"])))
    return rows


def _exact(value: float) -> Estimate:
    return Estimate(value, value, value, value, value)


def framework(work: dict[str, Any]) -> dict[str, float]:
    """Run the main job from its start to its end, evaluation and pictures included, with few steps."""
    import watch
    from worker import run

    overrides = [*work["overrides"], f"max_steps={work['steps']}"]
    folder = Path(tempfile.mkdtemp(dir=work["scratch"])) / "run"
    outcome = run(overrides, folder, {"_target_": "watch.Watch"})
    if outcome.status != "done":
        sys.exit(f"{outcome.message}\n{outcome.trace or ''}")
    return {"peak": peak(), **watch.FOUND}


def bare(work: dict[str, Any]) -> dict[str, float]:
    """Run the hand-written loop, on a few batches that are all it holds."""
    import torch
    from plain import PlainLoop

    from restorelab.degradations.noise import Impulse
    from restorelab.models.dual_ae import DualAE

    images = torch.randint(256, (2 * BATCH, 1, 100, 100), dtype=torch.uint8)
    kind = "channels_last" if "channels_last" in work["name"] else "plain"
    PlainLoop(kind, DualAE(skips=True), images, Impulse([0.15, 0.45], clip=True), BATCH).run(work["steps"])
    return {"peak": peak()}


def main() -> int:
    """Measure one of them."""
    work = json.loads(Path(sys.argv[1]).read_text())
    found = bare(work) if work["name"].startswith("plain") else framework(work)
    Path(work["out"]).write_text(json.dumps(found))
    return 0


if __name__ == "__main__":
    sys.exit(main())
