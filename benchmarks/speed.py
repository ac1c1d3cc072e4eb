"""Training: images a second of a run beside hand-written loops and beside the network's own layers alone."""

import os
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path

import turns
from images import FACES, MNIST, PHOTOS, find
from summary import Row, Segment, estimate, paired, rates


@dataclass(frozen=True)
class Case:
    """A model, its data, and how much is measured: steps a segment and rounds, about a second a segment or one step.

    faster: how many times the plain loop the framework's defaults must be.
    """

    model: str
    data: str
    segment: int
    rounds: int
    faster: float | None
    batch: int = 128


CASES = {
    "mnist_conv_ae": Case("mnist_conv_ae", MNIST, 25, 40, 1.3),
    "ae": Case("ae", FACES, 1, 20, 1.5),
    "dual_ae_skip": Case("dual_ae_skip", FACES, 1, 10, 1.5),
    "dncnn": Case("dncnn", PHOTOS, 1, 20, None, 16),
}

OVERHEAD = 0.97
"""In the same layout and precision the framework costs at most 3 %."""

NEAR = 0.8
"""The defaults take at most 1.25 times as long as the network's own layers alone."""

# No fused: torch.optim.Adam as it is called without a thought, which is what the plain loop does.
SAME = ["trainer.channels_last=false", "trainer.keep_memory=false", "optimizer.fused=null"]

SETUPS = {
    "framework, the plain loop's layout and Adam": (SAME, ["plain", "plain_again", "our_loss"]),
    "framework, its defaults (float32)": ([], ["plain", "channels_last", "limit"]),
    "framework, bf16-mixed": (["trainer.precision=bf16-mixed"], ["plain", "bf16"]),
}

NAMES = {
    "plain": "plain loop",
    "plain_again": "plain loop once more (what the measurement resolves)",
    "our_loss": "plain loop with the framework's BCE",
    "channels_last": "plain loop, channels_last by hand",
    "bf16": "plain loop, bf16 autocast",
    "limit": "the limit: convolutions, linear layers and pools alone",
}


def measure(name: str, *, quick: bool, brief: bool, device: str, say) -> list[Row]:
    """All comparisons of one model, as rows of one table; `brief`: the defaults alone, in few rounds."""
    case, rows = CASES[name], []
    case = replace(case, rounds=8) if brief else case
    batch = 16 if quick else case.batch
    with tempfile.TemporaryDirectory() as scratch:
        images = find(case.data, Path(scratch), quick=quick)
        table = f"{name}, batch {batch}, {images.what}: images a second"
        overrides = run_of(case, images.overrides, batch, device)
        work = Path(scratch, "loops.json")
        turns.prepare(overrides, work, device)
        for title, (more, kinds) in {
            key: setup for key, setup in SETUPS.items() if setup[0] == [] or not brief
        }.items():
            say(f"{name}: {title}")
            programs = {title: turns.framework([*overrides, *more], Path(scratch))}
            programs |= {kind: turns.by_hand(kind, work) for kind in kinds if kind != "our_loss" or case.data != PHOTOS}
            found = _interleaved(programs, case, quick=quick)
            target = case.faster if not more else None
            if not rows:
                rows.append(Row(table, NAMES["plain"], estimate(rates(found["plain"]))))
            rows += _beside_plain(table, found, title, target)
            rows += _beside(table, found, title)
    return rows


def run_of(case: Case, data: list[str], batch: int, device: str) -> list[str]:
    """The overrides of a run that trains on and on, without validation, with as many threads as the loops take."""
    loss = "mse" if case.data == PHOTOS else "bce"
    noise = [] if case.data == FACES else ["noise=gaussian"]
    threads = [f"threads={os.environ['OMP_NUM_THREADS']}"] if "OMP_NUM_THREADS" in os.environ else []
    return [
        f"model={case.model}", *threads, *data, *noise, f"loss={loss}", "logger=csv", f"data.batch_size={batch}",
        f"trainer.accelerator={device}", "trainer.max_epochs=100000", "trainer.validate_every=100000",
    ]  # fmt: skip


def _interleaved(programs: dict[str, list[str]], case: Case, *, quick: bool) -> dict[str, list[Segment]]:
    started = turns.start(programs, together=False)
    contenders = [one for one in started.values() if isinstance(one, turns.Contender)]
    try:
        if lost := [one for one in started.values() if isinstance(one, str)]:
            raise turns.LostError(", ".join(lost))
        segment = min(case.segment, 3) if quick else case.segment
        rounds, warmup = (2, 1) if quick else (case.rounds, 2)
        return turns.interleave(contenders, dict.fromkeys(programs, segment), rounds, warmup)
    finally:
        for contender in contenders:
            contender.close()


def _beside_plain(table: str, found: dict[str, list[Segment]], ours: str, target: float | None) -> list[Row]:
    rows = []
    for kind, segments in found.items():
        if kind != "plain":
            ratio = estimate(paired(segments, found["plain"]))
            aim = target if kind == ours else None
            rows.append(Row(table, NAMES.get(kind, kind), estimate(rates(segments)), ratio, aim))
    return rows


def _beside(table: str, found: dict[str, list[Segment]], ours: str) -> list[Row]:
    """The framework beside the loop that differs in nothing but the loop, and beside the limit."""
    others = {
        "our_loss": ("the framework beside the loop with its BCE", OVERHEAD),
        "limit": ("the framework's defaults beside the limit", NEAR),
    }
    return [
        Row(table, label, estimate(rates(found[ours])), estimate(paired(found[ours], found[kind])), aim)
        for kind, (label, aim) in others.items()
        if kind in found
    ]
