"""What a sweep costs beside its training and evaluating, and beside `train.py -m` and one `train.py` per run.

    python benchmarks/sweeps.py                # 6 models x 4 noises, one short epoch each on 512 images
    python benchmarks/sweeps.py --runs 4       # a part of them

Two workers on two cores, the CSV logger, cached data. Prints the seconds per run of each way, and of sweep.py the share
of the workers' time that was neither training nor evaluating, by phase. The ways run one after another.
"""

import argparse
import itertools
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path

from restorelab.runs.ledger import Ledger

ROOT = Path(__file__).resolve().parents[1]

MODELS = ("ae", "ae_sep", "dual_ae", "dual_ae_sep", "dual_ae_skip", "dual_ae_skip_sep")
NOISES = ("gaussian", "impulse", "speckle", "poisson")


def main() -> None:
    """Time the ways."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--runs", type=int, default=24, help="how many of the combinations")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--epochs", type=int, default=1)
    parser.add_argument("--data", nargs="*", default=["data=photos"], help="overrides that choose 512 training images")
    parser.add_argument("--ways", nargs="*", default=["sweep", "multirun", "each"])
    options = parser.parse_args()
    models = MODELS[: max(1, options.runs // len(NOISES))]
    noises = NOISES[: min(len(NOISES), options.runs)]
    logger = [] if any(said.startswith("logger=") for said in options.data) else ["logger=csv"]
    fixed = [*options.data, *logger, "trainer.bar=false", f"trainer.max_epochs={options.epochs}"]
    runs = len(models) * len(noises)
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        grid = [f"model={','.join(models)}", f"noise={','.join(noises)}"]
        warm = [sys.executable, str(ROOT / "sweep.py"), *grid, *fixed, "max_steps=1", "report=false"]
        _timed([*warm, f"sweep_dir={folder / 'warm'}"])  # decodes the data and freezes the evaluations
        if "sweep" in options.ways:
            command = [sys.executable, str(ROOT / "sweep.py"), *grid, *fixed, f"workers={options.workers}"]
            bare = _timed([*command, f"sweep_dir={folder / 'sweep'}", "report=false"])
            _say(f"sweep.py, {options.workers} workers", bare, runs)
            _phases(folder / "sweep", bare, options.workers)
            page = _timed([*command, f"sweep_dir={folder / 'sweep'}"])
            print(f"  the page of {runs} finished runs, and the start: {page:.1f} s")
        if "multirun" in options.ways:
            _say("train.py -m", _timed([sys.executable, str(ROOT / "train.py"), "-m", *grid, *fixed], folder), runs)
        if "each" in options.ways:
            total = sum(
                _timed([sys.executable, str(ROOT / "train.py"), f"model={model}", f"noise={noise}", *fixed], folder)
                for model, noise in itertools.product(models, noises)
            )
            _say("one train.py per run", total, runs)


def _timed(command: list[str], folder: Path | None = None) -> float:
    began = time.monotonic()
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{' '.join(command)}\n{done.stdout[-2000:]}{done.stderr[-2000:]}")
    return time.monotonic() - began


def _say(way: str, seconds: float, runs: int) -> None:
    print(f"{way}: {seconds:.1f} s, {seconds / runs:.2f} s per run", flush=True)


def _phases(sweep: Path, wall: float, workers: int) -> None:
    """Where the workers' time went, as shares of the wall time; what is left is starting, waiting and the command."""
    attempts = Ledger(sweep / "ledger").attempts().values()
    spent: Counter[str] = Counter()
    for attempt in attempts:
        spent.update(attempt.progress["spent"])
        spent["whole runs"] += attempt.seconds
    for phase in ("preparing", "training", "evaluating"):
        print(f"  {phase}: {spent[phase] / workers / wall:.1%} of the wall time")
    first = min(attempt.began for attempt in attempts)
    last = max(attempt.ended or 0.0 for attempt in attempts)
    print(f"  from the first run's beginning to the last one's end: {last - first:.1f} s of {wall:.1f} s")
    print(f"  all but training and evaluating: {1 - (spent['training'] + spent['evaluating']) / workers / wall:.1%}")
    preparing = sorted(attempt.progress["spent"].get("preparing", 0.0) for attempt in attempts)
    print(f"  from a run's beginning to its first batch: {preparing[len(preparing) // 2]:.2f} s (median)")
    gaps = _gaps(sorted((attempt.began, attempt.ended or 0.0) for attempt in attempts), workers)
    print(f"  from a run's end to the next one's beginning on the same worker: {gaps:.2f} s (median)")


def _gaps(spans: list[tuple[float, float]], workers: int) -> float:
    """The median pause of a worker between two runs; a run is given to the worker that has been free for longest."""
    free: list[float] = []
    gaps = []
    for began, ended in spans:
        if len(free) < workers:
            free.append(ended)
            continue
        soonest = min(free)
        gaps.append(began - soonest)
        free[free.index(soonest)] = ended
    return sorted(gaps)[len(gaps) // 2] if gaps else 0.0


if __name__ == "__main__":
    main()
