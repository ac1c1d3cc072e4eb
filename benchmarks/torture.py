"""Kill a sweep at random moments, go on, and hold what it ends with against a sweep that nobody disturbed.

    python benchmarks/torture.py --kills 50

A kill is SIGKILL for one of: a run, the fork server, the sweep itself, or all of them at once. After each the sweep
goes on, by itself or by the same command. In the end every file that a run leaves must be, but for times, what it is
without kills: weights, metrics.csv, per_image.csv, result.json.
"""

import argparse
import csv
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import torch

from restorelab.runs.ledger import Ledger

ROOT = Path(__file__).resolve().parents[1]

TIMES = ("seconds", "images_per_second", "peak_memory", "git")
"""What differs in a result.json from one time to the next."""

RUNS = (
    "data=photos", "data.limit=96", "data.batch_size=8", "model=dncnn_small,dncnn", "model.depth=4",
    "model.features=8", "noise=gaussian,impulse", "logger=csv", "trainer.bar=false", "trainer.checkpoint_every=0.3",
    "trainer.log_every=2", "threads=1", "retries=3",
)  # fmt: skip


def main() -> int:
    """Run both sweeps; gives 0 where they end alike."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=50, help="how many")
    parser.add_argument("--runs", type=int, default=12, help="runs of the sweep, a multiple of 4")
    parser.add_argument("--steps", type=int, default=60, help="optimizer steps of a run")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of the moments and the victims")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        arguments = [*RUNS, f"max_steps={options.steps}", f"seed=range({max(1, options.runs // 4)})", "report=false"]
        began = time.monotonic()
        calm = folder / "calm"
        subprocess.run([*_command(calm, 1), *arguments], check=True, cwd=folder, stderr=subprocess.DEVNULL)
        print(f"undisturbed: {len(_results(calm))} runs in {time.monotonic() - began:.0f} s", flush=True)
        wild = folder / "wild"
        killed = _torture(wild, arguments, folder, options, time.monotonic() - began)
        print(f"kills: {dict(killed)}", flush=True)
        differing = _differences(calm, wild)
        for line in differing:
            print(line)
        print("lost or changed:", len(differing))
        return 1 if differing else 0


def _command(sweep: Path, workers: int) -> list[str]:
    return [sys.executable, str(ROOT / "sweep.py"), f"sweep_dir={sweep}", f"workers={workers}"]


def _torture(
    sweep: Path, arguments: list[str], folder: Path, options: argparse.Namespace, calm_seconds: float
) -> Counter[str]:
    """Sweep until all is done, killing on the way."""
    chance = random.Random(options.seed)
    killed: Counter[str] = Counter()
    command = [*_command(sweep, options.workers), *arguments]
    sessions = 0
    while True:
        sessions += 1
        with (folder / "wild.log").open("a") as log:
            process = subprocess.Popen(command, cwd=folder, stdout=log, stderr=log, start_new_session=True)
        while process.poll() is None:
            time.sleep(chance.uniform(0.02, 0.12 * calm_seconds / 4))
            if sum(killed.values()) < options.kills and (victim := _kill(process.pid, sweep, chance)):
                killed[victim] += 1
        if process.returncode == 0:
            if sum(killed.values()) >= options.kills:
                print(f"{sessions} sessions", flush=True)
                return killed
            _undo(sweep, chance)  # all done before the last kill: take some results away, so that there is more to kill
        elif sessions > 4 * options.kills + 20:
            sys.exit(f"no end after {sessions} sessions:\n{(folder / 'wild.log').read_text()[-3000:]}")


def _undo(sweep: Path, chance: random.Random) -> None:
    """Take half of the finished runs back, as if they had never been begun."""
    done = _results(sweep)
    for name in chance.sample(sorted(done), max(1, len(done) // 2)):
        for file in sorted((sweep / name).rglob("*"), reverse=True):
            file.rmdir() if file.is_dir() else file.unlink()


def _kill(sweep_pid: int, sweep: Path, chance: random.Random) -> str:
    """Kill something of the sweep; gives what it was, "" where there was nothing yet."""
    kind = chance.choice(("run", "run", "server", "sweep", "all"))
    attempts = Ledger(sweep / "ledger").attempts().values() if (sweep / "ledger").is_dir() else []
    runs = [a.owner.pid for a in attempts if a.state == "running" and a.owner.alive()]
    servers = [child for child in _children(sweep_pid) if "forkserver" in _words(child)]
    victims = {"run": runs[:1], "server": servers, "sweep": [sweep_pid], "all": [sweep_pid, *servers, *runs]}[kind]
    if not victims or not runs:
        return ""
    for victim in victims:
        try:
            os.kill(victim, signal.SIGKILL)
        except ProcessLookupError:
            continue
    return kind


def _children(pid: int) -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            try:
                fields = (entry / "stat").read_text().rpartition(")")[2].split()
            except OSError:
                continue
            if int(fields[1]) == pid:
                found.append(int(entry.name))
    return found


def _words(pid: int) -> str:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode()
    except OSError:
        return ""


def _results(sweep: Path) -> dict[str, Path]:
    return {file.parent.name: file.parent for file in sweep.glob("*/result.json")}


def _differences(calm: Path, wild: Path) -> list[str]:
    """A line for each run that is missing, and each file that differs in more than times."""
    one, other = _results(calm), _results(wild)
    found = [f"{name}: missing" for name in one.keys() ^ other.keys()]
    for name in sorted(one.keys() & other.keys()):
        a, b = one[name], other[name]
        found += [f"{name}: result.json differs"] if _result(a) != _result(b) else []
        for file in ("metrics.csv", "per_image.csv"):
            found += [f"{name}: {file} differs"] if _rows(a / file) != _rows(b / file) else []
        found += [f"{name}: best.ckpt differs"] if not _same_weights(a, b) else []
    return found


def _result(run: Path) -> dict[str, Any]:
    content = json.loads((run / "result.json").read_text())
    for entry in content["evaluations"]:
        for key in ("seconds", "image_seconds"):
            entry.pop(key)
    return {key: value for key, value in content.items() if key not in TIMES}


def _rows(file: Path) -> list[list[str]]:
    with file.open(newline="") as stream:
        return list(csv.reader(stream))


def _same_weights(a: Path, b: Path) -> bool:
    one, other = (torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"] for run in (a, b))
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


if __name__ == "__main__":
    sys.exit(main())
