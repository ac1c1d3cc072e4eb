"""Restore images in memory: NumPy arrays, Pillow images and tensors; the result has the type of the image."""

from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor

from restorelab.restoring.restorer import Restorer

MODES = ("L", "LA", "RGB", "RGBA", "I;16")
"""Modes of Pillow images that are restored."""

SAMPLES = (np.uint8, np.uint16, np.float16, np.float32, np.float64)
"""Types of samples of arrays, in any byte order."""

HINTS = {
    0: "; move the channels to the end: image.transpose(1, 2, 0)",
    4: "; give a Pillow image to keep transparency, or image[..., :3]",
}
"""What to do with an array whose channels are elsewhere (0), or that has four."""


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
        hint = "" if bands.ndim != 3 else HINTS.get(bands.shape[2], HINTS[0] if bands.shape[0] in (1, 3) else "")
        raise ValueError(f"an array of {image.shape}; expected (H, W), (H, W, 1) or (H, W, 3){hint}")
    if not image.size:
        raise ValueError(f"an array of {image.shape}, which holds no pixels")
    native = image.dtype.newbyteorder("=")
    if native not in SAMPLES:
        raise TypeError(f"an array of {image.dtype}; expected uint8, uint16, or floating-point numbers in [0, 1]")
    given = bands.astype(np.float32 if native.kind == "f" else native, copy=False)
    if native.kind == "f":
        if not np.isfinite(given).all():
            raise ValueError("the image holds NaN or infinite values")
        if given.max() > 8:  # noise leaves [0, 1] a little; numbers to 255 are another unit
            raise ValueError(f"an array of {image.dtype} up to {given.max():.4g}; expected numbers in [0, 1]")
    restored = restorer.restore(given)
    if restored.untouched:
        return image.copy()
    result = restored.pixels.astype(image.dtype, copy=False)
    return result[..., 0] if image.ndim == 2 else result


def _picture(image: Image.Image, restorer: Restorer) -> Image.Image:
    if image.mode not in MODES:
        raise TypeError(f"a Pillow image of mode {image.mode}; expected {', '.join(MODES)}; see Image.convert")
    if "transparency" in image.info:
        raise TypeError("a Pillow image with one transparent color; convert it to LA or RGBA, see Image.convert")
    array = np.asarray(image).astype(np.uint16 if image.mode == "I;16" else np.uint8)
    if image.mode in ("LA", "RGBA"):
        colors, alpha = array[..., :-1], array[..., -1]
        pixels = restorer.restore(np.ascontiguousarray(colors), alpha).pixels
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
    if not image.numel():
        raise ValueError(f"a tensor of {tuple(image.shape)}, which holds no pixels")
    batch = image if image.ndim == 4 else image[None]
    exact = batch.detach().to(torch.float64 if image.dtype == torch.float64 else torch.float32).cpu()  # as of NumPy
    outputs = [_array(single.permute(1, 2, 0).numpy(), restorer).transpose(2, 0, 1) for single in exact]
    result = torch.from_numpy(np.stack(outputs)).to(image)
    return result if image.ndim == 4 else result[0]
