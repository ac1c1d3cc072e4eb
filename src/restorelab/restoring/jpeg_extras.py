"""The contents of camera JPEG files beside their picture: gain maps, depth maps, videos, captions, comments."""

import re
import struct

from restorelab.data.raster import Raster

GAIN_MAP = (b"hdr-gain-map", b"urn:iso:std:iso:ts:21496")
"""Names in the segments of an HDR photograph whose brightness is in a second picture: Ultra HDR, and ISO 21496-1."""

EXTENDED_XMP = b"http://ns.adobe.com/xmp/extension/"
"""The beginning of the segments with XMP beyond 64 KB."""

MOTION = (b"MotionPhoto", b"MicroVideo")
"""Names in the XMP of a photograph with a video behind it (some phones write the first as a mark before the video)."""

IPTC = 0x0404
"""The number of IPTC captions and keywords among the resources of Photoshop (segment APP13)."""


def losses(file: Raster) -> list[str]:
    """Return a phrase for each part of a JPEG that cannot be kept, except previews, which show the image unrestored."""
    segments = [content for name, content in file.image.applist if name in ("APP1", "APP2")]
    others = _pictures(file)
    lost = []
    if others == 1 and any(name in content for content in segments for name in GAIN_MAP):
        lost.append("its gain map (HDR becomes SDR)")
    elif others:
        lost.append(f"{others} further picture{'s' * (others > 1)}, such as a gain map or a depth map")
    if any(content.startswith(EXTENDED_XMP) for content in segments):
        lost.append("its extended XMP, such as a depth map")
    if b"ftyp" in file.data and any(name in file.data for name in MOTION):
        lost.append("the video of a motion photo")
    return lost


def _pictures(file: Raster) -> int:
    """Return the number of pictures behind the first that the index (CIPA DC-007) declares, without previews."""
    count = 0
    try:
        index = file.image._getmp() or {}
        for entry in index.get(0xB002, ())[1:]:
            start = entry["DataOffset"] + file.image.info["mpoffset"]
            preview = entry["Attribute"]["MPType"].startswith("Large Thumbnail")
            count += file.data.startswith(b"\xff\xd8", start) and not preview
    except Exception:  # the index is broken; the first picture is an ordinary JPEG
        return 0
    return count


def plain_xmp(packet: bytes) -> bytes:
    """Return an XMP packet without the statements about lost parts, which would mislead other programs."""
    names = rb"(?:hdrgm:\w+|GCamera:(?:Motion|Micro)\w+|xmpNote:HasExtendedXMP)"
    packet = re.sub(rb"\s" + names + rb"\s*=\s*(?:\"[^\"]*\"|'[^']*')", b"", packet)
    packet = re.sub(rb"<(" + names + rb")>[^<]*</\1>", b"", packet)
    return re.sub(rb"<(G?Container:Directory)\b.*?</\1>", b"", packet, flags=re.DOTALL)


def kept(file: Raster) -> tuple[tuple[int, bytes], ...]:
    """Return the segments (marker, content) that are copied: IPTC captions and the comment."""
    iptc, comment = (file.image.info.get("photoshop") or {}).get(IPTC), file.image.info.get("comment")
    segments = []
    if isinstance(iptc, bytes):
        resource = struct.pack(">4sHHI", b"8BIM", IPTC, 0, len(iptc)) + iptc + b"\0" * (len(iptc) % 2)
        segments.append((0xED, b"Photoshop 3.0\0" + resource))
    if comment:
        segments.append((0xFE, comment))
    return tuple(segments)


def encoded(segments: tuple[tuple[int, bytes], ...]) -> bytes:
    """Return segments as they stand in a file."""
    return b"".join(struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content for marker, content in segments)
