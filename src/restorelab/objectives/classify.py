"""Training a classifier on the labels of a dataset."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

import torch
import torch.nn.functional as F
from torch import Tensor

from restorelab.data.sample import Sample
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import Draws
from restorelab.errors import DataError
from restorelab.metrics.accuracy import Accuracy
from restorelab.metrics.entropy import Entropy
from restorelab.metrics.measures import Measures
from restorelab.metrics.per_image import PerImage
from restorelab.metrics.protocol import Protocol
from restorelab.objectives.objective import Objective


@dataclass(frozen=True)
class Classify(Objective):
    """Cross-entropy between the network's logits (B, classes) for the degraded image and the label (B,).

    With `noise=none` the classifier sees the clean images, as in the STL-10 report; with any other degradation it
    learns to classify degraded images. The metrics are `accuracy` and `entropy`, the cross-entropy in nats.
    """

    restores: ClassVar[bool] = False

    def __call__(
        self, net: Callable[..., Tensor], sample: Sample, degradation: Degradation, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Return the mean cross-entropy, computed in float32 outside autocast, and the logits (B, classes).

        Raises DataError if the dataset has no labels.
        """
        assert sample.degraded is not None
        logits = net(sample.degraded)
        if sample.label is None:
            msg = "objective=classify: the dataset has no labels. Use one that has labels, such as data=stl10_labelled."
            raise DataError(msg)
        with torch.autocast(logits.device.type, enabled=False):
            return F.cross_entropy(logits.float(), sample.label), logits

    def measures(self, protocol: Protocol, metrics: Mapping[str, PerImage] | None = None) -> Measures:
        """Return `accuracy` and `entropy`; the protocol and `metrics` concern images and have no effect."""
        return Measures({"accuracy": Accuracy(), "entropy": Entropy()})
