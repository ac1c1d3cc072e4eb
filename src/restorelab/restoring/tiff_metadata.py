"""The metadata of a page of a TIFF file: EXIF entries, captions, the resolution, the color profile."""

import json
from typing import Any

from restorelab.data.tiff import Tiff
from restorelab.restoring import exif
from restorelab.restoring.photograph import TURNED, Metadata, resolution

STRUCTURE = frozenset(
    {*range(254, 260), 262, 263, 264, 265, 266, 273, 274, 277, 278, 279, *range(280, 285), 288, 289, 290, 291, 292, 293,
     296, 297, 301, 317, 318, 319, *range(320, 326), *range(330, 348), *range(512, 533), 700, 34377, 34675, 37724,
     *range(32995, 33000), *range(50706, 50742)}
)  # fmt: skip
"""Entries of a TIFF directory that describe its samples, or that are kept otherwise."""

DESCRIPTION = 270
"""The entry of the caption, in which programs for image stacks describe the file."""

STACK = (50838, 50839)
"""Entries of ImageJ about every image of a stack."""

ICC, XMP = 34675, 700

NOT_RGB = (5, 8, 9, 10)
"""Photometric interpretations that become RGB, for which their color profile is not valid: CMYK and CIELAB."""


def of_page(file: Tiff) -> Metadata:
    """Return the metadata of the first picture, for its upright form."""
    page: Any = file.pictures[0]
    icc = b"" if int(page.photometric) in NOT_RGB else as_bytes(page.tags.valueof(ICC, b""))
    xmp = exif.upright_xmp(as_bytes(page.tags.valueof(XMP, b"")))
    dpi = _dpi(page.tags)
    return Metadata(_exif(file, page), icc, xmp, dpi[::-1] if dpi and page.tags.valueof(274, 1) in TURNED else dpi)


def as_bytes(value: Any) -> bytes:
    """Return a tag's value as bytes; empty for a value that is neither bytes nor text."""
    if isinstance(value, str):
        return value.encode("utf-8", "surrogateescape")
    return bytes(value) if isinstance(value, bytes | bytearray) else b""


def _dpi(tags: Any) -> tuple[float, float] | None:
    try:
        across, down = (tags.valueof(tag)[0] / tags.valueof(tag)[1] for tag in (282, 283))
    except (TypeError, ZeroDivisionError, IndexError):
        return None
    factor = {2: 1.0, 3: 2.54}.get(int(tags.valueof(296, 2)))
    return None if factor is None else resolution((across * factor, down * factor))


def _exif(file: Tiff, page: Any) -> bytes:
    """Return the entries that describe the photograph as an EXIF block."""
    directory = exif.read(file.data, int(page.offset))
    directory.entries = {tag: entry for tag, entry in directory.entries.items() if tag not in STRUCTURE}
    _describe_one_image(file, page, directory)
    if not directory.entries and not directory.below:
        return b""
    return exif.block_of(directory, file.file.byteorder)


def _describe_one_image(file: Tiff, page: Any, directory: exif.Directory) -> None:
    """Remove, in place, descriptions that do not hold for a file with one image, which programs could then not read."""
    if page.is_shaped:  # by tifffile
        try:
            told = {key: value for key, value in json.loads(page.description).items() if key != "shape"}
        except ValueError:
            told = {}
        text = json.dumps(told).encode() + b"\0"
        directory.entries |= {DESCRIPTION: (2, len(text), text)}
        if not told:
            del directory.entries[DESCRIPTION]
    elif file.pages > 1 and (page.is_imagej or page.is_ome):
        for tag in (DESCRIPTION, *STACK):
            directory.entries.pop(tag, None)
