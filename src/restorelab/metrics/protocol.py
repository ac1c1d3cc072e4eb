"""The protocol: how a restored image is measured. Said once, here; every number of every report comes from here."""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any, Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from restorelab.errors import ConfigError, nearest
from restorelab.metrics.mse import mse
from restorelab.metrics.per_image import exact
from restorelab.metrics.psnr import PSNR_CAP, psnr
from restorelab.metrics.ssim import SSIM_SIGMA, SSIM_WINDOW, ssim

RECIPE = 1
"""Goes up whenever the same options would give other numbers; part of `Protocol.spec`, which keeps them apart."""


@dataclass(frozen=True)
class Protocol:
    """What is done to an image before it is measured. Reports name every value that is not the default.

    `border`: pixels cut off at each side of both images. `quantize`: round the restored image to 8 bits, as saving it
    as PNG would. `clip_input`: clamp the degraded image to [0, 1] before the network sees it. `color`: `rgb` measures
    all channels together, `y` the luma of ITU-R BT.601 as MATLAB's rgb2ycbcr gives it. `self_ensemble`: test images are
    restored in their eight turns and flips, and the mean of the outputs, turned back, is measured (x8; Timofte et al.,
    CVPR 2016); validation restores them once.
    """

    border: int = 0
    quantize: bool = False
    clip_input: bool = False
    color: Literal["rgb", "y"] = "rgb"
    self_ensemble: bool = False

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
        options = asdict(self)
        if not self.self_ensemble:  # which earlier versions did not have: their numbers are the same
            del options["self_ensemble"]
        return {**options, "recipe": RECIPE, "psnr_cap": PSNR_CAP, "ssim": [SSIM_WINDOW, SSIM_SIGMA]}

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
            *(["mean of the outputs for the eight turns and flips of the input (x8)"] if self.self_ensemble else []),
        ]
        return "; ".join(parts) + "."

    def prepare(self, degraded: Tensor) -> Tensor:
        """Return `degraded: (B, C, h, w)` as the network is to see it."""
        return degraded.clamp(0, 1) if self.clip_input else degraded

    @torch.no_grad()
    def pair(self, restored: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Give what metrics are to compare of `restored` and `clean`, both `(B, C, H, W)`, clean in [0, 1].

        Two tensors in [0, 1], float64, of equal shape, without the border; one channel where luma is measured. They are
        on the images' device (on the CPU for MPS, which has no float64). A restored image that holds a NaN or infinite
        value is NaN as a whole, and so measures NaN. Raises ValueError for images of different shapes.
        """
        if restored.ndim != 4 or restored.shape != clean.shape:
            raise ValueError(
                f"only images of one shape (B, C, H, W) can be compared: "
                f"restored is {tuple(restored.shape)}, clean {tuple(clean.shape)}"
            )
        # SSIM subtracts squares, which in float32 costs 1e-4 of it where an image is bright and flat.
        ours, truth = exact(restored), exact(clean)
        whole = torch.isfinite(ours).flatten(1).all(dim=1)  # infinity would be clamped to 1
        ours = ours.clamp(0, 1).where(whole[:, None, None, None], torch.nan)
        if self.quantize:
            ours = (ours * 255).round() / 255
        if self.color == "y" and clean.shape[1] == 3:
            ours, truth = luma(ours), luma(truth)
        if self.border:
            inside = slice(self.border, -self.border)
            ours, truth = ours[..., inside, inside], truth[..., inside, inside]
        return ours, truth

    def measure(self, restored: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Measure each image of `restored` against `clean`, as `pair` takes them.

        Returns `{"psnr", "ssim", "mse"}`, each `(B,)` float64; NaN for an image that holds a NaN or infinite value.
        Raises ValueError for images of different shapes, or of fewer than 11 pixels a side once the border is cut.
        """
        ours, truth = self.pair(restored, clean)
        error = mse(ours, truth)
        return {"psnr": psnr(error), "ssim": ssim(ours, truth), "mse": error}

    def measure_input(self, degraded: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Measure the degraded image itself, as `measure`; enlarged bicubically where it is smaller than `clean`."""
        return self.measure(enlarge(degraded, clean.shape[-2:]), clean)


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
