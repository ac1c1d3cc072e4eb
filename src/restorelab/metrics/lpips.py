"""Learned perceptual image patch similarity."""

from pathlib import Path
from typing import Literal

import torch
from torch import Tensor
from torchmetrics.functional import image as functional

from restorelab.errors import ConfigError, nearest
from restorelab.metrics.features import alexnet, rgb, vgg16
from restorelab.metrics.per_image import PerImage

HEADS = Path(functional.__file__).with_name("lpips_models")
"""The weights of the features' channels, version 0.1, in torchmetrics' package."""

SHIFT, SCALE = (-0.030, -0.088, -0.188), (0.458, 0.448, 0.450)
"""The mean and the scale by which images in [-1, 1] are normalized."""


class LPIPS(PerImage):
    """LPIPS, the weighted squared distance between the features of two images, version 0.1; 0 for identical images.

    ckpt: torchvision's weights of the network, a file or its address, see `features.WEIGHTS`. net: `alex`, AlexNet, as
    most papers report it, or `vgg`, VGG16.

    Source: Zhang et al., "The Unreasonable Effectiveness of Deep Features as a Perceptual Metric", CVPR 2018. A gray
    image is repeated to three channels. Raises ConfigError for an unknown `net`, and if `ckpt` is missing or cannot be
    used.
    """

    higher_is_better = False

    def __init__(self, ckpt: str | None = None, net: Literal["alex", "vgg"] = "alex") -> None:
        super().__init__()
        if net not in ("alex", "vgg"):
            raise ConfigError(f"net={net!r}. {nearest(net, ['alex', 'vgg'])}")
        self.net = alexnet() if net == "alex" else vgg16()
        self.net.load(ckpt, net, "ckpt")
        heads = torch.load(HEADS / f"{net}.pth", map_location="cpu", weights_only=True)
        self.heads = [heads[f"lin{number}.model.1.weight"].flatten() for number in range(len(self.net.taps))]

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `preds` with `target`, both `(B, C, H, W)` in [0, 1] with C = 1 or 3; return `(B,)` float32.

        AlexNet needs at least 31 pixels a side, VGG16 16. Raises ValueError for any other number of channels.
        """
        shift, scale = (preds.new_tensor(values, dtype=torch.float32).view(3, 1, 1) for values in (SHIFT, SCALE))
        features = [self.net((2 * rgb(image) - 1 - shift) / scale) for image in (preds, target)]
        distances = torch.zeros(len(preds), device=preds.device)
        for head, ours, theirs in zip(self.heads, *features, strict=True):
            difference = (_unit(ours) - _unit(theirs)).square()
            distances = distances + (difference * head.to(preds.device).view(-1, 1, 1)).sum(dim=1).mean(dim=(1, 2))
        return distances


def _unit(features: Tensor) -> Tensor:
    """Return features (B, C, h, w) divided by their length over C at each position."""
    return features / (features.square().sum(dim=1, keepdim=True) + 1e-8).sqrt()
