"""A callback that times the framework's own steps, and between them those of hand-written loops."""

import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import torch
from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from plain import PlainLoop
from torch import nn

from restorelab.errors import UserError


class Measured(UserError):  # noqa: N818  (it ends the run; nothing went wrong)
    """The benchmark has what it wants."""


class Probe(Callback):
    """Time `segment` steps of the run, then as many of each loop in `kinds`, and so on for `rounds` rounds.

    A framework segment lasts from where the probe let go of one batch's end to where the last batch's end reaches it
    again: loading, degrading, every hook and every other callback are inside. The loops run on the run's own thread,
    device and training images, with fresh networks from `model`. Where all rounds are done, the seconds and images of
    each segment are written to `out` and the run is ended by Measured.

    model: a partial that builds the network. warmup: rounds that are run and forgotten.
    """

    def __init__(
        self, out: str, model: Callable[[], nn.Module], kinds: Sequence[str], segment: int, rounds: int, warmup: int
    ) -> None:
        self.out, self.model, self.kinds = Path(out), model, list(kinds)
        self.segment, self.rounds, self.warmup = segment, rounds, warmup
        self.found: dict[str, list[tuple[float, int]]] = {name: [] for name in ("framework", *kinds)}
        self._round = -warmup
        self._steps, self._images, self._since = 0, 0, 0.0

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Build the loops on the run's own images and noise."""
        data: Any = trainer.datamodule
        rows = data.rows["train"]
        images = torch.stack([torch.from_numpy(data.table.clean(row).copy()) for row in rows]).to(pl_module.device)
        noise, batch_size = data.degradation.noise, data.dataset.batch_size
        self.device = pl_module.device
        self.loops = {kind: PlainLoop(kind, self.model(), images, noise, batch_size) for kind in self.kinds}
        self._since = self._now()

    def on_train_batch_end(
        self, trainer: Trainer, pl_module: LightningModule, outputs: Any, batch: Any, batch_idx: int
    ) -> None:
        """Count; after a segment, hand over to the loops."""
        self._steps += 1
        self._images += len(batch)
        if self._steps < self.segment:
            return
        self._keep("framework", self._now() - self._since, self._images)
        # Each round begins with another loop, so that none always follows the framework.
        turn = self._round % len(self.kinds)
        for place in range(len(self.kinds)):
            kind = self.kinds[place - turn]
            began = self._now()
            images = self.loops[kind].run(self.segment)
            self._keep(kind, self._now() - began, images)
        self._round += 1
        if self._round >= self.rounds:
            self.out.write_text(json.dumps(self.found))
            raise Measured("measured")
        self._steps, self._images = 0, 0
        self._since = self._now()

    def _keep(self, name: str, seconds: float, images: int) -> None:
        if self._round >= 0:
            self.found[name].append((seconds, images))

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
