"""Make the pictures of the gallery from finished studies: what their networks make of photographs of scikit-image.

python docs/gallery_pictures.py FACES SVHN GOPRO, each the folder of a study's runs. No image of a dataset is shown.
"""

import sys
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from make_pictures import IMAGES, degraded
from matplotlib.figure import Figure
from PIL import Image
from skimage import data

import restorelab
from restorelab.config import build
from restorelab.config.run_config import read_config
from restorelab.degradations.rng import PhiloxDraws
from restorelab.metrics.protocol import Protocol
from restorelab.restoring.inference import restore

Row = dict[str, torch.Tensor]
"""Images (1, 1, H, W) in [0, 1] by their titles, the clean one last."""

FACE, CAMERA = (slice(30, 190), slice(145, 305)), (slice(60, 252), slice(180, 372))
"""Windows of the photographs: a face in `astronaut`, a man and his camera in `camera`."""


def crop(image: np.ndarray, window: tuple[slice, slice], side: int) -> torch.Tensor:
    """Return a window of a photograph as a gray image, (1, 1, side, side) in [0, 1]."""
    gray = Image.fromarray(image[window]).convert("L").resize((side, side), Image.Resampling.LANCZOS)
    return torch.from_numpy(np.asarray(gray).copy())[None, None].float() / 255


def run(study: Path, name: str) -> Path:
    """Return the folder of a run's first seed."""
    return next(folder for folder in sorted(study.glob(f"{name}-s0-*")) if folder.is_dir())


def restored(study: Path, name: str, image: torch.Tensor) -> torch.Tensor:
    """Return what the network of a run makes of a degraded image."""
    return restore(restorelab.load(run(study, name)), image)


def faces(study: Path) -> list[Row]:
    """Return a row for each noise of the faces report, restored by the recipe `best`."""
    clean = crop(data.astronaut(), FACE, 100)
    noises = {
        "Gaussian 50": "noise=gaussian noise.sigma=50",
        "impulse 30 %": "noise=impulse noise.amount=0.3",
        "speckle 0.02": "noise=speckle noise.variance=0.02",
        "Poisson 255": "noise=poisson noise.peak=255",
    }
    rows = []
    for title, overrides in noises.items():
        noisy = degraded(clean, overrides)
        rows.append({title: noisy, "best": restored(study, "best", noisy), "clean": clean})
    return rows


def svhn(study: Path) -> list[Row]:
    """Return the three methods with both losses, for a blurred and reduced face with Poisson noise."""
    clean = crop(data.astronaut(), FACE, 32)
    degradation = build.parts(read_config(run(study, "cnn_mse"))).degradation
    measured, _ = degradation(clean, PhiloxDraws("gallery", "svhn"))
    names = {"I": "mlp_ae", "II": "cnn", "III": "cnn_ae"}
    methods = {
        f"{method}, {title}": restored(study, f"{name}_{loss}", measured)
        for method, name in names.items()
        for loss, title in (("mse", "MSE"), ("huber", "smooth L1"))
    }
    return [{"measurement": measured, **methods, "clean": clean}]


def gopro(study: Path) -> list[Row]:
    """Return RED-Net's outputs for noise, without and with skips, and for motion blur."""
    clean = crop(data.camera(), CAMERA, 96)
    noisy = degraded(clean, "noise=gaussian noise.sigma=50")
    blurred = degraded(clean, "noise=none blur=motion blur.angle=30 blur.length=9")
    return [
        {
            "noise": noisy,
            "without skips": restored(study, "denoise_plain", noisy),
            "with skips": restored(study, "denoise_skip", noisy),
            "clean": clean,
        },
        {"motion blur": blurred, "with skips": restored(study, "deblur_skip", blurred), "clean": clean},
    ]


def draw(rows: Sequence[Row], columns: int, side: float) -> Figure:
    """Draw rows of images from left to right and line by line, with the PSNR of each of clean size."""
    shown = [(title, image, row["clean"]) for row in rows for title, image in row.items()]
    lines = -(-len(shown) // columns)
    figure = Figure((columns * side, lines * (side + 0.35)), layout="constrained")
    for axis, (title, image, clean) in zip(figure.subplots(lines, columns).flat, shown, strict=False):
        axis.imshow(image[0, 0].clamp(0, 1), cmap="gray", vmin=0, vmax=1)
        measured = image.shape == clean.shape and image is not clean
        psnr = Protocol().measure(image.clamp(0, 1), clean)["psnr"].item() if measured else None
        axis.set_title(title if psnr is None else f"{title}, {psnr:.1f} dB", fontsize=9)
    for axis in figure.axes:
        axis.set_axis_off()
    return figure


def main(studies: Sequence[str]) -> None:
    """Write docs/images/gallery_*.webp."""
    for name, study, rows, columns in zip(
        ("faces", "svhn", "gopro"), map(Path, studies), (faces, svhn, gopro), (6, 4, 4), strict=True
    ):
        figure = draw(rows(study), columns, 1.7)
        figure.savefig(IMAGES / f"gallery_{name}.webp", dpi=110, pil_kwargs={"quality": 82, "method": 6})


if __name__ == "__main__":
    main(sys.argv[1:])
