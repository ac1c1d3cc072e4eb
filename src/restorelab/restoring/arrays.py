"""Restore images in memory: NumPy arrays, Pillow images and tensors, each given back as it came."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from restorelab.restoring.restorer import Restorer

MODES = ("L", "LA", "RGB", "RGBA", "I;16")
"""Modes of Pillow images that are restored."""

SAMPLES = (np.uint8, np.uint16, np.float16, np.float32, np.float64)
"""Types of samples of arrays."""


def restored(image: Any, restorer: Restorer) -> Any:
    """Restore one image; see `restorelab.restore` for kinds and ranges.

    Raises:
        TypeError: for another kind of image.
        ValueError: for another shape or range.
    """
    if isinstance(image, Tensor):
        return _tensor(image, restorer)
    if isinstance(image, Image.Image):
        return _picture(image, restorer)
    if isinstance(image, np.ndarray):
        return _array(image, restorer)
    raise TypeError(f"image is a {type(image).__name__}; expected a NumPy array, a Pillow image or a tensor")


def _array(image: np.ndarray, restorer: Restorer) -> np.ndarray:
    bands = image[..., None] if image.ndim == 2 else image
    if bands.ndim != 3 or bands.shape[2] not in (1, 3):
        raise ValueError(f"an array of {image.shape}; expected (H, W), (H, W, 1) or (H, W, 3)")
    if image.dtype not in SAMPLES:
        raise TypeError(f"an array of {image.dtype}; expected uint8, uint16, or floating-point numbers in [0, 1]")
    given = bands
    if bands.dtype.kind == "f":
        given = bands.astype(np.float32)
        if not np.isfinite(given).all():
            raise ValueError("the image holds NaN or infinite values")
        if given.max(initial=0) > 8:  # noise leaves [0, 1] a little; numbers to 255 are another unit
            raise ValueError(f"an array of {image.dtype} up to {given.max():.4g}; expected numbers in [0, 1]")
    result = restorer.restore(given).pixels.astype(image.dtype, copy=False)
    result = result.copy() if result is image or result.base is image else result
    return result[..., 0] if image.ndim == 2 else result


def _picture(image: Image.Image, restorer: Restorer) -> Image.Image:
    if image.mode not in MODES:
        raise TypeError(f"a Pillow image of mode {image.mode}; expected {', '.join(MODES)}; see Image.convert")
    array = np.asarray(image).astype(np.uint16 if image.mode == "I;16" else np.uint8)
    if image.mode in ("LA", "RGBA"):
        colours, alpha = array[..., :-1], array[..., -1]
        pixels = restorer.restore(np.ascontiguousarray(colours), alpha).pixels
        if pixels.shape[:2] != alpha.shape:
            size = (pixels.shape[1], pixels.shape[0])
            alpha = np.asarray(Image.fromarray(alpha).resize(size, Image.Resampling.BICUBIC))
        result = Image.fromarray(np.concatenate([pixels, alpha[..., None]], axis=2))
    else:
        result = Image.fromarray(_array(array, restorer))
    result.info = dict(image.info)
    return result


def _tensor(image: Tensor, restorer: Restorer) -> Tensor:
    if image.ndim not in (3, 4) or image.shape[-3] not in (1, 3):
        raise ValueError(f"a tensor of {tuple(image.shape)}; expected (C, H, W) or (B, C, H, W) of 1 or 3 channels")
    if not image.is_floating_point():
        raise TypeError(f"a tensor of {image.dtype}; expected floating-point numbers in [0, 1]")
    batch = image if image.ndim == 4 else image[None]
    outputs = [
        _array(single.detach().float().permute(1, 2, 0).cpu().numpy(), restorer).transpose(2, 0, 1) for single in batch
    ]
    result = torch.from_numpy(np.stack(outputs)).to(image)
    return result if image.ndim == 4 else result[0]
