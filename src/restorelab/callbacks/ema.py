"""An exponential moving average of the weights, measured and kept in place of the last step's."""

from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from restorelab.errors import ConfigError


class EMA(Callback):
    """Average the network over its steps; validation, best.ckpt and the final evaluation use the average.

    decay: weight of the past at each step (Polyak & Juditsky 1992; 0.999 is common in restoration). warmup: steps
    over which the decay rises as `(1 + step) / (10 + step)`, so that a short run is not held back by its start.
    """

    def __init__(self, decay: float = 0.999, warmup: bool = True) -> None:
        if not 0 <= decay < 1:
            msg = f"ema: decay={decay}; at least 0 and below 1."
            raise ConfigError(msg)
        self.decay, self.warmup = decay, warmup
        self._average: AveragedModel | None = None
        self._trained: dict[str, Any] | None = None
        self._loaded: dict[str, Any] | None = None
        self._step = -1

    def setup(self, trainer: Trainer, pl_module: Any, stage: str) -> None:
        """Begin with the network as it is."""
        self._average = AveragedModel(pl_module.net, use_buffers=True)

    def on_train_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Bring the average to the device, or take up the checkpoint's."""
        assert self._average is not None
        self._average.to(pl_module.device)
        if self._loaded is not None:
            self._average.load_state_dict(self._loaded)
            self._loaded = None
        self._step = trainer.global_step

    def on_train_batch_end(self, trainer: Trainer, pl_module: Any, outputs: Any, batch: Any, batch_idx: int) -> None:
        """Take in the weights after each optimizer step."""
        if trainer.global_step == self._step or self._average is None:
            return
        self._step = trainer.global_step
        decay = min(self.decay, (1 + self._step) / (10 + self._step)) if self.warmup else self.decay
        self._average.multi_avg_fn = get_ema_multi_avg_fn(decay)  # type: ignore[no-untyped-call]
        self._average.update_parameters(pl_module.net)

    def on_validation_start(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the average in the network's place."""
        assert self._average is not None
        self._trained = {name: value.clone() for name, value in pl_module.net.state_dict().items()}
        pl_module.net.load_state_dict(self._average.module.state_dict())

    def on_train_epoch_end(self, trainer: Trainer, pl_module: Any) -> None:
        """Put the network's own weights back: behind on_validation_end, where best.ckpt is written, and before
        last.ckpt is, which wants them.
        """
        if self._trained is not None:
            pl_module.net.load_state_dict(self._trained)
            self._trained = None

    def state_dict(self) -> dict[str, Any]:
        """The average."""
        return {} if self._average is None else {"average": dict(self._average.state_dict())}

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        """Keep the average until the network is on its device."""
        self._loaded = state_dict.get("average")
