"""Deep image structure and texture similarity."""

from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torchmetrics.functional import image as functional

from restorelab.metrics.features import rgb, vgg16
from restorelab.metrics.per_image import PerImage

WEIGHTS = Path(functional.__file__).with_name("dists_models") / "weights.pt"
"""The weights of texture (alpha) and structure (beta), a file in torchmetrics' package."""

MEAN, DEVIATION = (0.485, 0.456, 0.406), (0.229, 0.224, 0.225)
"""Mean and standard deviation of ImageNet's images in [0, 1], by which images are normalized."""

CONSTANT = 1e-6
"""The constants c1 and c2 of the source, which keep the quotients finite."""


class DISTS(PerImage):
    """DISTS, the dissimilarity of two images in structure and texture of VGG16's features; 0 for identical images.

    ckpt: torchvision's weights of VGG16, a file or its address, see `features.WEIGHTS`.

    Source: Ding et al., "Image Quality Assessment: Unifying Structure and Texture Similarity", TPAMI 2022. Unlike their
    script, images are not resized to 256 pixels first. A gray image is repeated to three channels. Raises ConfigError
    if `ckpt` is missing or cannot be used.
    """

    higher_is_better = False

    def __init__(self, ckpt: str | None = None) -> None:
        super().__init__()
        self.net = vgg16(_RootMeanSquare)
        self.net.load(ckpt, "vgg", "ckpt")
        self.weights = torch.load(WEIGHTS, map_location="cpu", weights_only=True)

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `preds` with `target`, both `(B, C, H, W)` in [0, 1] with C = 1 or 3; return `(B,)` float32.

        Raises ValueError for any other number of channels.
        """
        mean, deviation = (preds.new_tensor(values, dtype=torch.float32).view(3, 1, 1) for values in (MEAN, DEVIATION))
        ours, theirs = ([rgb(x), *self.net((rgb(x) - mean) / deviation)] for x in (preds, target))
        compared = [_compared(x, y) for x, y in zip(ours, theirs, strict=True)]
        texture, structure = (torch.cat(values, dim=1) for values in zip(*compared, strict=True))
        alpha, beta = (self.weights[name].to(preds.device).flatten() for name in ("alpha", "beta"))
        return 1 - (texture @ alpha + structure @ beta) / (alpha.sum() + beta.sum())


def _compared(ours: Tensor, theirs: Tensor) -> tuple[Tensor, Tensor]:
    """Return the similarities of two features (B, C, h, w): of their means, and of their variations, (B, C) each."""
    means = [x.mean((2, 3), keepdim=True) for x in (ours, theirs)]
    variances = [(x - mean).square().mean((2, 3)) for x, mean in zip((ours, theirs), means, strict=True)]
    first, second = (mean.flatten(1) for mean in means)
    covariance = (ours * theirs).mean((2, 3)) - first * second
    texture = (2 * first * second + CONSTANT) / (first.square() + second.square() + CONSTANT)
    return texture, (2 * covariance + CONSTANT) / (variances[0] + variances[1] + CONSTANT)


class _RootMeanSquare(nn.Module):
    """Pooling by 2: the root of the mean square of `(B, C, H, W)` under a Hann window of 3x3 (l2 pooling)."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        line = torch.hann_window(5, periodic=False)[1:-1]
        window = torch.outer(line, line)
        self.register_buffer("window", (window / window.sum()).repeat(channels, 1, 1, 1), persistent=False)

    def forward(self, image: Tensor) -> Tensor:
        window: Tensor = self.window  # type: ignore[assignment]
        return (F.conv2d(image.square(), window, stride=2, padding=1, groups=len(window)) + 1e-12).sqrt()
