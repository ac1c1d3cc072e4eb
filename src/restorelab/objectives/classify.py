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

    With `noise=none` the classifier sees the clean images, as the STL-10 report's does; with any other degradation it
    learns to classify degraded ones. Measures `accuracy`, 1 for an image whose greatest logit is its label's, else 0,
    and `entropy`, the image's own cross-entropy in nats.

    Raises DataError where an image has no label, or the label is none of the network's classes.
    """

    restores: ClassVar[bool] = False

    def __call__(
        self, net: Callable[..., Tensor], sample: Sample, degradation: Degradation, draws: Draws
    ) -> tuple[Tensor, Tensor]:
        """Give the mean cross-entropy, outside autocast and in float32, and the logits."""
        assert sample.degraded is not None
        logits = net(sample.degraded)
        if sample.label is None:
            msg = "objective=classify: the dataset has no labels. Choose one that has, such as data=stl10_labelled."
            raise DataError(msg)
        with torch.autocast(logits.device.type, enabled=False):
            return F.cross_entropy(logits.float(), sample.label), logits

    def measures(self, protocol: Protocol, metrics: Mapping[str, PerImage] | None = None) -> Measures:
        """See the class; the protocol and its metrics, which are about images, change nothing."""
        return Measures({"accuracy": Accuracy(), "entropy": Entropy()})
