"""A page of photographs before and after restoring, in one file: the most detailed part of each under a slider."""

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image

from restorelab.errors import DataError
from restorelab.report import detail
from restorelab.report.gallery import Case, Gallery, GalleryView, Tile
from restorelab.report.page import Part, Section, render
from restorelab.restoring.photograph import white
from restorelab.restoring.write_photograph import whole

MOST = 24
"""The most photographs of a page; each takes up to 1 MB."""

SIDE, SMALL = 512, 256
"""Pixels of the sides of the part that is shown, and of the small picture of the whole, at most."""


def case(name: str, before: np.ndarray, after: np.ndarray) -> Case:
    """One photograph: samples (H, W, C) as they were, and (s H, s W, C) as they are now."""
    scale = after.shape[0] // before.shape[0]
    height, width = before.shape[0], before.shape[1]
    every = max(1, max(height, width) // 1024)
    reduced = before[::every, ::every]
    step = height / reduced.shape[0]
    side = max(8, round(SIDE / scale / step))
    gray = torch.from_numpy(reduced.astype(np.float32).transpose(2, 0, 1) / white(before))
    x, y, _, _ = detail.busiest(detail.detail(gray), min(side, gray.shape[2]), min(side, gray.shape[1]))
    wide, high = min(SIDE // scale, width), min(SIDE // scale, height)
    left, top = min(int(x * step), width - wide), min(int(y * step), height - high)
    place = (slice(top, top + high), slice(left, left + wide))
    enlarged = tuple(slice(scale * part.start, scale * part.stop) for part in place)
    tiles = Tile("before", _webp(before[place])), Tile("after", _webp(after[enlarged]))
    shrink = min(1.0, SMALL / max(width, height))
    small = _webp(_image(reduced).resize((max(1, round(width * shrink)), max(1, round(height * shrink)))))
    return Case(name, name, small, (width, height), (left, top, wide, high), tiles[0], None, [tiles[1]])


def write(cases: Sequence[Case], file: Path) -> None:
    """Write the page, as a whole or not at all.

    Raises:
        DataError: if it cannot be written.
    """
    gallery = Gallery([GalleryView("The most detailed part of each photograph", list(cases))])
    text = render("page", "Before and after", [Section("pictures", "Pictures", parts=[Part("gallery", gallery)])])
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        with whole(file) as stream:
            stream.write(text.encode(errors="backslashreplace"))  # a file's name need not be valid UTF-8
    except OSError as error:
        raise DataError(f"{file}: cannot be written ({error.strerror or error}).") from error


def _image(pixels: np.ndarray) -> Image.Image:
    samples = pixels if pixels.dtype == np.uint8 else (pixels * (255 / white(pixels))).round().astype(np.uint8)
    return Image.fromarray(np.ascontiguousarray(samples[..., 0] if samples.shape[2] == 1 else samples))


def _webp(picture: Image.Image | np.ndarray) -> bytes:
    image = picture if isinstance(picture, Image.Image) else _image(picture)
    stream = io.BytesIO()
    image.save(stream, "WEBP", lossless=True, method=2)
    return stream.getvalue()
