"""`make bench`: what the framework costs and gains, measured. docs/benchmarks.md says how and how to read it.

python benchmarks/bench.py                        everything, about half an hour on two cores
python benchmarks/bench.py mnist_conv_ae data     some of it
python benchmarks/bench.py --quick                does it work? the numbers mean nothing
"""

import argparse
import json
import os
import sys
import time
from itertools import groupby
from pathlib import Path

import between
import data_path
import memory
import speed
from summary import QUIET, Row, machine, table

NAMES = (*speed.CASES, "between", "data", "memory")


def main() -> int:
    """Measure what is asked for, print tables, and write the JSON file. Status 1: --strict and a target was missed."""
    parser = argparse.ArgumentParser(prog="bench.py", description="Speed and memory beside hand-written PyTorch.")
    parser.add_argument("names", nargs="*", metavar="name", help=f"what to measure: {', '.join(NAMES)}; all by default")
    parser.add_argument("--quick", action="store_true", help="a few steps of each; the numbers mean nothing")
    parser.add_argument("--brief", action="store_true", help="of training the defaults alone, in eight rounds")
    parser.add_argument("--device", default="cpu", choices=("cpu", "cuda"), help="where training is measured")
    parser.add_argument("--threads", type=int, help="of every process, the framework's and the loops'; all by default")
    parser.add_argument("--json", type=Path, help="write all numbers to this file")
    parser.add_argument("--strict", action="store_true", help="exit with 1 where a target is missed for sure")
    chosen = parser.parse_args()
    unknown = set(chosen.names) - set(NAMES)
    if unknown:
        parser.error(f"{', '.join(sorted(unknown))}: unknown; there are {', '.join(NAMES)}")
    if chosen.threads:
        os.environ["OMP_NUM_THREADS"] = str(chosen.threads)  # torch heeds it in the loops, speed.py in runs
    facts = machine()
    print(", ".join(f"{key} {value}" for key, value in facts.items()))
    if facts["load"] > QUIET:
        print(f"This machine is not quiet (load {facts['load']:.1f}): read ratios, and those with care.")
    began, rows = time.monotonic(), []
    for name in chosen.names or NAMES:
        found = _measure(name, quick=chosen.quick, brief=chosen.brief, device=chosen.device)
        rows += found
        for title, part in groupby(found, key=lambda row: row.table):
            print(f"\n{title}\n{table(list(part))}", flush=True)
        if chosen.json:
            chosen.json.write_text(_text(facts, rows, quick=chosen.quick))
    print(f"\n{time.monotonic() - began:.0f} s.{' Quick: the numbers mean nothing.' if chosen.quick else ''}")
    return int(chosen.strict and any(row.verdict == "MISSED" for row in rows))


def _measure(name: str, *, quick: bool, brief: bool, device: str) -> list[Row]:
    if name == "data":
        return data_path.measure(quick=quick, say=_say)
    if name == "memory":
        return memory.measure(quick=quick, say=_say)
    if name == "between":
        return between.measure(quick=quick, brief=brief, device=device, say=_say)
    return speed.measure(name, quick=quick, brief=brief, device=device, say=_say)


def _say(text: str) -> None:
    print(f"... {text}", file=sys.stderr, flush=True)


def _text(facts: dict, rows: list[Row], *, quick: bool) -> str:
    when = time.strftime("%Y-%m-%d %H:%M")
    return json.dumps({"when": when, "machine": facts, "quick": quick, "rows": [r.facts() for r in rows]}, indent=1)


if __name__ == "__main__":
    sys.exit(main())
