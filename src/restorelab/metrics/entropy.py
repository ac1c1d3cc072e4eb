"""Cross-entropy of a classifier."""

import torch.nn.functional as F
from torch import Tensor

from restorelab.metrics.per_image import PerImage


class Entropy(PerImage):
    """The cross-entropy of each image, in nats."""

    higher_is_better = False

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare the logits `preds: (B, classes)` with the labels `target: (B,)`; return `(B,)` float32."""
        return F.cross_entropy(preds.float(), target, reduction="none")
