"""Throughput of one network (`rates.py CASE WORK.json`): the framework's ways beside the plain loop's, in turns.

Beside each rate: the share of its time in which the device was busy, and what its allocator handed out and held.
"""

import sys
from statistics import median
from typing import Any

import speed
import turns
from images import FACES, find
from summary import Segment, estimate, paired, rates

from gpu_parts.record import ABSENT, Work

BF16 = "trainer.precision=bf16-mixed"
GOAL = {"dual_ae_skip": 20_000.0}
"""Images a second."""
SEGMENT = 0.4
"""Seconds of a turn."""
READY = 75.0
"""Seconds until a contender that compiles is given up."""


def ways(bf16: bool, cuda: bool) -> dict[str, list[str]]:
    """The framework's ways to train, as overrides; on a CPU those that there are."""
    precision = [BF16] if bf16 and cuda else []
    calls, graph = "trainer.steps_per_call=8", "trainer.graph=true"
    found = {"framework": precision, "framework, steps_per_call=8": [*precision, calls]}
    if cuda:
        found |= {
            "framework, compile=max-autotune": [*precision, "trainer.compile=max-autotune"],
            "framework, graph, steps_per_call=8": [*precision, graph, calls],
            "framework, graph, steps_per_call=8, compile=max-autotune-no-cudagraphs": [
                *precision, graph, calls, "trainer.compile=max-autotune-no-cudagraphs",
            ],
        }  # fmt: skip
    return found


def main() -> None:
    """Start all at once, let them take turns, and leave a row each."""
    work, name = Work.read(), sys.argv[1]
    case = speed.CASES[name]
    images = find(case.data, work.scratch.parent, quick=work.quick)
    bf16 = name != "mnist_conv_ae"
    batch = 4 if work.quick else 128
    small = (
        ["data.limit=200", "data.val=16", *(["data.size=[32,32]"] if case.data == FACES else [])] if work.quick else []
    )
    overrides = [*speed.run_of(case, [*images.overrides, *small], batch, work.device), "trainer.bar=false"]
    loops = work.scratch / "loops.json"
    turns.prepare(overrides, loops, work.device)
    programs = {way: turns.framework([*overrides, *more], work.scratch) for way, more in ways(bf16, work.cuda).items()}
    hand = ("bf16", "bf16_max_autotune", "bf16_limit") if bf16 else ("plain", "max_autotune", "limit")
    hand = hand if work.cuda else ("plain", "limit")
    programs |= {kind: turns.by_hand(kind, loops) for kind in hand}
    started = turns.start(programs, together=work.cuda, seconds=READY)
    table = f"{name}, {'bf16' if bf16 else 'float32'}, batch {batch}, {images.what}"
    steps = {}
    for way, one in started.items():
        try:
            if isinstance(one, turns.Contender):
                steps[way] = 2 if work.quick else turns.steps_in(one, SEGMENT, 20)
        except turns.LostError as error:
            started[way] = str(error)
    there = [one for one in started.values() if isinstance(one, turns.Contender)]
    found = turns.interleave(there, steps, 2 if work.quick else 8, 1)
    best = 0.0
    for one in there:
        columns = _row(one, found, hand[0], batch, work)
        work.row(one.name, table=table, **columns)
        best = max(best, columns["images/s"] if one.name.startswith("framework") else 0.0)
    if name in GOAL:
        work.compared("the framework's best", best, at_least=GOAL[name], table=table, **{"images/s": best})
    for one in there:
        one.close()
    for way, one in started.items():
        if isinstance(one, str):
            work.row(way, table="not measured", note=one)


def _row(one: turns.Contender, found: dict[str, list[Segment]], base: str, batch: int, work: Work) -> dict[str, Any]:
    """Rate, ratio to the plain loop, busy share, memory."""
    each = rates(found[one.name])
    columns: dict[str, Any] = {"images/s": median(each), "rounds": f"{min(each):,.0f} to {max(each):,.0f}"}
    columns["to the plain loop"] = str(estimate(paired(found[one.name], found[base]))) if base in found else ""
    if not work.cuda:
        return {**columns, "device busy": ABSENT, "MiB handed out, held": ABSENT}
    steps = 20
    try:
        (busy,) = one.ask(f"profile {steps}")
        given, held = one.ask("memory")
    except turns.LostError as error:
        return {**columns, "device busy": str(error)}
    share = busy / steps * median(each) / batch
    return {**columns, "device busy": f"{share:.0%}", "MiB handed out, held": f"{given:,.0f}, {held:,.0f}"}


if __name__ == "__main__":
    main()
