"""Perceptual loss: the distance between a classifier's features of two images."""

from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from restorelab.errors import ConfigError, nearest
from restorelab.models import weights


class Perceptual(nn.Module):
    """The distance between the feature vectors of the restored and the clean image, averaged over the batch.

    network: a network with `features(image)`, (B, C, H, W) to (B, F), such as `models.classifier.Classifier`; it is not
    trained. ckpt: a run of that network, or its checkpoint. distance: `squared`, the sum of squared differences;
    `root`, its square root; `printed`, the sum of the differences (restored minus clean), which the STL-10 report
    prints and which has no lower bound.

    Source: the STL-10 report (stl10_dsc), section 4.2; Johnson et al., "Perceptual Losses for Real-Time Style Transfer
    and Super-Resolution", ECCV 2016.

    Raises ConfigError for an unknown `distance`, a network without `features`, and a missing `ckpt`, because the
    features of an untrained network are meaningless; and as `models.weights.load_into`.
    """

    def __init__(
        self, network: nn.Module, ckpt: str | None, distance: Literal["squared", "root", "printed"] = "squared"
    ) -> None:
        super().__init__()
        if distance not in ("squared", "root", "printed"):
            raise ConfigError(f"loss.distance={distance!r}. {nearest(distance, ['squared', 'root', 'printed'])}")
        if not hasattr(network, "features"):
            raise ConfigError(
                f"loss.network: {type(network).__name__} has no method `features`; expected a network that has one, "
                "such as the classifier."
            )
        if ckpt is None:
            raise ConfigError(
                "loss.ckpt is not set; expected a run of the classifier, such as experiment=stl10_dsc/classifier."
            )
        weights.load_into(network, Path(ckpt), "loss.ckpt")
        self.distance = distance
        self.network: Any = network.eval().requires_grad_(False)

    def train(self, mode: bool = True) -> "Perceptual":
        """Keep the network in evaluation mode, without dropout."""
        return self

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss of `restored` against `clean`, both `(B, C, H, W)`, as a scalar."""
        difference = self.network.features(restored) - self.network.features(clean)
        if self.distance == "printed":
            return difference.sum(dim=1).mean()
        squared = difference.square().sum(dim=1)
        return (squared if self.distance == "squared" else (squared + 1e-12).sqrt()).mean()
