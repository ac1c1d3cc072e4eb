"""Contenders: processes that take training steps when they are asked to, and sleep while another is measured.

A contender reads lines and answers each: `N` (take N steps) with seconds and images, `profile N` with the seconds of N
steps in which the device was busy, `memory` with the MiB that the device's allocator has handed out and held at most.
The framework is one by the callback `Turns` (as a program, `turns.py WORK.json` is that process), a loop written by
hand by `serve`. Whatever one sets in its process neither helps nor hurts another. `turns.py prepare WORK.json` writes
what loops by hand train on.
"""

import json
import math
import select
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, Protocol

from summary import Segment

HERE = Path(__file__).resolve().parent
WARMUP = 3
"""Steps before a contender says that it is ready: kernels are chosen, networks compiled, graphs recorded."""
MARK = "turn:"
"""Begins each line that is an answer; libraries print, too."""


class LostError(RuntimeError):
    """A contender died, or did not answer in time."""


class Contender:
    """The other end of a contender's process. `seconds`: how long one answer may take."""

    def __init__(self, name: str, program: Sequence[str], seconds: float = 3600) -> None:
        self.name, self.seconds = name, seconds
        self.process = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0)
        self._rest = b""

    def ready(self) -> None:
        """Wait for its first line."""
        self._answer()

    def ask(self, what: str | int) -> list[float]:
        """Send a line and wait for the answer; LostError where none comes."""
        assert self.process.stdin is not None
        try:
            self.process.stdin.write(f"{what}\n".encode())
        except BrokenPipeError:
            raise LostError(f"{self.name}: its process ended with status {self.process.wait()}") from None
        return self._answer()

    def take(self, steps: int) -> Segment:
        """Let it take some steps; gives seconds and images."""
        seconds, images = self.ask(steps)
        return seconds, int(images)

    def close(self) -> None:
        """End the process: it ends by itself when its input does."""
        assert self.process.stdin is not None
        with suppress(OSError):
            self.process.stdin.close()
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()

    def _answer(self) -> list[float]:
        until = time.monotonic() + self.seconds
        while True:
            line = self._line(until).decode(errors="replace")
            if line.startswith(MARK):
                return [float(word) for word in line.removeprefix(MARK).split()]

    def _line(self, until: float) -> bytes:
        assert self.process.stdout is not None
        while b"\n" not in self._rest:
            if not select.select([self.process.stdout], [], [], max(0.0, until - time.monotonic()))[0]:
                raise LostError(f"{self.name}: no answer within {self.seconds:.0f} s")
            found = self.process.stdout.read(1 << 16)
            if not found:
                raise LostError(f"{self.name}: its process ended with status {self.process.wait()}")
            self._rest += found
        line, self._rest = self._rest.split(b"\n", 1)
        return line


def start(
    programs: Mapping[str, Sequence[str]], *, together: bool, seconds: float = 3600
) -> dict[str, Contender | str]:
    """Start contenders, one after another or all together; a text in place of one says why it is not there."""
    found: dict[str, Contender | str] = {}
    for name, program in programs.items():
        found[name] = contender = Contender(name, program, seconds)
        if not together:
            found[name] = _when_ready(contender)
    return {name: _when_ready(c) if together and isinstance(c, Contender) else c for name, c in found.items()}


def _when_ready(contender: Contender) -> Contender | str:
    try:
        contender.ready()
    except LostError as error:
        contender.process.kill()
        contender.close()
        return str(error)
    return contender


def interleave(
    contenders: Sequence[Contender], steps: Mapping[str, int], rounds: int, warmup: int
) -> dict[str, list[Segment]]:
    """Let each take its steps, round after round; each round begins with another. Warm-up rounds are left out."""
    found: dict[str, list[Segment]] = {contender.name: [] for contender in contenders}
    for number in range(-warmup, rounds):
        for place in range(len(contenders)):
            contender = contenders[(place + number) % len(contenders)]
            segment = contender.take(steps[contender.name])
            if number >= 0:
                found[contender.name].append(segment)
    return found


def steps_in(contender: Contender, seconds: float, tried: int = 5) -> int:
    """How many steps of a contender fill about so many seconds."""
    spent, _ = contender.take(tried)
    return max(1, math.ceil(tried * seconds / spent))


def prepare(overrides: Sequence[str], file: Path, device: str) -> None:
    """Let a process of its own write what loops by hand train on into `file`."""
    file.write_text(json.dumps({"overrides": list(overrides), "device": device}))
    subprocess.run([sys.executable, __file__, "prepare", str(file)], check=True)


def _prepare(file: Path) -> None:
    """Replace the overrides in `file` by config nodes, and put the run's own training images beside it."""
    import numpy as np

    from restorelab.config import build
    from restorelab.config.composition import compose

    work = json.loads(file.read_text())
    settings = compose(work["overrides"])
    parts = build.parts(settings)
    table, rows = parts.dataset.open(settings["split_seed"], parts.degradation)
    images = file.with_suffix(".npy")
    np.save(images, np.stack([table.clean(row) for row in rows["train"]]))
    told = {key: settings[key] for key in ("model", "noise", "loss")}
    told |= {"images": str(images), "device": work["device"], "batch_size": parts.dataset.batch_size}
    file.write_text(json.dumps(told))


class Loop(Protocol):
    """A loop by hand. `run` takes steps and gives seconds and images, waiting for the device."""

    def run(self, steps: int) -> Segment:
        """Take steps."""


def serve(loop: Loop) -> None:
    """Answer until the input ends."""
    loop.run(WARMUP)
    say()
    for line in sys.stdin:
        if line.startswith("profile"):
            with Busy() as busy:
                loop.run(int(line.split()[1]))
            say(busy.seconds)
        elif line.startswith("memory"):
            say(*memory())
        else:
            say(*loop.run(int(line)))


def say(*numbers: float) -> None:
    """Answer."""
    print(MARK, *numbers, flush=True)


def memory() -> tuple[float, float]:
    """MiB that the device's allocator has handed out, and held, at most; NaN without CUDA."""
    import torch

    if not torch.cuda.is_available():
        return math.nan, math.nan
    return torch.cuda.max_memory_allocated() / 2**20, torch.cuda.max_memory_reserved() / 2**20


class Busy:
    """Measures in how many `seconds` of a block the device did something; NaN without CUDA."""

    def __enter__(self) -> "Busy":
        from torch.profiler import ProfilerActivity, profile

        self.profile = profile(activities=[ProfilerActivity.CUDA, ProfilerActivity.CPU])
        self.profile.__enter__()
        return self

    def __exit__(self, *error: Any) -> None:
        import torch

        if torch.cuda.is_available():
            torch.cuda.synchronize()
        self.profile.__exit__(*error)
        spans = sorted(
            (event.time_range.start, event.time_range.end)
            for event in self.profile.events()
            if event.device_type == torch.autograd.DeviceType.CUDA and not event.is_user_annotation
        )
        self.seconds = union(spans) / 1e6 if spans else math.nan


def union(spans: Sequence[tuple[float, float]]) -> float:
    """The length that sorted spans cover together; kernels of two streams overlap."""
    total, until = 0.0, -math.inf
    for begin, end in spans:
        total += max(0.0, end - max(begin, until))
        until = max(until, end)
    return total


def framework(overrides: Sequence[str], folder: Path, callback: str = "taking.Turns") -> list[str]:
    """The program of a framework contender, which trains in a new folder below `folder`; `callback`: what answers."""
    place = Path(tempfile.mkdtemp(dir=folder))
    file = place / "work.json"
    file.write_text(json.dumps({"overrides": list(overrides), "folder": str(place / "run"), "callback": callback}))
    return [sys.executable, str(HERE / "turns.py"), str(file)]


def by_hand(kind: str, file: Path) -> list[str]:
    """The program of a loop by hand."""
    return [sys.executable, str(HERE / "plain.py"), str(file), kind]


def main() -> int:
    """Be a framework contender: a run that goes on as long as somebody asks for steps."""
    if sys.argv[1] == "prepare":
        _prepare(Path(sys.argv[2]))
        return 0
    from worker import run

    work = json.loads(Path(sys.argv[1]).read_text())
    outcome = run(work["overrides"], Path(work["folder"]), {"_target_": work["callback"], "warmup": WARMUP})
    if "no more steps" in outcome.message:
        return 0
    print(outcome.message, outcome.trace or "", file=sys.stderr)
    return outcome.exit_status or 1


if __name__ == "__main__":
    sys.exit(main())
