"""JPEG files of cameras: what is lost of them is said before, and captions and comments are kept."""

import struct
from pathlib import Path

import numpy as np
import photographs
import pytest
from PIL import Image

from restorelab.data.decode import BadImage
from restorelab.restoring import fitting
from restorelab.restoring.read_photograph import header, read
from restorelab.restoring.write_photograph import write

GAIN = photographs.encoded(photographs.pixels(1)[::2, ::2], "jpeg")

ULTRA_HDR = b"""<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description xmlns:hdrgm="http://ns.adobe.com/hdr-gain-map/1.0/"
 hdrgm:Version="1.0" xmp:Rating="4"><Container:Directory><rdf:Seq><rdf:li><Container:Item Item:Semantic="GainMap"
 Item:Length="9"/></rdf:li></rdf:Seq></Container:Directory></rdf:Description></x:xmpmeta>"""

MOTION = b'<x:xmpmeta xmlns:x="adobe:ns:meta/"><rdf:Description GCamera:MotionPhoto="1" xmp:Rating="4"/></x:xmpmeta>'

IPTC = b"\x1c\x02\x78\x00\x09A caption"


def _jpeg(**options: object) -> bytes:
    return photographs.encoded(photographs.pixels(3), "jpeg", quality=97, **options)


def _with_segment(jpeg: bytes, marker: int, content: bytes) -> bytes:
    return jpeg[:2] + struct.pack(">BBH", 0xFF, marker, len(content) + 2) + content + jpeg[2:]


def _with_picture(jpeg: bytes, picture: bytes, kind: int = 0) -> bytes:
    """A JPEG with another picture behind it, as CIPA DC-007 (Multi-Picture Format) says. kind: 0 is undefined."""
    size = len(jpeg) + 4 + 86
    index = b"MPF\0MM\0*" + struct.pack(">IH", 8, 3) + struct.pack(">HHI4s", 0xB000, 7, 4, b"0100")
    index += struct.pack(">HHII", 0xB001, 4, 1, 2) + struct.pack(">HHII", 0xB002, 7, 32, 50) + bytes(4)
    index += struct.pack(">IIIHH", 0x030000, size, 0, 0, 0)
    index += struct.pack(">IIIHH", kind, len(picture), size - 10, 0, 0)  # from the place of `MM` on
    assert len(index) == 86
    return _with_segment(jpeg, 0xE2, index) + picture


LOST = {
    "ultra_hdr": (_with_picture(_jpeg(xmp=ULTRA_HDR), GAIN), "its gain map (HDR becomes SDR)"),
    "apple": (_with_picture(_jpeg(), GAIN), "1 further picture, such as a gain map or a depth map"),
    "stereo": (_with_picture(_jpeg(), _jpeg(), 0x020002), "1 further picture"),
    "motion": (_jpeg(xmp=MOTION) + b"\0\0\0\x18ftypmp42" + bytes(99), "the video of a motion photo"),
    "samsung": (_jpeg() + b"MotionPhoto_Data\0\0\0\x18ftypmp42" + bytes(99), "the video of a motion photo"),
    "extended": (_with_segment(_jpeg(), 0xE1, b"http://ns.adobe.com/xmp/extension/\0" + bytes(60)), "its extended XMP"),
}

PREVIEW = 0x010001
"""The kind of a large thumbnail, which cameras write beside a photograph."""

NOT_LOST = {
    "preview": _with_picture(_jpeg(), GAIN, PREVIEW),
    "video_cut_off": _jpeg(xmp=MOTION),
    "picture_cut_off": _with_picture(_jpeg(xmp=ULTRA_HDR), GAIN)[: -len(GAIN)],
}


@pytest.mark.parametrize("name", LOST)
def test_what_cameras_put_behind_a_photograph_is_not_lost_silently(name: str, tmp_path: Path) -> None:
    data, words = LOST[name]
    photographs.write(tmp_path, {"a.jpg": data})
    head = header(tmp_path / "a.jpg")
    assert head is not None
    assert len(head.lost) == 1
    assert words in head.lost[0]
    write(fitting.fitted(read(tmp_path / "a.jpg"), None, None)[0], tmp_path / "b.jpg", 97)
    assert read(tmp_path / "b.jpg").lost == ()
    xmp = Image.open(tmp_path / "b.jpg").info.get("xmp", b"")
    assert not any(word in xmp for word in (b"hdrgm:Version", b"GainMap", b"MotionPhoto"))
    assert (b'xmp:Rating="4"' in xmp) == (b"xmp:Rating" in data)


@pytest.mark.parametrize("name", NOT_LOST)
def test_previews_and_what_is_not_there_are_no_loss(name: str, tmp_path: Path) -> None:
    photographs.write(tmp_path, {"a.jpg": NOT_LOST[name]})
    assert read(tmp_path / "a.jpg").lost == ()


def test_captions_and_comments_stay(tmp_path: Path) -> None:
    thumbnail = struct.pack(">4sHHI", b"8BIM", 0x040C, 0, 6) + b"before"
    resources = thumbnail + struct.pack(">4sHHI", b"8BIM", 0x0404, 0, len(IPTC)) + IPTC
    jpeg = _with_segment(_jpeg(comment=b"A comment"), 0xED, b"Photoshop 3.0\0" + resources)
    photographs.write(tmp_path, {"a.jpg": jpeg})
    photograph = read(tmp_path / "a.jpg")
    write(fitting.fitted(photograph, None, None)[0], tmp_path / "b.jpg", 97)
    info = Image.open(tmp_path / "b.jpg").info
    assert info["photoshop"] == {0x0404: IPTC}
    assert info["comment"] == b"A comment"
    assert b"before" not in (tmp_path / "b.jpg").read_bytes()
    write(fitting.fitted(photograph, "png", None)[0], tmp_path / "b.png", 97)
    assert np.array_equal(read(tmp_path / "b.png").pixels, photograph.pixels)


@pytest.mark.parametrize(
    "options",
    [
        {"extratags": [(50706, 1, 4, b"\1\4\0\0", True)]},
        {"subfiletype": 1},
    ],  # DNG, and a preview before the sensor's data
)
def test_raw_files_of_cameras_are_refused(options: dict[str, object], tmp_path: Path) -> None:
    photographs.write(tmp_path, {"a.tif": photographs.tiff(photographs.pixels(3), photometric="rgb", **options)})
    assert header(tmp_path / "a.tif") is None
    with pytest.raises(BadImage, match="a camera raw file; develop it"):
        read(tmp_path / "a.tif")
