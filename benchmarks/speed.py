"""Training: images a second of a run beside hand-written loops, segment by segment.

As a program (`speed.py WORK.json`) it is the process of one comparison's framework run; see docs/benchmarks.md.
"""

import json
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

from images import FACES, MNIST, find
from summary import Row, estimate, paired, rates


@dataclass(frozen=True)
class Case:
    """A model, its data, and how much is measured: steps a segment and rounds, about a second a segment or one step.

    `faster`: how many times the plain loop the framework's defaults must be (the issue's numbers).
    """

    model: str
    data: str
    segment: int
    rounds: int
    faster: float


CASES = {
    "mnist_conv_ae": Case("mnist_conv_ae", MNIST, 25, 40, 1.3),
    "ae": Case("ae", FACES, 1, 20, 1.5),
    "dual_ae_skip": Case("dual_ae_skip", FACES, 1, 10, 1.5),
}

OVERHEAD = 0.97
"""In the same layout and precision the framework costs at most 3 %."""

# No fused: torch.optim.Adam as it is called without a thought, which is what the plain loop does.
SAME = ["trainer.channels_last=false", "trainer.keep_memory=false", "optimizer.fused=null"]

SETUPS = {
    "framework, the plain loop's layout and Adam": (SAME, ["plain", "plain_again", "our_loss"]),
    "framework, its defaults (float32)": ([], ["plain", "channels_last"]),
    "framework, bf16-mixed": (["trainer.precision=bf16-mixed"], ["plain", "bf16"]),
}

NAMES = {
    "plain": "plain loop",
    "plain_again": "plain loop once more (what the measurement resolves)",
    "our_loss": "plain loop with the framework's BCE",
    "channels_last": "plain loop, channels_last by hand",
    "bf16": "plain loop, bf16 autocast",
}


def measure(name: str, *, quick: bool, device: str, say) -> list[Row]:
    """All comparisons of one model, as rows of one table."""
    case, rows = CASES[name], []
    with tempfile.TemporaryDirectory() as scratch:
        for title, (overrides, kinds) in SETUPS.items():
            say(f"{name}: {title}")
            found = _compare(case, overrides, kinds, Path(scratch), quick=quick, device=device)
            target = case.faster if not overrides else None
            table = f"{name}, batch {_batch(quick=quick)}, {found.pop('what')}: images a second"
            if not rows:
                rows.append(Row(table, NAMES["plain"], estimate(rates(found["plain"]))))
            for kind, segments in found.items():
                if kind != "plain":
                    ratio = estimate(paired(segments, found["plain"]))
                    ours = kind == "framework"
                    label = title if ours else NAMES[kind]
                    rows.append(Row(table, label, estimate(rates(segments)), ratio, target if ours else None))
            if overrides is SAME:  # what the framework costs: nothing differs but the loop
                ratio = estimate(paired(found["framework"], found["our_loss"]))
                label = "the framework beside the loop with its BCE"
                rows.append(Row(table, label, estimate(rates(found["framework"])), ratio, OVERHEAD))
    return rows


def _batch(*, quick: bool) -> int:
    return 16 if quick else 128


def _compare(case: Case, overrides: list[str], kinds: list[str], scratch: Path, *, quick: bool, device: str) -> dict:
    images = find(case.data, scratch, quick=quick)
    noise = ["noise=gaussian"] if case.data == MNIST else []
    chosen = [
        f"model={case.model}", *images.overrides, *noise, "loss=bce", "logger=csv",
        f"data.batch_size={_batch(quick=quick)}", f"trainer.accelerator={device}", "trainer.max_epochs=100000",
        "trainer.validate_every=100000", *overrides,
    ]  # fmt: skip
    segment = min(case.segment, 3) if quick else case.segment
    work = {
        "overrides": chosen,
        "folder": str(Path(tempfile.mkdtemp(dir=scratch)) / "run"),
        "out": str(Path(tempfile.mkdtemp(dir=scratch)) / "segments.json"),
        "kinds": kinds,
        "segment": segment,
        "rounds": 2 if quick else case.rounds,
        "warmup": 1 if quick else 2,
    }
    file = scratch / "work.json"
    file.write_text(json.dumps(work))
    subprocess.run([sys.executable, __file__, str(file)], check=True)
    return {**json.loads(Path(work["out"]).read_text()), "what": images.what}


def main() -> int:
    """Run one comparison in this process."""
    from worker import run

    file = Path(sys.argv[1])
    work = json.loads(file.read_text())
    from restorelab.composition import compose

    settings = compose(work["overrides"])
    loops = file.with_name("loops.json")
    loops.write_text(json.dumps({"model": settings["model"], "noise": settings["noise"]}))
    probe = {key: work[key] for key in ("out", "kinds", "segment", "rounds", "warmup")}
    outcome = run(work["overrides"], Path(work["folder"]), {"_target_": "probe.Probe", "work": str(loops), **probe})
    if not Path(work["out"]).is_file():
        print(outcome.message, outcome.trace or "", file=sys.stderr)
        return outcome.exit_status or 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
