"""The protocol: how a restored image is measured. Every number of every report is measured by this module."""

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
"""Version of the measurement; part of `Protocol.spec`. Raise it when the same options give other numbers."""


@dataclass(frozen=True)
class Protocol:
    """How images are prepared for measuring. Reports name every value that is not the default.

    `border`: pixels cut off at each side of both images. `quantize`: round the restored image to 8 bits, as saving it
    as PNG would. `clip_input`: clamp the degraded image to [0, 1] before the network sees it. `color`: `rgb` measures
    all channels together, `y` the luma of ITU-R BT.601 as MATLAB's rgb2ycbcr gives it. `self_ensemble`: test images are
    restored in their eight rotations and flips, and the mean of the outputs, turned back, is measured (x8; Timofte et
    al., CVPR 2016); validation restores each image once.

    Raises ConfigError for a negative `border` and an unknown `color`.
    """

    border: int = 0
    quantize: bool = False
    clip_input: bool = False
    color: Literal["rgb", "y"] = "rgb"
    self_ensemble: bool = False

    def __post_init__(self) -> None:
        if self.border < 0:
            raise ConfigError(f"protocol.border={self.border}: expected a number of pixels, at least 0")
        if self.color not in ("rgb", "y"):
            raise ConfigError(f"protocol.color={self.color!r}. {nearest(self.color, ['rgb', 'y'])}")

    @property
    def least(self) -> int:
        """The height and width in pixels that an image needs to be measured."""
        return SSIM_WINDOW + 2 * self.border

    def spec(self) -> dict[str, Any]:
        """Return everything that determines the numbers, as plain values, to be hashed and stored."""
        options = asdict(self)
        if not self.self_ensemble:  # as in the specs of earlier versions, which did not have this option
            del options["self_ensemble"]
        return {**options, "recipe": RECIPE, "psnr_cap": PSNR_CAP, "ssim": [SSIM_WINDOW, SSIM_SIGMA]}

    def describe(self, channels: int = 3) -> str:
        """Return the protocol in words, for a report. channels: of the images that were measured."""
        color = "color as RGB, all channels together" if self.color == "rgb" else "color as BT.601 luma"
        if channels != 3:
            color = "gray images" if channels == 1 else f"all {channels} channels together"
        parts = [
            "PSNR and SSIM per image on output clamped to [0, 1] with data range 1, then averaged",
            f"PSNR capped at {PSNR_CAP:g} dB",
            f"SSIM with a Gaussian window {SSIM_WINDOW}x{SSIM_WINDOW}, sigma {SSIM_SIGMA:g}",
            color,
            f"border {self.border}",
            "output rounded to 8 bits" if self.quantize else "output not rounded",
            "input clipped to [0, 1]" if self.clip_input else "input as the degradation left it",
            *(["mean of the outputs for the eight rotations and flips (x8)"] if self.self_ensemble else []),
        ]
        return "; ".join(parts) + "."

    def prepare(self, degraded: Tensor) -> Tensor:
        """Return `degraded: (B, C, h, w)` as the network receives it."""
        return degraded.clamp(0, 1) if self.clip_input else degraded

    @torch.no_grad()
    def pair(self, restored: Tensor, clean: Tensor) -> tuple[Tensor, Tensor]:
        """Return `restored` and `clean`, both `(B, C, H, W)`, clean in [0, 1], as metrics compare them.

        The results are two tensors in [0, 1], float64, of one shape, without the border, with one channel if luma is
        measured. They are on the images' device (on the CPU for MPS, which has no float64). A restored image with a NaN
        or infinite value becomes NaN as a whole, so that all its metrics are NaN. Raises ValueError for images of
        different shapes.
        """
        if restored.ndim != 4 or restored.shape != clean.shape:
            raise ValueError(
                f"only images of one shape (B, C, H, W) can be compared: "
                f"restored is {tuple(restored.shape)}, clean {tuple(clean.shape)}"
            )
        # SSIM subtracts squares; in float32 this changes it by 1e-4 where an image is bright and flat.
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
        """Measure each image of `restored` against `clean`; see `pair`.

        Returns `{"psnr", "ssim", "mse"}`, each `(B,)` float64, PSNR in dB; NaN for a restored image with a NaN or
        infinite value. Raises ValueError for images of different shapes, or with fewer than 11 pixels a side after the
        border is cut off.
        """
        ours, truth = self.pair(restored, clean)
        error = mse(ours, truth)
        return {"psnr": psnr(error), "ssim": ssim(ours, truth), "mse": error}

    def measure_input(self, degraded: Tensor, clean: Tensor) -> dict[str, Tensor]:
        """Measure the degraded images themselves, as `measure` does, enlarged if they are smaller than `clean`."""
        return self.measure(enlarge(degraded, clean.shape[-2:]), clean)


def luma(image: Tensor) -> Tensor:
    """Return the ITU-R BT.601 luma of RGB `(B, 3, H, W)` in [0, 1]: `(B, 1, H, W)` in [16, 235] / 255."""
    red, green, blue = image.chunk(3, dim=1)
    return (65.481 * red + 128.553 * green + 24.966 * blue) / 255 + 16 / 255


def enlarge(image: Tensor, size: Sequence[int]) -> Tensor:
    """Resize `(B, C, h, w)` to `(B, C, *size)` by bicubic interpolation; return the same tensor if it has that size.

    With `antialias` PyTorch's kernel is that of Pillow and MATLAB, a = -0.5; without it a = -0.75.
    """
    if tuple(image.shape[-2:]) == tuple(size):
        return image
    return F.interpolate(image, size=tuple(size), mode="bicubic", antialias=True)
