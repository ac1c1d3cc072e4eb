"""The protocol: how a restored image is measured. Said once, here; every number of every report comes from here.

SSIM is the project's own because the two libraries at hand do not serve: torchmetrics 1.9 counts the reflected border
(since its #2721) and so differs from scikit-image and from Wang's MATLAB by some 1e-3, and scikit-image works on one
image on the CPU. This one agrees with scikit-image to 1e-12 and costs a fifth of torchmetrics' (500 images of
100x100 on two cores: 0.15 s in float64 to 0.78 s in float32).
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from restorelab.errors import ConfigError, nearest

PSNR_CAP = 100.0
"""dB. Identical images have no PSNR; the cap keeps means finite, and `capped` counts the images that reach it."""

RECIPE = 1
"""Goes up whenever the same options would give other numbers; part of `Protocol.spec`, which keeps them apart."""

SSIM_WINDOW = 11
SSIM_SIGMA = 1.5
BAND = 1 << 23
"""Values of an image whose SSIM is computed at once."""

_BELL = [math.exp(-0.5 * ((i - SSIM_WINDOW // 2) / SSIM_SIGMA) ** 2) for i in range(SSIM_WINDOW)]
_WEIGHTS = [value / sum(_BELL) for value in _BELL]


@dataclass(frozen=True)
class Protocol:
    """What is done to an image before it is measured; the defaults are the project's, anything else is told.

    `border`: pixels cut off at each side of both images. `quantize`: round the restored image to 8 bits, as saving it
    as PNG would. `clip_input`: clamp the degraded image to [0, 1] before the network sees it. `color`: `rgb` measures
    all channels together, `y` the luma of ITU-R BT.601 as MATLAB's rgb2ycbcr gives it.
    """

    border: int = 0
    quantize: bool = False
    clip_input: bool = False
    color: Literal["rgb", "y"] = "rgb"

    def __post_init__(self) -> None:
        if self.border < 0:
            raise ConfigError(f"protocol.border={self.border}: pixels, at least 0")
        if self.color not in ("rgb", "y"):
            raise ConfigError(f"protocol.color={self.color!r}. {nearest(self.color, ['rgb', 'y'])}")

    @property
    def least(self) -> int:
        """The height and width that an image needs to be measured."""
        return SSIM_WINDOW + 2 * self.border

    def spec(self) -> dict[str, Any]:
        """Return everything that decides the numbers, as plain values, to be hashed and stored."""
        return {**asdict(self), "recipe": RECIPE, "psnr_cap": PSNR_CAP, "ssim": [SSIM_WINDOW, SSIM_SIGMA]}

    def describe(self, channels: int = 3) -> str:
        """Say the protocol in words, for a report. channels: of the images that were measured."""
        colour = "colour as RGB, all channels together" if self.color == "rgb" else "colour as BT.601 luma"
        if channels != 3:
            colour = "gray images" if channels == 1 else f"all {channels} channels together"
        parts = [
            "PSNR and SSIM per image on output clamped to [0, 1] with data range 1, then averaged",
            f"PSNR capped at {PSNR_CAP:g} dB",
            f"SSIM with a Gaussian window {SSIM_WINDOW}x{SSIM_WINDOW}, sigma {SSIM_SIGMA:g}",
            colour,
            f"border {self.border}",
            "output rounded to 8 bits" if self.quantize else "output not rounded",
            "input clipped to [0, 1]" if self.clip_input else "input as the degradation left it",
        ]
        return "; ".join(parts) + "."

    def prepare(self, degraded: Tensor) -> Tensor:
        """Return `degraded: (B, C, h, w)` as the network is to see it."""
        return degraded.clamp(0, 1) if self.clip_input else degraded

    @torch.no_grad()
    def measure(self, restored: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Measure each image of `restored` against `clean`, both `(B, C, H, W)`, clean in [0, 1].

        Returns `{"psnr", "ssim", "mse"}`, each `(B,)` float64, on the images' device (on the CPU for MPS, which has no
        float64). An image that holds a NaN or infinite value measures NaN. Raises ValueError for images of different
        shapes, or of fewer than 11 pixels a side once the border is cut.
        """
        if restored.ndim != 4 or restored.shape != clean.shape:
            raise ValueError(
                f"only images of one shape (B, C, H, W) can be compared: "
                f"restored is {tuple(restored.shape)}, clean {tuple(clean.shape)}"
            )
        ours, truth = _exact(restored).clamp(0, 1), _exact(clean)
        if self.quantize:
            ours = (ours * 255).round() / 255
        if self.color == "y" and clean.shape[1] == 3:
            ours, truth = luma(ours), luma(truth)
        if self.border:
            inside = slice(self.border, -self.border)
            ours, truth = ours[..., inside, inside], truth[..., inside, inside]
        error = mse(ours, truth)
        values = {"psnr": psnr(error), "ssim": ssim(ours, truth), "mse": error}
        whole = torch.isfinite(restored).flatten(1).all(dim=1).to(error.device)  # infinity would be clamped to 1
        return {name: value.where(whole, torch.nan) for name, value in values.items()}

    def measure_input(self, degraded: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Measure the degraded image itself, as `measure`; enlarged bicubically where it is smaller than `clean`."""
        return self.measure(enlarge(degraded, clean.shape[-2:]), clean)


def _exact(image: Tensor) -> Tensor:
    """In float64: SSIM subtracts squares, which in float32 costs 1e-4 of it where an image is bright and flat."""
    return (image.cpu() if image.device.type == "mps" else image).double()


def mse(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error of each image: `(B, C, H, W)` twice to `(B,)`."""
    return (restored - clean).square().mean((1, 2, 3))


def psnr(error: Tensor) -> Tensor:
    """Turn the mean squared error of each image, `(B,)`, into PSNR in dB for data range 1, at most `PSNR_CAP`."""
    return (-10 * error.log10()).clamp(max=PSNR_CAP)


def capped(values: Tensor) -> int:
    """Count the images whose PSNR, `(B,)`, is the cap: restored without any error."""
    return int((values >= PSNR_CAP).sum())


def luma(image: Tensor) -> Tensor:
    """Luma of RGB `(B, 3, H, W)` in [0, 1] by ITU-R BT.601, `(B, 1, H, W)` in [16, 235] / 255."""
    red, green, blue = image.chunk(3, dim=1)
    return (65.481 * red + 128.553 * green + 24.966 * blue) / 255 + 16 / 255


def enlarge(image: Tensor, size: Sequence[int]) -> Tensor:
    """Bring `(B, C, h, w)` to `(B, C, *size)` by bicubic interpolation; the same tensor where it has that size.

    With `antialias` PyTorch's kernel is that of Pillow and MATLAB, a = -0.5; without it a = -0.75.
    """
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return F.interpolate(image, size=tuple(size), mode="bicubic", antialias=True)


def ssim(restored: Tensor, clean: Tensor) -> Tensor:
    """Structural similarity of each image: `(B, C, H, W)` in [0, 1] twice to `(B,)`; channels are averaged.

    Equal to scikit-image's `structural_similarity(gaussian_weights=True, use_sample_covariance=False, data_range=1)`:
    only windows that lie wholly inside the image count. Raises ValueError for sides under 11 pixels.
    """
    # On a CPU a few images at a time: the five maps then stay in the cache, which is worth a factor of 2.
    pixels = restored[0].numel()
    size = max(1, (1 << 18 if restored.device.type == "cpu" else 1 << 24) // max(pixels, 1))
    parts = zip(torch.split(restored, size), torch.split(clean, size), strict=True)
    return torch.cat([_mean_ssim(*two) for two in parts])


def _mean_ssim(restored: Tensor, clean: Tensor) -> Tensor:
    """The mean over the maps, `(B,)`; of large images in bands of rows, as the maps take 20 times an image's memory."""
    _, channels, height, width = restored.shape
    margin = SSIM_WINDOW - 1
    rows = max(1, BAND // max(1, channels * width))
    if height - margin <= rows:
        light, structure = ssim_maps(restored, clean)
        return (light * structure).mean((1, 2, 3))
    total = restored.new_zeros(len(restored))
    for top in range(0, height - margin, rows):
        band = slice(top, min(top + rows, height - margin) + margin)
        light, structure = ssim_maps(restored[..., band, :], clean[..., band, :])
        total += (light * structure).sum((1, 2, 3))
    return total / (channels * (height - margin) * (width - margin))


def ssim_maps(restored: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
    """Return the two factors of SSIM, luminance and contrast-structure, as maps `(B, C, H - 10, W - 10)`.

    Source: Wang et al., TIP 2004, equations 6 and 13 with C1 = 0.01^2, C2 = 0.03^2 for data range 1. Differentiable.
    """
    if min(restored.shape[-2:]) < SSIM_WINDOW:
        raise ValueError(
            f"SSIM needs images of at least {SSIM_WINDOW}x{SSIM_WINDOW} pixels, got "
            f"{restored.shape[-2]}x{restored.shape[-1]} (after the border, where one is cut)"
        )
    squares = torch.stack([restored, clean, restored * restored, clean * clean, restored * clean])
    x, y, xx, yy, xy = _blur(squares)
    mean_xx, mean_yy, mean_xy = x * x, y * y, x * y
    light = (2 * mean_xy + 0.01**2) / (mean_xx + mean_yy + 0.01**2)
    structure = (2 * (xy - mean_xy) + 0.03**2) / (xx - mean_xx + yy - mean_yy + 0.03**2)
    return light, structure


def _blur(image: Tensor) -> Tensor:
    """Apply `_Blur`, whose base class has no types."""
    return _Blur.apply(image)  # type: ignore[no-untyped-call]


class _Blur(torch.autograd.Function):
    """The Gaussian window of SSIM, separable, without padding: `(..., H, W)` to `(..., H - 10, W - 10)`.

    Sums of shifted views: PyTorch's CPU convolution unfolds float64 input, 11 times its size, and is 30 times slower.
    Its transpose, for the gradient, is the same sum over the padded gradient, as the window is symmetric.
    """

    @staticmethod
    def forward(ctx: Any, image: Tensor) -> Tensor:
        for axis in (-2, -1):
            length = image.shape[axis] - SSIM_WINDOW + 1
            total = image.narrow(axis, 0, length) * _WEIGHTS[0]
            for offset, weight in enumerate(_WEIGHTS[1:], start=1):
                total.add_(image.narrow(axis, offset, length), alpha=weight)
            image = total
        return image

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> Tensor:
        return _blur(F.pad(gradients[0], (SSIM_WINDOW - 1,) * 4))
