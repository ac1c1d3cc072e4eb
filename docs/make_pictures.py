"""Make the pictures of docs/images that come from the code: degradations, decibels, fixed noise, an interval.

python docs/make_pictures.py [NAME ...]
"""

import sys
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from skimage import data

from restorelab.config import build, composition
from restorelab.degradations.rng import PhiloxDraws
from restorelab.metrics.protocol import Protocol

IMAGES = Path(__file__).resolve().parent / "images"
SIDE, SHOWN, GAP = 72, 216, 8
"""Pixels of a crop, of the crop as shown, and between crops."""

STRIPS: dict[str, tuple[str, tuple[str, ...]]] = {
    "gaussian": ("noise=gaussian noise.sigma={}", ("15", "25", "50")),
    "poisson": ("noise=poisson noise.peak={}", ("255", "30", "8")),
    "speckle": ("noise=speckle noise.variance={}", ("0.01", "0.04", "0.16")),
    "impulse": ("noise=impulse noise.amount={}", ("0.05", "0.15", "0.3")),
    "gaussian_impulse": ("noise=gaussian_impulse noise.sigma={} noise.amount=0.05", ("10", "25", "40")),
    "box": ("noise=gaussian noise.region=box noise.box=0.5 noise.sigma={}", ("25", "50", "75")),
    "blur_gaussian": ("noise=none blur=gaussian blur.sigma={}", ("0.5", "1.5", "3")),
    "blur_box": ("noise=none blur=box blur.size={}", ("3", "5", "9")),
    "blur_motion": ("noise=none blur=motion blur.angle=30 blur.length={}", ("5", "9", "15")),
    "avg_pool": ("noise=none downsample=avg_pool downsample.factor={}", ("2", "3", "4")),
    "bicubic": ("noise=none downsample=bicubic downsample.factor={}", ("2", "3", "4")),
    "jpeg": ("noise=none jpeg=standard jpeg.quality={}", ("40", "20", "5")),
}
"""For each picture the overrides, with {} for the strength, and three strengths, weakest first."""


def crop() -> torch.Tensor:
    """Return a crop of scikit-image's astronaut, gray, `(1, 1, SIDE, SIDE)` in [0, 1]."""
    gray = np.asarray(Image.fromarray(data.astronaut()).convert("L"))
    return torch.from_numpy(gray[96 : 96 + SIDE, 180 : 180 + SIDE].copy())[None, None].float() / 255


def degraded(clean: torch.Tensor, overrides: str) -> torch.Tensor:
    """Return `clean` under the degradation that the overrides compose."""
    degradation = build.parts(composition.compose([*overrides.split(), "evaluation=own"])).degradation
    image, _ = degradation(clean, PhiloxDraws("pictures", overrides.split("=")[1]))
    return image


def strip(name: str) -> Image.Image:
    """Return a crop and its three degraded versions beside each other."""
    overrides, strengths = STRIPS[name]
    clean = crop()
    return beside([clean, *(degraded(clean, overrides.format(strength)) for strength in strengths)])


def beside(images: Sequence[torch.Tensor]) -> Image.Image:
    """Return crops side by side, each enlarged to SHOWN pixels without smoothing."""
    sheet = Image.new("L", (len(images) * (SHOWN + GAP) - GAP, SHOWN), 255)
    for place, image in enumerate(images):
        pixels = (image[0, 0].clamp(0, 1) * 255).round().to(torch.uint8).numpy()
        shown = Image.fromarray(pixels).resize((SHOWN, SHOWN), Image.Resampling.NEAREST)
        sheet.paste(shown, (place * (SHOWN + GAP), 0))
    return sheet


def decibels() -> None:
    """psnr.webp: one crop at four distances from the clean image, each with its PSNR and SSIM."""
    clean, protocol = crop(), Protocol()
    figure, axes = _axes(5, (10, 2.5))
    images = [clean, *(degraded(clean, f"noise=gaussian noise.sigma={sigma}") for sigma in (5, 10, 25, 50))]
    for axis, image in zip(axes, images, strict=True):
        axis.imshow(image[0, 0], cmap="gray", vmin=0, vmax=1)
        measured = protocol.measure(image, clean)
        title = f"{measured['psnr'].item():.1f} dB, {measured['ssim'].item():.3f}" if image is not clean else "clean"
        axis.set_title(title, fontsize=11)
    _save(figure, "psnr")


def fixed() -> None:
    """fixed.webp: training noise differs from step to step, test noise does not differ between networks."""
    clean = crop()
    figure, axes = _axes(6, (11, 2.4))
    gaussian = build.parts(composition.compose(["noise=gaussian", "noise.sigma=50"])).degradation
    draws = ["step 1", "step 2", "step 3", "image 17", "image 17", "image 17"]
    titles = [*(f"training, step {i}" for i in (1, 2, 3)), *(f"test, {name}" for name in ("dncnn", "unet", "median"))]
    for axis, draw, title in zip(axes, draws, titles, strict=True):
        axis.imshow(gaussian(clean, PhiloxDraws("fixed", draw))[0][0, 0], cmap="gray", vmin=0, vmax=1)
        axis.set_title(title, fontsize=10)
    _save(figure, "fixed")


def interval() -> None:
    """interval.webp: simulated per-image PSNR of two networks, and the bootstrap of the mean difference."""
    rng = np.random.default_rng(0)
    first = rng.normal(29, 2.5, 60)
    second = first + rng.normal(0.12, 0.35, 60)
    means = (second - first)[rng.integers(0, 60, (4000, 60))].mean(1)
    from matplotlib.figure import Figure

    figure = Figure((10, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2)
    left.scatter(first, second, s=12, color="#3949ab")
    left.axline((25, 25), slope=1, color="gray", linewidth=0.8)
    left.set(xlabel="PSNR of network A, each image (dB)", ylabel="PSNR of network B (dB)")
    right.hist(means, 50, color="#9fa8da")
    low, high = np.quantile(means, [0.025, 0.975])
    right.axvspan(low, high, color="#3949ab", alpha=0.15)
    right.axvline(0, color="black", linewidth=0.8)
    right.set(xlabel=f"mean of B minus A over drawn images (dB); 95 %: {low:.2f} to {high:.2f}", yticks=[])
    _save(figure, "interval")


def _axes(count: int, size: tuple[float, float]) -> tuple:
    from matplotlib.figure import Figure

    figure = Figure(size, layout="constrained")
    axes = figure.subplots(1, count)
    for axis in axes:
        axis.set_axis_off()
    return figure, axes


def _save(figure: object, name: str) -> None:
    figure.savefig(IMAGES / f"{name}.webp", dpi=110, pil_kwargs={"quality": 82, "method": 6})


FIGURES: dict[str, Callable[[], None]] = {"psnr": decibels, "fixed": fixed, "interval": interval}


def main(names: Sequence[str]) -> None:
    """Write the pictures of these names, or all."""
    for name in names or [*STRIPS, *FIGURES]:
        if name in FIGURES:
            FIGURES[name]()
        else:
            strip(name).save(IMAGES / f"{name}.webp", quality=78, method=6)


if __name__ == "__main__":
    main(sys.argv[1:])
