"""Loggers of one's own, as a user may name them by `_target_`."""

from collections.abc import Mapping
from typing import Any

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback
from lightning.pytorch.loggers import Logger


class Kept(Logger):
    """Knows nothing of restorelab and keeps what it is told; `kept` is the last one made."""

    kept: "Kept"
    name, version = "kept", "0"

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[tuple[int | None, dict[str, float]]] = []
        self.params: dict[str, Any] = {}
        self.told = 0  # times that hyperparameters were given
        self.pictures: list[str] = []
        self.ended: list[str] = []
        Kept.kept = self

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        self.rows.append((step, dict(metrics)))

    def log_hyperparams(self, params: Mapping[str, Any]) -> None:  # type: ignore[override]
        self.params |= params
        self.told += 1

    def log_image(self, key: str, images: list[Any], step: int | None = None) -> None:
        self.pictures += [key for _ in images]

    def finalize(self, status: str) -> None:
        self.ended.append(status)


class Broken(Kept):
    """Raises from some step on."""

    def __init__(self, at: int) -> None:
        mine = getattr(Kept, "kept", self)
        super().__init__()
        Kept.kept = mine
        self.at = at

    def log_metrics(self, metrics: Mapping[str, float], step: int | None = None) -> None:
        if step is not None and step >= self.at:
            raise OSError("the disk is full")


class Closed(Kept):
    """Cannot be opened."""

    def log_hyperparams(self, params: Mapping[str, Any]) -> None:  # type: ignore[override]
        raise OSError("no such server")


class Logs(Callback):
    """Logs by Lightning's own `log`, at each step and at each validation."""

    def on_train_batch_end(self, trainer: Trainer, pl_module: LightningModule, *rest: Any) -> None:
        self.log("mine/step", float(trainer.global_step))

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        for logger in trainer.loggers:
            logger.log_metrics({"mine/validated": 1.0}, trainer.global_step)
