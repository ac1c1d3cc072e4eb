"""Free memory between training and validation, whose blocks have other sizes."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from restorelab.training.malloc import release_freed_memory


class Release(Callback):
    """Return memory that `trainer.keep_memory` keeps to the system around each validation, to lower the peak."""

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Return the free blocks of training."""
        release_freed_memory()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Return the free blocks of validation."""
        release_freed_memory()
