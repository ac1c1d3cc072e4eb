"""The only LightningModule: any network, any objective, measured by the protocol."""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from lightning.pytorch import LightningModule
from torch import Tensor, nn
from torch.optim import Optimizer

from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import TorchDraws
from restorelab.inference import restore
from restorelab.metrics import Protocol
from restorelab.objectives.objective import Objective
from restorelab.sample import Sample


class RestorationTask(LightningModule):
    """Train a network to undo a degradation.

    net: degraded to restored. objective: gives the loss and the output, and measures it. optimizer, scheduler:
    partials that still want the parameters, and the optimizer with the number of steps. evaluations: names of the
    validation sets.
    """

    def __init__(
        self,
        net: nn.Module,
        objective: Objective,
        degradation: Degradation,
        optimizer: Callable[..., Optimizer],
        scheduler: Callable[..., Any],
        *,
        total_steps: int,
        evaluations: Sequence[str],
        protocol: Protocol,
        channels_last: bool,
        seed: int,
    ) -> None:
        super().__init__()
        self.net = net
        self.objective, self.degradation = objective, degradation
        self.optimizer, self.scheduler, self.total_steps = optimizer, scheduler, total_steps
        self.evaluations, self.protocol, self.seed = list(evaluations), protocol, seed
        self.memory_format = torch.channels_last if channels_last else torch.contiguous_format
        self._draws: TorchDraws | None = None

    def configure_optimizers(self) -> Any:
        """Build the optimizer over what trains, and its schedule by steps."""
        optimizer = self.optimizer([p for p in self.net.parameters() if p.requires_grad])
        schedule = self.scheduler(optimizer, total_steps=self.total_steps)
        return {"optimizer": optimizer, "lr_scheduler": {"scheduler": schedule, "interval": "step"}}

    def draws(self, sample: Sample) -> TorchDraws:
        """The stream that belongs to the sample's batch, for objectives that draw."""
        if self._draws is None:
            self._draws = TorchDraws(sample.clean.device)
        return self._draws.reseed(self.seed, self.global_rank, sample.counter or 0, "objective")

    def training_step(self, sample: Sample, batch_idx: int) -> Tensor:
        """Give the loss; a pure function of the network, the sample and its counter."""
        sample.degraded = self._lay_out(sample.degraded)
        loss, _ = self.objective(self.net, sample, self.degradation, self.draws(sample))
        return loss

    def on_validation_epoch_start(self) -> None:
        """Start the sums: by evaluation, of the loss, of each metric, and the number of images."""
        columns = len(self.objective.metrics) + 2
        self._sums = torch.zeros(len(self.evaluations), columns, dtype=torch.float64, device=_double(self.device))

    def validation_step(self, batch: tuple[int, Sample], batch_idx: int) -> None:
        """Measure a frozen batch, image by image."""
        number, sample = batch
        assert sample.degraded is not None
        sample.degraded = self._lay_out(self.protocol.prepare(sample.degraded))
        net = partial(restore, self.net) if self.objective.restores else self.net
        loss, output = self.objective(net, sample, self.degradation, self.draws(sample))
        values = self.objective.measure(output, sample, self.protocol)
        sums = [values[name].sum() for name in self.objective.metrics]
        row = [loss * len(sample), *sums, torch.tensor(float(len(sample)))]
        self._sums[number] += torch.stack([value.to(self._sums) for value in row])

    def on_validation_epoch_end(self) -> None:
        """Log the means over all images and evaluations, and those of each evaluation where there are several."""
        sums = self.trainer.strategy.reduce(self._sums, reduce_op="sum")
        means = (sums[:, :-1] / sums[:, -1:]).cpu()
        self.log_dict(validation_values(self.evaluations, self.objective.metrics, means), rank_zero_only=False)

    def _lay_out(self, image: Tensor | None) -> Tensor:
        assert image is not None
        return image.contiguous(memory_format=self.memory_format)


def validation_values(evaluations: Sequence[str], metrics: Sequence[str], means: Tensor) -> dict[str, float]:
    """Name the means: `val/psnr` over all evaluations, `val/psnr/impulse_30` for one of several.

    means: (evaluations, 1 + metrics), of the loss and of each metric.
    """
    names = ("loss", *metrics)
    values = {f"val/{name}": float(value) for name, value in zip(names, means.mean(dim=0), strict=True)}
    if len(evaluations) > 1:
        for evaluation, row in zip(evaluations, means, strict=True):
            values |= {f"val/{name}/{evaluation}": float(value) for name, value in zip(names, row, strict=True)}
    return values


def validation_names(evaluations: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """The names that `validation_values` gives, in its order."""
    return list(validation_values(evaluations, metrics, torch.zeros(len(evaluations), 1 + len(metrics))))


def _double(device: torch.device) -> torch.device:
    """A device that has float64: MPS has none."""
    return torch.device("cpu") if device.type == "mps" else device
