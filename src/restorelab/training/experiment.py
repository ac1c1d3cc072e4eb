"""One composed run as parts for Lightning's own Trainer."""

from collections.abc import Mapping
from functools import cached_property, partial
from typing import Any

from lightning.pytorch import seed_everything

from restorelab.config import build
from restorelab.config.build import Parts
from restorelab.data.datamodule import DataModule
from restorelab.training import checks, footprint
from restorelab.training.task import RestorationTask


class Experiment:
    """A resolved config, and what Lightning's Trainer takes of it.

        experiment = restorelab.compose("model=dncnn", "noise=impulse")
        trainer = Trainer(max_epochs=5)
        trainer.fit(experiment.task(), experiment.data())
        trainer.test(experiment.task(), experiment.data())

    Of the `trainer` group only the memory layout and the compilation count here: the rest is the Trainer's to say.
    There is no run folder; `restorelab.train` makes one.
    """

    def __init__(self, config: Mapping[str, Any]) -> None:
        self.config = dict(config)
        self._task: RestorationTask | None = None
        self._data: DataModule | None = None

    @cached_property
    def parts(self) -> Parts:
        """What the run is made of, checked. Raises ConfigError for parts that do not fit each other."""
        built = build.parts(self.config)
        checks.check_fit(built)
        return built

    def task(self) -> RestorationTask:
        """The LightningModule, the same one each time: `fit` trains it, and `test` measures what was trained."""
        if self._task is None:
            built = self.parts
            seed_everything(self.config["seed"], verbose=False)
            net, channels_last = built.trainer.lay_out(built.net())
            self._task = RestorationTask.of(built, net, channels_last=channels_last, log_hparams=True)
        return self._task

    def data(self) -> DataModule:
        """The LightningDataModule, the same one each time."""
        if self._data is None:
            self._data = self.parts.data(needs=partial(footprint.needs, self.parts))
        return self._data
