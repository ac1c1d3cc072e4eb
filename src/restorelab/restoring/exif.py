"""EXIF blocks, which have the structure of a TIFF file: read and write the entries, and set the orientation upright."""

import re
import struct
from dataclasses import dataclass, field

ORIENTATION = 0x0112
SUB_BLOCKS = {0x8769: "EXIF", 0x8825: "GPS", 0xA005: "interoperability"}
"""Entries that hold the offset of another directory."""

WIDTH, HEIGHT = (0x0100, 0xA002), (0x0101, 0xA003)
"""Entries that hold the size of the image, in the first directory and in that of EXIF."""

SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4}
"""Bytes of a value by its type."""

BIG = {b"II+\0": "<", b"MM\0+": ">"}
"""The byte order of a BigTIFF file by its first bytes."""

MOST = 65_536
"""Number of entries above which a directory counts as broken."""


@dataclass
class Directory:
    """Entries by tag, as (type, count, bytes of the values), and the directories `below` this one, by tag."""

    entries: dict[int, tuple[int, int, bytes]] = field(default_factory=dict)
    below: dict[int, "Directory"] = field(default_factory=dict)


def order_of(block: bytes) -> str | None:
    """Return the byte order of a block, `<` or `>`; None for bytes that are not an EXIF block."""
    return {b"II*\0": "<", b"MM\0*": ">"}.get(block[:4]) if len(block) >= 8 else None


def stripped(exif: bytes) -> bytes:
    """Return the block without the header `Exif` that JPEG puts before it; empty for bytes that are not a block."""
    block = exif.removeprefix(b"Exif\0\0")
    return block if order_of(block) else b""


def orientation(block: bytes) -> int:
    """Return the orientation, 1 to 8; 1 for a block without one."""
    kind, count, value = read(block).entries.get(ORIENTATION, (0, 0, b""))
    known = count == 1 and kind in (3, 4)
    number: int = struct.unpack(f"{order_of(block)}{'H' if kind == 3 else 'I'}", value)[0] if known else 1
    return number if 1 <= number <= 8 else 1


def upright(block: bytes, width: int, height: int) -> bytes:
    """Return the block with orientation 1 and the size of the image, changed in place so that nothing else moves.

    The thumbnail is cut off: it shows the image before it was restored, and perhaps turned. A broken block is changed
    as far as it can be read.
    """
    order = order_of(block)
    if order is None:
        return b""
    changed = bytearray(block)
    (first,) = struct.unpack_from(f"{order}I", block, 4)
    waiting, top = [first], True
    while waiting:
        start = waiting.pop()
        places = _places(block, order, start)
        for place, tag, kind, count in places:  # where the value is
            if count == 1 and kind in (3, 4):
                value = 1 if tag == ORIENTATION else width if tag in WIDTH else height if tag in HEIGHT else None
                if value is not None and (kind == 4 or value < 1 << 16):
                    struct.pack_into(f"{order}{'H' if kind == 3 else 'I'}", changed, place, value)
                elif tag == 0x8769 and top:
                    waiting += struct.unpack_from(f"{order}I", block, place)
        end = start + 2 + 12 * len(places)
        if top and places and end + 4 <= len(block):
            struct.pack_into(f"{order}I", changed, end, 0)  # no second directory: that of the thumbnail
        top = False
    return bytes(changed)


def upright_xmp(packet: bytes) -> bytes:
    """Return an XMP packet with orientation 1."""
    return re.sub(rb"(tiff:Orientation(?:=[\"']|>))[2-8]", rb"\g<1>1", packet)


def read(block: bytes, start: int | None = None) -> Directory:
    """Return the first directory of a block, or that at `start`, with those below it; broken entries are left out.

    With `start`, block may be a BigTIFF file as well, whose counts and offsets have 64 bits.
    """
    directory = Directory()
    order, big = order_of(block), False
    if order is None and start is not None:
        order, big = BIG.get(block[:4]), True
    if order is None:
        return directory
    offset, room = (f"{order}Q", 8) if big else (f"{order}I", 4)
    begin = struct.unpack_from(offset, block, 4)[0] if start is None else start
    for place, tag, kind, count in _places(block, order, begin, big=big):
        size = SIZES.get(kind, 0) * count
        at = place if size <= room else struct.unpack_from(offset, block, place)[0]
        if tag in SUB_BLOCKS and count == 1:
            target = struct.unpack_from(offset, block, place)[0]
            if target > begin or start is None:  # no loops
                directory.below[tag] = read(block, target)
        elif size and at + size <= len(block):
            directory.entries[tag] = (kind, count, block[at : at + size])
    return directory


def write(directory: Directory, order: str, offset: int = 8) -> bytes:
    """Return a directory with its values and the directories below it as bytes, to be written at `offset` of a file."""
    tags = sorted({*directory.entries, *directory.below})
    after = offset + 2 + 12 * len(tags) + 4
    entries, values = b"", b""
    for tag in tags:
        if tag in directory.below:
            kind, count, raw = 4, 1, struct.pack(f"{order}I", after + len(values))
            values += write(directory.below[tag], order, after + len(values))
        else:
            kind, count, raw = directory.entries[tag]
            if len(raw) > 4:
                place = struct.pack(f"{order}I", after + len(values))
                values += raw
                raw = place
        values += b"\0" * (len(values) % 2)
        entries += struct.pack(f"{order}HHI", tag, kind, count) + raw.ljust(4, b"\0")
    return struct.pack(f"{order}H", len(tags)) + entries + bytes(4) + values


def block_of(directory: Directory, order: str) -> bytes:
    """Return a complete EXIF block with this directory."""
    head = b"II*\0" if order == "<" else b"MM\0*"
    return head + struct.pack(f"{order}I", 8) + write(directory, order)


def _places(block: bytes, order: str, start: int, *, big: bool = False) -> list[tuple[int, int, int, int]]:
    """Return (place of the value, tag, type, count) of each entry of the directory at `start`; empty for a broken one.

    big: whether it is that of a BigTIFF file.
    """
    counted, entry, value = ("Q", "HHQ", 8) if big else ("H", "HHI", 4)
    counted, entry = order + counted, order + entry
    first = start + struct.calcsize(counted)
    if start < 8 or first > len(block):
        return []
    (count,) = struct.unpack_from(counted, block, start)
    size = struct.calcsize(entry) + value
    if count > MOST or first + size * count > len(block):
        return []
    places = range(first, first + size * count, size)
    return [(place + size - value, *struct.unpack_from(entry, block, place)) for place in places]
