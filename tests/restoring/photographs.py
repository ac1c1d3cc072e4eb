"""Files of every kind that `restore` keeps, and of those that it cannot."""

import io
import struct
import zlib
from pathlib import Path

import numpy as np
import tifffile
from PIL import Image, ImageCms, PngImagePlugin

ICC = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
XMP = b'<x:xmpmeta xmlns:x=\'adobe:ns:meta/\'><rdf:Description tiff:Orientation="6" xmp:Rating="4"/></x:xmpmeta>'


def pixels(bands: int, dtype: type = np.uint8, height: int = 36, width: int = 50) -> np.ndarray:
    """A smooth picture with noise, (H, W, bands) or (H, W)."""
    generator = np.random.default_rng(bands)
    y, x = np.mgrid[:height, :width]
    smooth = np.stack([0.5 + 0.3 * np.sin(x / (9 + band)) * np.cos(y / 11) for band in range(bands)], axis=-1)
    image = (smooth + generator.normal(0, 0.05, smooth.shape)).clip(0, 1)
    image = image.astype(np.float32) if dtype is np.float32 else np.rint(image * np.iinfo(dtype).max).astype(dtype)
    return image[..., 0] if bands == 1 else image


def exif(orientation: int = 1) -> bytes:
    """An EXIF block with a sub-directory, a GPS one and a thumbnail."""
    block = Image.Exif()
    block[0x0112], block[0x010F], block[0x0132] = orientation, "Maker", "2020:01:02 03:04:05"
    block[0x8769] = {0x829A: 0.5, 0x9003: "2020:01:02 03:04:05", 0xA002: 50, 0xA003: 36, 0x927C: b"maker note" * 5}
    block[0x8825] = {1: "N", 2: (48.0, 8.0, 30.0)}
    return block.tobytes()


def encoded(image: np.ndarray, kind: str, **options: object) -> bytes:
    stream = io.BytesIO()
    Image.fromarray(image).save(stream, kind, **options)
    return stream.getvalue()


def png16(image: np.ndarray) -> bytes:
    """A 16-bit PNG without filters: (H, W, 2, 3 or 4) uint16."""
    kind = {2: 4, 3: 2, 4: 6}[image.shape[2]]
    rows = b"".join(b"\0" + row.astype(">u2").tobytes() for row in image)
    head = struct.pack(">IIBBBBB", image.shape[1], image.shape[0], 16, kind, 0, 0, 0)
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(rows)), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, content) for kind, content in chunks)


def chunk(kind: bytes, content: bytes) -> bytes:
    """A chunk as it stands in a PNG."""
    return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))


def tiff(image: np.ndarray, **options: object) -> bytes:
    stream = io.BytesIO()
    tifffile.imwrite(stream, image, **{"metadata": None, **options})  # type: ignore[arg-type]
    return stream.getvalue()


def kept() -> dict[str, bytes]:
    """Files that come out as they went in, by name."""
    text = PngImagePlugin.PngInfo()
    text.add_text("Title", "A title")
    text.add_itxt("XML:com.adobe.xmp", XMP.decode())
    alpha = pixels(4)
    alpha[:12, :, 3] = 0
    alpha16 = pixels(4, np.uint16)
    alpha16[5:20, :, 3] = 0
    around = {"exif": exif(), "icc_profile": ICC}
    return {
        "color.jpg": encoded(pixels(3), "jpeg", quality=97, dpi=(300, 300), xmp=XMP, **around),
        "gray.jpg": encoded(pixels(1), "jpeg", quality=97),
        "color.png": encoded(pixels(3), "png", dpi=(300, 300), pnginfo=text, **around),
        "gray.png": encoded(pixels(1), "png"),
        "alpha.png": encoded(alpha, "png"),
        "gray_alpha.png": encoded(pixels(2), "png"),
        "gray16.png": encoded(pixels(1, np.uint16), "png"),
        "color16.png": png16(pixels(3, np.uint16)),
        "alpha16.png": png16(alpha16),
        "gray_alpha16.png": png16(pixels(2, np.uint16)),
        "color.webp": encoded(pixels(3), "webp", quality=95, xmp=XMP, **around),
        "alpha.webp": encoded(alpha, "webp", lossless=True, exact=True),
        "color.tif": encoded(pixels(3), "tiff", compression="tiff_lzw", dpi=(300, 300), icc_profile=ICC),
        "gray.tif": tiff(pixels(1)),
        "color16.tiff": tiff(pixels(3, np.uint16), photometric="rgb", compression="zlib", iccprofile=ICC,
                              resolution=(300, 300), resolutionunit=2),
        "big_endian16.tif": tiff(pixels(1, np.uint16), byteorder=">"),
        "alpha16.tif": tiff(alpha16, photometric="rgb", extrasamples=["unassalpha"]),
        "float.tif": tiff(pixels(3, np.float32), photometric="rgb"),
        "color.bmp": encoded(pixels(3), "bmp"),
        "color.ppm": encoded(pixels(3), "ppm"),
        "gray.pgm": encoded(pixels(1), "ppm"),
    }  # fmt: skip


def lost() -> dict[str, tuple[bytes, str]]:
    """Files of which something cannot be kept, by name, with words of what is said."""
    color = Image.fromarray(pixels(3))
    palette, cmyk, black, gif, animated = (io.BytesIO() for _ in range(5))
    color.quantize(16).save(palette, "png")
    color.convert("CMYK").save(cmyk, "jpeg")
    Image.fromarray(pixels(1)).convert("1").save(black, "png")
    color.quantize(16).save(gif, "gif")
    color.save(animated, "webp", save_all=True, append_images=[color.transpose(Image.Transpose.ROTATE_180)])
    pages = np.stack([pixels(1), pixels(1)])
    return {
        "palette.png": (palette.getvalue(), "its palette"),
        "cmyk.jpg": (cmyk.getvalue(), "CMYK"),
        "black.png": (black.getvalue(), "pure black and white"),
        "palette.gif": (gif.getvalue(), "its palette"),
        "animated.webp": (animated.getvalue(), "1 of its 2 pages, frames or pictures"),
        "pages.tif": (tiff(pages, photometric="minisblack"), "1 of its 2 pages"),
        "bright.tif": (tiff(pixels(1, np.float32) * 4), "outside 0 to 1 are clipped"),
        "bands.tif": (tiff(pixels(4, np.uint16), photometric="minisblack", planarconfig="contig"), "3 of its 4 bands"),
        "integers.tif": (tiff(pixels(1, np.uint16).astype(np.uint32) << np.uint32(16)), "32-bit integers"),
        "layers.tif": (tiff(pixels(1), extratags=[(37724, 7, 6, b"layers", True)]), "the layers of Photoshop"),
    }  # fmt: skip


def write(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)
