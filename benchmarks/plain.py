"""The training loop that a user writes by hand: no Lightning, no configuration, nothing but the step.

As a program (`plain.py WORK.json KIND`) it is a contender: it takes steps when it is asked to (turns.py).
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import numpy as np
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.degradations.rng import TorchDraws
from restorelab.losses.bce import BCE

KINDS = ("plain", "plain_again", "our_loss", "channels_last", "bf16", "max_autotune", "bf16_max_autotune")
"""`plain`: contiguous float32. `plain_again`: the same, to show what the measurement resolves. `our_loss`: the same
with the framework's BCE. `channels_last`: by hand. `bf16`: autocast, contiguous. `max_autotune`: torch.compile of the
network with that mode, float32 or under autocast."""


class PlainLoop:
    """Train `net` on `images`: (N, C, H, W) uint8 in memory, on the network's device.

    Each step takes the next images of a random order, brings them to float32 in [0, 1], adds noise and takes a step of
    Adam on the loss: of the names `bce` and `mse`. It checks nothing, shows nothing and keeps nothing, not even the
    loss.
    """

    def __init__(
        self, kind: str, net: nn.Module, images: Tensor, noise: Callable, batch_size: int = 128, loss: str = "bce"
    ) -> None:
        assert kind in KINDS, kind
        self.images, self.noise, self.batch_size = images, noise, batch_size
        self.device = images.device
        self.layout = torch.channels_last if kind == "channels_last" else torch.contiguous_format
        net = net.to(self.device, memory_format=self.layout).train()
        self.net: Callable = torch.compile(net, mode="max-autotune") if kind.endswith("max_autotune") else net
        self.bf16 = kind.startswith("bf16")
        own = {"bce": F.binary_cross_entropy, "mse": F.mse_loss}[loss]
        self.loss: Callable = BCE() if kind == "our_loss" and loss == "bce" else own
        self.optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
        self.draws = TorchDraws(self.device)
        self.order = torch.empty(0, dtype=torch.int64)

    def run(self, steps: int) -> tuple[float, int]:
        """Take some steps; gives the seconds they took and the number of images."""
        began = self._now()
        for _ in range(steps):
            self._step()
        return self._now() - began, steps * self.batch_size

    def _step(self) -> None:
        if len(self.order) < self.batch_size:
            self.order = torch.randperm(len(self.images), device=self.device)
        chosen, self.order = self.order[: self.batch_size], self.order[self.batch_size :]
        clean = self.images[chosen].float().div_(255)
        with torch.no_grad():
            degraded, _ = self.noise(clean, self.draws)
        with torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16):
            restored = self.net(degraded.contiguous(memory_format=self.layout))
        loss = self.loss(restored.float(), clean)
        self.optimizer.zero_grad()
        loss.backward()
        self.optimizer.step()

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()


def made(node: dict[str, Any]) -> Any:
    """Build what a config node names, without Hydra."""
    module, _, name = node["_target_"].rpartition(".")
    return getattr(import_module(module), name)(**{key: v for key, v in node.items() if key != "_target_"})


def main() -> None:
    """Build the loop and take steps as they are asked for."""
    from limit import Limit
    from turns import serve

    work, kind = json.loads(Path(sys.argv[1]).read_text()), sys.argv[2]
    net, batch_size = made(work["model"]), work["batch_size"]
    images = torch.from_numpy(np.load(work["images"])).to(work["device"])
    if kind.endswith("limit"):
        serve(Limit(net, images[:batch_size].float().div_(255), bf16=kind.startswith("bf16")))
        return
    loss = work["loss"]["_target_"].rpartition(".")[2].lower()
    serve(PlainLoop(kind, net, images, made(work["noise"]), batch_size, loss))


if __name__ == "__main__":
    main()
