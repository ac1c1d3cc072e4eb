"""`make gpu`: what a GPU can tell in eight minutes, sorted by worth. docs/benchmarks.md says what and how to read it.

python benchmarks/gpu.py pack                          here: fill carry/, for a machine without a network
python benchmarks/gpu.py run --out results             there: everything, into gpu.json, gpu.md, log.txt, trained.zip
python benchmarks/gpu.py run --quick --device cpu      does it work? the numbers mean nothing
python benchmarks/gpu.py run --only job,resume         some parts
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import gpu_pack
import gpu_site
from gpu_measure import Part, measure

MINUTES = 8.0

SAY = """
import json, torch
cuda = torch.cuda.is_available()
found = {"torch": torch.__version__, "cuda": torch.version.cuda or "none"}
found["device"] = torch.cuda.get_device_name() if cuda else "cpu"
print(json.dumps(found))
"""


def _program(name: str, *arguments: str) -> list[str]:
    """A part's command; the work file comes last."""
    return [sys.executable, "-m", f"gpu_parts.{name}", *arguments]


def parts() -> list[Part]:
    """All parts, in the order of their worth, each with its limit in seconds."""
    return [
        Part("tests", "The suite's tests that need a GPU", _program("device_tests"), 80),
        Part("job", "The main job: float32 and bf16, compiled or not; evaluation as on the CPU", _program("job"), 110),
        Part("mnist_rates", "Throughput: mnist_conv_ae", _program("rates", "mnist_conv_ae"), 110),
        Part("epochs", "20 epochs of MNIST (goal: 6 s of training)", _program("epochs"), 70),
        Part(
            "dual_rates",
            "Throughput: dual_ae_skip (goal: 20,000 faces a second)",
            _program("rates", "dual_ae_skip"),
            110,
        ),
        Part("resume", "Killed and resumed, bit for bit", _program("resume"), 75),
        Part("many", "Eight runs at a time on one GPU (goal: twice the time of one)", _program("many"), 70),
        Part("dncnn_rates", "Throughput: dncnn", _program("rates", "dncnn"), 110),
        Part("data", "The data path alone", _program("data"), 30),
        Part("real", "Training for real with the time that is left", _program("real"), None),
    ]


def main() -> int:
    """Pack, or run."""
    parser = argparse.ArgumentParser(
        prog="gpu.py", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True)
    packing = commands.add_parser("pack", help="fill carry/ for a machine without a network")
    packing.add_argument("--pythons", default="3.11,3.12", help="versions of Python that compiled wheels are for")
    packing.add_argument("--megabytes", type=int, default=56, help="MiB of carry/ in all, at most")
    running = commands.add_parser("run", help="measure")
    running.add_argument("--out", type=Path, default=Path("build/gpu"), help="folder of the results")
    running.add_argument("--minutes", type=float, default=MINUTES, help="in all, from the start of this command")
    running.add_argument("--only", default="", help=f"some of {', '.join(part.name for part in parts())}")
    running.add_argument("--device", choices=("cuda", "cpu"), default="cuda")
    running.add_argument("--quick", action="store_true", help="a few steps of each; the numbers mean nothing")
    chosen = parser.parse_args()
    if chosen.command == "pack":
        gpu_pack.pack(chosen.pythons.split(","), chosen.megabytes)
        return 0
    names = chosen.only.split(",") if chosen.only else [part.name for part in parts()]
    if unknown := set(names) - {part.name for part in parts()}:
        parser.error(
            f"--only {', '.join(sorted(unknown))}: expected some of {', '.join(part.name for part in parts())}"
        )
    return run(chosen, names)


def run(chosen: argparse.Namespace, names: list[str]) -> int:
    """Set up and measure."""
    began = time.monotonic()
    if find_spec("torch") is None:
        return _in_own_environment()
    with tempfile.TemporaryDirectory() as temporary:
        scratch = Path(temporary)
        missing = gpu_site.install(scratch / "site")
        told = gpu_pack.unpack(scratch)
        os.environ.update(
            gpu_site.variables(scratch / "site", scratch) | ({"OMP_NUM_THREADS": "1"} if chosen.quick else {})
        )
        found = json.loads(subprocess.run([sys.executable, "-c", SAY], check=True, capture_output=True).stdout)
        if chosen.device == "cuda" and found["device"] == "cpu":
            print("PyTorch sees no CUDA device here. To try the script: --quick --device cpu", file=sys.stderr)
            return 1
        facts = {
            "when": time.strftime("%Y-%m-%d %H:%M"), **found, "python": platform.python_version(),
            "cpus": len(os.sched_getaffinity(0)), "commit": told["commit"], "faces": told["faces"] or "not carried",
            "missing": ", ".join(missing) or "nothing", "quick": chosen.quick, "measured on": chosen.device,
        }  # fmt: skip
        work = {
            "device": chosen.device, "quick": chosen.quick, "scratch": str(scratch), "out": str(chosen.out.absolute()),
            "bits": {} if chosen.quick else told["bits"],
        }  # fmt: skip
        listed = [part for part in parts() if part.name in names]
        print(", ".join(f"{key} {value}" for key, value in facts.items()))
        print(f"ready after {time.monotonic() - began:.0f} s", flush=True)
        measure(listed, work, chosen.out, facts, 60 * chosen.minutes - (time.monotonic() - began))
    print(f"{chosen.out / 'gpu.md'}; {time.monotonic() - began:.0f} s")
    return 0


def _in_own_environment() -> int:
    """Where this Python has no torch: install what is locked, which takes a network, and start again with that."""
    folder = gpu_site.ROOT / "build" / "gpu-venv"
    python = folder / "bin" / "python"
    if not python.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
    lock = str(gpu_site.ROOT / "requirements.lock")
    subprocess.run([str(python), "-m", "pip", "install", "--quiet", "--requirement", lock], check=True)
    return subprocess.run([str(python), *sys.argv], check=False).returncode


if __name__ == "__main__":
    sys.exit(main())
