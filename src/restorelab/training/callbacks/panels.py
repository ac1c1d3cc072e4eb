"""Pictures of the validation set while training goes on."""

from typing import Any

import torch
from lightning.pytorch.callbacks import Callback

from restorelab.data.frozen import FrozenSet
from restorelab.errors import ConfigError
from restorelab.report.detail import places
from restorelab.report.panels import PanelRow, panel
from restorelab.report.pixels import rendered
from restorelab.restoring.inference import restore
from restorelab.runs.run_folder import RunFolder
from restorelab.training.loggers.run_loggers import RunLoggers


class Panels(Callback):
    """Show the same few validation images to the loggers at every `every`-th validation.

    images: how many, chosen by their detail. With several evaluations each gets its share of them.
    """

    def __init__(self, images: int = 4, every: int = 5) -> None:
        if images < 1 or every < 1:
            msg = f"panels: images={images}, every={every}; both are at least 1."
            raise ConfigError(msg)
        self.images, self.every = images, every
        self.loggers = RunLoggers()
        self._validations = 0
        self._places: list[tuple[FrozenSet, int]] | None = None

    def attach(self, folder: RunFolder, loggers: RunLoggers) -> None:
        """Take the run's loggers. Without one that takes pictures nothing is drawn."""
        self.loggers = loggers

    @torch.no_grad()
    def on_validation_end(self, trainer: Any, pl_module: Any) -> None:
        """Draw the panels and hand them to the loggers."""
        self._validations += 1
        if (
            not self.loggers.take_images
            or not trainer.is_global_zero
            or self._validations % self.every != 1 % self.every
        ):
            return
        rows = []
        if self._places is None:  # the same images each time, chosen once
            sets = trainer.datamodule.frozen("val")
            shares = [len(range(number, self.images, len(sets))) for number in range(len(sets))]
            self._places = [
                (frozen, place)
                for frozen, share in zip(sets, shares, strict=True)
                for place in places(len(frozen), frozen.clean, share)
            ]
        for frozen, place in self._places:
            degraded = frozen.image(place)
            prepared = pl_module.protocol.prepare(degraded[None]).to(pl_module.device)
            restored = restore(pl_module.measured_net, prepared, frozen.sigma(place))[0].float().cpu()
            rows.append(
                PanelRow(f"{frozen.ids[place]}\n{frozen.evaluation.name}", degraded, restored, frozen.clean(place))
            )
        figure = panel(rows, pl_module.protocol, f"validation, step {trainer.global_step}")
        self.loggers.image("val/panel", rendered(figure), trainer.global_step)
