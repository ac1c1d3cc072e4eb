"""Convert a photograph to the format and depth of its result, and refuse files of which something would be lost."""

from dataclasses import replace
from typing import Any

import numpy as np

from restorelab.errors import DataError
from restorelab.restoring import exif, png_chunks
from restorelab.restoring.photograph import DEPTHS, DESCRIBED, READ_ONLY, TRANSPARENT, Metadata, Photograph, white

TYPES: dict[int, np.dtype[Any]] = {8: np.dtype(np.uint8), 16: np.dtype(np.uint16), 32: np.dtype(np.float32)}
"""The type of samples by their depth."""

MOST = 1 << 31
"""The most bytes of EXIF or XMP in formats other than JPEG, whose segments hold 64 KB."""


def check(photograph: Photograph, wanted: str | None, depth: int | None, *, lossy: bool) -> None:
    """Raise DataError if something of the file cannot be kept and `lossy` is false, or for an impossible depth."""
    if photograph.lost and not lossy:
        raise DataError(refusal(photograph.lost))
    bits(photograph, wanted, depth)


def refusal(lost: tuple[str, ...]) -> str:
    """Return the message about a file of which something cannot be kept."""
    return f"cannot be kept: {'; '.join(lost)}. With lossy=true it is restored without."


def written_as(own: str, wanted: str | None) -> str:
    """Return the format of a file's result: the requested one, or its own; PNG for formats that are only read."""
    return wanted or ("png" if own in READ_ONLY else own)


def bits(photograph: Photograph, wanted: str | None, depth: int | None) -> int:
    """Return the bits per sample of the result: `depth`, or those of the file, or the most that its format holds.

    Raises:
        DataError: for a depth that the format does not have.
    """
    kind = written_as(photograph.format, wanted)
    allowed = DEPTHS[kind]
    chosen = depth or (photograph.depth if photograph.depth in allowed else max(allowed))
    if chosen not in allowed:
        raise DataError(f"depth={chosen}: {kind} holds {' or '.join(map(str, allowed))} bits a sample.")
    return chosen


def fitted(photograph: Photograph, wanted: str | None, depth: int | None) -> tuple[Photograph, tuple[str, ...]]:
    """Return the photograph as its format can hold it, and notes on changes that were not requested.

    Raises:
        DataError: as `bits`.
    """
    notes: list[str] = []
    kind, chosen = written_as(photograph.format, wanted), bits(photograph, wanted, depth)
    if chosen < photograph.depth and not depth:
        notes.append(f"{photograph.depth} bits become {chosen}")
    pixels, alpha = photograph.pixels, photograph.alpha
    if alpha is not None and kind not in TRANSPARENT:
        pixels, alpha = _on_white(pixels, alpha), None
        notes.append("transparent parts are white now")
    pixels, alpha = _converted(pixels, chosen), None if alpha is None else _converted(alpha, chosen)
    metadata, missing = _held(photograph.metadata, kind)
    if missing:
        notes.append(f"without {', '.join(missing)}, which {kind} does not hold")
    metadata = replace(metadata, exif=exif.upright(metadata.exif, pixels.shape[1], pixels.shape[0]))
    return replace(photograph, pixels=pixels, alpha=alpha, format=kind, metadata=metadata), tuple(notes)


def _held(metadata: Metadata, kind: str) -> tuple[Metadata, list[str]]:
    """Return the metadata that a format can hold, and the names of the others; the resolution is not named."""
    largest = {"jpeg": (65_527, 65_504)}.get(kind, (MOST, MOST) if kind in DESCRIBED else (0, 0))
    colors = png_chunks.meaning(metadata.chunks)
    names = {
        "EXIF": len(metadata.exif) > largest[0], "XMP": len(metadata.xmp) > largest[1],
        "its color profile": bool(metadata.icc) and kind not in DESCRIBED,
        "captions or a comment": bool(metadata.segments) and kind != "jpeg",
        "texts": kind != "png" and any(name in png_chunks.TEXTS for name, _ in metadata.chunks),
        f"what its colors mean ({colors})": kind != "png" and bool(colors) and not metadata.icc,
    }  # fmt: skip
    held = replace(
        metadata,
        exif=b"" if names["EXIF"] else metadata.exif,
        xmp=b"" if names["XMP"] else metadata.xmp,
        icc=metadata.icc if kind in DESCRIBED else b"",
        chunks=metadata.chunks if kind == "png" else (),
        segments=metadata.segments if kind == "jpeg" else (),
    )
    return held, [name for name, is_missing in names.items() if is_missing]


def _converted(samples: np.ndarray, bits: int) -> np.ndarray:
    """Return samples at another depth, rounded once; white remains white."""
    wanted = TYPES[bits]
    if samples.dtype == wanted:
        return samples
    before = white(samples)
    if bits == 32:
        return (samples / np.float32(before)).astype(wanted)
    result = np.empty(samples.shape, wanted)
    factor = white(np.empty(0, wanted)) / before
    for row in range(0, len(samples), 256):  # in parts, as a whole image in floating point takes several times as much
        result[row : row + 256] = np.rint(samples[row : row + 256] * factor)
    return result


def _on_white(pixels: np.ndarray, alpha: np.ndarray) -> np.ndarray:
    top = white(pixels)
    share = alpha[..., None] / top
    colors = pixels * share + top * (1 - share)
    return (colors if pixels.dtype == np.float32 else np.rint(colors)).astype(pixels.dtype)
