"""Accuracy of a classifier."""

from torch import Tensor

from restorelab.metrics.per_image import PerImage


class Accuracy(PerImage):
    """Accuracy: 1 for an image whose greatest logit is that of its label, else 0."""

    higher_is_better = True

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare the logits `preds: (B, classes)` with the labels `target: (B,)`; return `(B,)` bool."""
        return preds.argmax(dim=1) == target
