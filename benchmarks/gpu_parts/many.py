"""Several small runs on one GPU: eight processes of a sweep beside one."""

import subprocess
import sys
from pathlib import Path

from images import MNIST, find

from gpu_parts.record import Work

ROOT = Path(__file__).resolve().parents[2]
RUNS, GOAL = 8, 2.0
STEPS = 4000


def main() -> None:
    """Sweep one seed, then eight at a time."""
    work = Work.read()
    data = find(MNIST, work.scratch.parent, quick=work.quick)
    runs, steps = (2, 4) if work.quick else (RUNS, STEPS)
    small = ["data.limit=300", "data.val=64", "data.batch_size=16"] if work.quick else []
    job = ["model=mnist_conv_ae", "noise=gaussian", "loss=bce", *data.overrides, *small,
           f"max_steps={steps}", "trainer.validate_steps=2000"]  # fmt: skip
    sweep(work, "warm", [*job, "max_steps=1", "seed=0"], 1)  # decodes the data and freezes the evaluation
    table = f"mnist_conv_ae, {steps} steps and the evaluation, {data.what}"
    alone = sweep(work, "alone", [*job, "seed=0"], 1)
    together = sweep(work, "together", [*job, f"seed=range({runs})"], runs)
    work.row("one run", table=table, seconds=alone[0], training=alone[1])
    columns = {"seconds": together[0], "training": together[1], "to one": together[0] / alone[0]}
    work.compared(f"{runs} runs at a time", together[0] / alone[0], at_most=GOAL, table=table, **columns)


def sweep(work: Work, name: str, job: list[str], at_a_time: int) -> tuple[float, float]:
    """Seconds from the first run's beginning to the last one's end, and those of training on the average."""
    from restorelab.runs.ledger import Ledger

    folder = work.scratch / name
    slots = [f"per_device={at_a_time}"] if work.cuda else [f"workers={at_a_time}"]
    command = [sys.executable, str(ROOT / "sweep.py"), *work.overrides(*job), f"sweep_dir={folder}", "report=false"]
    subprocess.run([*command, *slots], check=True)
    attempts = list(Ledger(folder / "ledger").attempts().values())
    if any(attempt.state != "done" for attempt in attempts):
        raise RuntimeError(f"{name}: {[attempt.reason for attempt in attempts if attempt.state != 'done']}")
    span = max(attempt.ended or 0.0 for attempt in attempts) - min(attempt.began for attempt in attempts)
    return span, sum(attempt.progress["spent"]["training"] for attempt in attempts) / len(attempts)


if __name__ == "__main__":
    main()
