"""Warn when a part of a network is dead: a hidden ReLU that is 0 for every image cannot recover."""

import logging
from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback

log = logging.getLogger(__name__)


class Health(Callback):
    """Ask a network that has `diagnose` (name to share of positive values) at the first batch of each validation."""

    def __init__(self) -> None:
        self.dead: set[str] = set()

    @torch.no_grad()
    def on_validation_batch_start(
        self, trainer: Trainer, pl_module: Any, batch: Any, batch_idx: int, dataloader_idx: int = 0
    ) -> None:
        """Check each part, and warn of each dead part once."""
        if batch_idx or not hasattr(pl_module.net, "diagnose"):
            return
        degraded = batch[1].degraded.to(next(pl_module.net.parameters()).dtype)  # of `bf16-true` weights, for one
        for name, share in pl_module.net.diagnose(degraded).items():
            if share == 0 and name not in self.dead:
                self.dead.add(name)
                log.warning(
                    "step %d: %s of the network is dead (it has no positive value); try another seed or model.init",
                    trainer.global_step, name,
                )  # fmt: skip
