"""An exponential moving average of the weights, which is measured and saved in place of the last step's weights."""

from typing import Any

import torch
from lightning.pytorch import Trainer
from lightning.pytorch.callbacks import Callback
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from restorelab.errors import ConfigError


class EMA(Callback):
    """Average the network over its steps; validation, best.ckpt and the final evaluation use the average.

    decay: weight of the past at each step (Polyak & Juditsky 1992; 0.999 is common in restoration). warmup: steps
    over which the decay rises as `(1 + step) / (10 + step)`, so that a short run is not held back by its start.

    Lightning's EMAWeightAveraging has no warm-up, waits for the device in each step, and exchanges the weights for each
    validation, so that what interrupts one leaves the average in training. Here the average is a network of its own,
    which the task measures (`RestorationTask.measured_net`), and the weights that are trained are never exchanged.
    """

    def __init__(self, decay: float = 0.999, warmup: bool = True) -> None:
        if not 0 <= decay < 1:
            msg = f"ema: decay={decay}; at least 0 and below 1."
            raise ConfigError(msg)
        self.decay, self.warmup = decay, warmup
        self._average: AveragedModel | None = None
        self._loaded: dict[str, Any] | None = None
        self._step, self._count = -1, 0

    def on_train_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Begin with a copy of the network, or with the average in the checkpoint."""
        self._average = AveragedModel(pl_module.net, use_buffers=True).eval()
        if any(weight.dtype != torch.float32 for weight in pl_module.net.parameters()):
            self._average.float()  # bfloat16 weights would not change by a thousandth of a difference
        if pl_module.net._compiled_call_impl is not None:  # private: torch has no other word for a compiled module
            self._average.module.compile()  # a copy of a compiled network is not compiled
        if self._loaded is not None:
            self._average.load_state_dict(self._loaded)
            self._count = int(self._average.n_averaged)
            self._loaded = None
        self._step = trainer.global_step
        pl_module.measure(self._average.module)

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Update the average after each optimizer step."""
        if trainer.global_step == self._step or self._average is None:
            return
        self._step = trainer.global_step
        decay = min(self.decay, (1 + self._step) / (10 + self._step)) if self.warmup else self.decay
        take_in(self._average.module, pl_module.net, decay if self._count else 0)
        self._count += 1

    def state_dict(self) -> dict[str, Any]:
        """Return the average's state."""
        if self._average is None:
            return {}
        self._average.n_averaged.fill_(self._count)
        return {"average": dict(self._average.state_dict())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the average until the network is on its device."""
        self._loaded = state_dict.get("average")


def take_in(average: nn.Module, net: nn.Module, decay: float) -> None:
    """Move an average `1 - decay` of the way to the network; 0 copies it.

    `AveragedModel.update_parameters` does so too, and in each step copies a count to the device and waits for that.
    """
    pairs = list(zip(_tensors(average), _tensors(net), strict=True))
    update = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
    for floating in (True, False):
        group = [pair for pair in pairs if pair[0].is_floating_point() == floating]
        if group:
            update([mean for mean, _ in group], [new.to(mean.dtype) for mean, new in group], None)


def _tensors(net: nn.Module) -> list[Tensor]:
    return [*net.parameters(), *net.buffers()]
