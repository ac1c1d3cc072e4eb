"""What a training step of the framework's defaults spends beside the network's own layers, phase by phase."""

import tempfile
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import speed
import turns
from images import find
from lightning.pytorch import LightningModule, Trainer
from summary import Row, estimate
from taking import Turns
from turns import say

NAMES = ("mnist_conv_ae", "dual_ae_skip", "dncnn")

GATHER, PREPARE, FORWARD, LOSS, BACKWARD, OPTIMIZER = (
    "gathering the batch", "to float, noise", "network, forward", "loss, forward", "backward", "optimizer",
)  # fmt: skip
PHASES = (GATHER, PREPARE, FORWARD, LOSS, BACKWARD, OPTIMIZER)


class Phases(Turns):
    """Answers seconds, images, and the seconds of each of `PHASES`; on a CPU, where calls end when their work does."""

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Time the calls that make up a step."""
        super().on_train_start(trainer, pl_module)
        self._spent: Counter[str] = Counter()
        data: Any = trainer.datamodule  # type: ignore[attr-defined]
        module: Any = pl_module
        store, (optimizer,) = data.train_dataloader().store, trainer.optimizers
        for owner, name, phase in (
            (store, "gather", GATHER), (data, "prepare", PREPARE), (module.net, "forward", FORWARD),
            (module.objective.loss, "forward", LOSS), (module, "backward", BACKWARD),
        ):  # fmt: skip
            setattr(owner, name, self._timed(getattr(owner, name), phase))
        whole = optimizer.step

        def step(closure: Callable[[], Any]) -> Any:
            """The optimizer calls the forward and the backward pass: what they take is not its own."""
            return self._timed(whole, OPTIMIZER)(closure=self._timed(closure, OPTIMIZER, sign=-1))

        optimizer.step = step  # type: ignore[method-assign]

    def _timed(self, call: Callable, phase: str, sign: int = 1) -> Callable:
        def timed(*args: Any, **kwargs: Any) -> Any:
            began = time.perf_counter()
            try:
                return call(*args, **kwargs)
            finally:
                self._spent[phase] += sign * (time.perf_counter() - began)

        return timed

    def _told_time(self) -> None:
        say(self._now() - self._since, self._images, *(self._spent[phase] for phase in PHASES))
        self._spent.clear()


def measure(*, quick: bool, brief: bool, device: str, say: Callable[[str], None]) -> list[Row]:
    """Rows of a table a network, the limit first; a ratio is to the limit."""
    assert device == "cpu", "on a GPU a call ends before its work does"
    rows = []
    for name in NAMES:
        say(f"between: {name}")
        rows += _rows(name, quick=quick, brief=brief)
    return rows


def _rows(name: str, *, quick: bool, brief: bool) -> list[Row]:
    case = speed.CASES[name]
    batch, rounds, segment = (16, 2, 2) if quick else (case.batch, 8 if brief else case.rounds, case.segment)
    with tempfile.TemporaryDirectory() as scratch:
        images = find(case.data, Path(scratch), quick=quick)
        overrides, loops = speed.run_of(case, images.overrides, batch, "cpu"), Path(scratch, "loops.json")
        turns.prepare(overrides, loops, "cpu")
        programs = {
            "framework": turns.framework(overrides, Path(scratch), "between.Phases"),
            "limit": turns.by_hand("limit", loops),
        }
        ours, limit = turns.start(programs, together=False).values()
        if isinstance(ours, str) or isinstance(limit, str):
            raise turns.LostError(f"{name}: {ours}, {limit}")
        found: list[dict[str, float]] = []
        for number in range(-1, rounds):
            answers = {one.name: one.ask(segment) for one in (ours, limit)}
            if number >= 0:
                found.append(_round(answers, segment))
        ours.close()
        limit.close()
    table = f"{name}, batch {batch}, {images.what}, defaults: milliseconds of a step"
    return [
        Row(table, key, estimate([one[key] for one in found]), estimate([one[key] / one[LIMIT] for one in found]))
        for key in found[0]
    ]


LIMIT = "the network's own layers, alone (the limit)"


def _round(answers: dict[str, list[float]], steps: int) -> dict[str, float]:
    """Milliseconds of a step in one round."""
    whole, _, *phases = answers["framework"]
    spent = dict(zip(PHASES, phases, strict=True))
    limit, within = answers["limit"][0], spent.pop(FORWARD) + spent.pop(BACKWARD)
    rest = whole - within - sum(spent.values())
    named = {LIMIT: limit, "activations, sums, copies, loss backward": within - limit, **spent}
    named |= {"the rest: Lightning, callbacks": rest, "whole step": whole}
    return {key: 1000 * value / steps for key, value in named.items()}
