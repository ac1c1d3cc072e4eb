"""Free memory between training and validation, whose blocks have other sizes."""

from lightning.pytorch import LightningModule, Trainer
from lightning.pytorch.callbacks import Callback

from restorelab.training.malloc import release_freed_memory


class Release(Callback):
    """Where freed memory is kept (`trainer.keep_memory`), give it back around each validation: the peak stays low."""

    def on_validation_start(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Training's free blocks."""
        release_freed_memory()

    def on_validation_end(self, trainer: Trainer, pl_module: LightningModule) -> None:
        """Validation's."""
        release_freed_memory()
