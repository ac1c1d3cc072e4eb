"""The main job for 200 steps, float32 and bf16, compiled or not; and its evaluation on the CPU."""

import json
import os
import subprocess
import sys
from pathlib import Path

from gpu_parts.record import ABSENT, Work

STEPS = 200
MODEL = "model=dual_ae_skip"


def main() -> None:
    """Train; then evaluate the first run's weights on the CPU, in a process with a cache of its own."""
    work = Work.read()
    if sys.argv[1] == "evaluate":
        evaluate(work, sys.argv[2])
        return
    data, what = work.faces()
    first = None
    steps = 4 if work.quick else STEPS
    table = f"dual_ae_skip, impulse noise, {what}, {steps} steps"
    for precision in ("32-true", "bf16-mixed"):
        for compiled in ("false", "true"):
            name = f"{precision}{', compiled' if compiled == 'true' else ''}"
            if not work.cuda and (compiled == "true" or (work.quick and precision != "32-true")):
                work.row(name, table=table, note=ABSENT if compiled == "true" else "not in --quick")
                continue
            more = [f"trainer.precision={precision}", f"trainer.compile={compiled}", f"max_steps={steps}"]
            result = work.run(MODEL, *data, *more)
            first = first or result
            metrics = result["metrics"]
            work.row(
                name, table=table, **{
                    "images/s": result["images_per_second"] or "", "seconds in all": result["seconds"],
                    "test PSNR": metrics["test/psnr"], "input PSNR": metrics["input/psnr"],
                },
            )  # fmt: skip
    if first:
        again(work, first)


def again(work: Work, first: dict) -> None:
    """Compare with an evaluation on the CPU that shares nothing with the first run but the files."""
    environment = {**os.environ, "RESTORELAB_CACHE": str(work.scratch / "cache"), "CUDA_VISIBLE_DEVICES": ""}
    program = [sys.executable, "-m", "gpu_parts.job", "evaluate", first["folder"], sys.argv[-1]]
    subprocess.run(program, check=True, env=environment)


def evaluate(work: Work, folder: str) -> None:
    """Evaluate a run's best weights here, and leave rows that compare."""
    data, _ = work.faces()
    ckpt = Path(folder) / "checkpoints" / "best.ckpt"
    here = work.run(MODEL, *data, "trainer.accelerator=cpu", "train=false", f"ckpt={ckpt}")
    there = json.loads(Path(folder, "result.json").read_text())
    table = "evaluation: the first run beside the same weights on the CPU"
    for one, other in zip(there["evaluations"], here["evaluations"], strict=True):
        name, packed = one["degradation"], work.bits.get(one["degradation"])
        for where, bits in (("on the CPU", other["bits"]), ("where they were packed", packed)):
            equal = one["bits"] == bits
            told = {"value": one["bits"], "equal": equal, "verdict": "met" if equal else "MISSED"}
            told = told if bits else {"note": "not packed"}
            work.row(f"{name}: degraded images, bits as {where}", table=table, **told)
        gpu, cpu = (entry["metrics"]["test/psnr"] for entry in (one, other))
        work.compared(f"{name}: PSNR, difference, dB", abs(gpu - cpu), at_most=0.01, table=table, dB=gpu - cpu)


if __name__ == "__main__":
    main()
