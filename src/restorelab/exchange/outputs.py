"""What a method wrote for an image, brought to (C, H, W) float32; and why a file cannot be that."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path, PurePosixPath

import numpy as np
import torch
from torch import Tensor

from restorelab.data.decode import EXTENSIONS, BadImage, Decoding, decode
from restorelab.data.pixels import Refused
from restorelab.data.tiff import Tiff

ENDINGS = (".npy", ".png", ".tif", ".tiff")

LARGEST_MEAN = 2.0
"""Floats of a larger mean are no image in [0, 1], whatever the method did: most likely 0 to 255."""

Shape = tuple[int, int, int]


@dataclass(frozen=True)
class Output:
    """One restored image.

    Attributes:
        image: (C, H, W) float32, as the file has it: floats may lie outside [0, 1].
        form: of the file: `npy float32`, `png 8 bits`.
        collapsed: it is gray, and the file held it as three equal channels.
    """

    image: Tensor
    form: str
    collapsed: bool


def present(folder: Path) -> dict[str, list[Path]]:
    """The files of a folder by their names without ending, in lower case: systems differ in what they tell apart."""
    by_stem: dict[str, list[Path]] = {}
    for file in sorted(folder.iterdir()):
        if file.is_file() and not file.name.startswith("."):
            by_stem.setdefault(file.stem.casefold(), []).append(file)
    return by_stem


def find(files: Mapping[str, Sequence[Path]], name: str) -> Path:
    """The file of an image among those that are present, of whichever ending.

    name: of the image in the set. Where it ends as an image's file does, `a.png` is meant as well as `a.png.npy`.

    Raises:
        Refused: where there is none, or several.
    """
    named, bare = PurePosixPath(name.casefold()), name.casefold()
    stems = [bare, named.stem] if named.suffix in EXTENSIONS else [bare]
    candidates = next((files[stem] for stem in stems if stem in files), [])
    wanted = [file for file in candidates if file.suffix.lower() in ENDINGS]
    if len(wanted) == 1:
        return wanted[0]
    if wanted:
        raise Refused(f"is there as {' and '.join(file.suffix for file in wanted)}; expected one of them")
    if candidates:
        raise Refused(f"is there as {candidates[0].name}; expected one of the endings {', '.join(ENDINGS)}")
    near = get_close_matches(stems[-1], list(files), n=1)
    hint = f" (the folder has {files[near[0]][0].name})" if near else ""
    raise Refused(f"is missing; expected one of the endings {', '.join(ENDINGS)}{hint}")


def read(file: Path, shape: Shape) -> Output:
    """Read an output of a known shape (C, H, W).

    Raises:
        Refused: for a file that cannot be read, of another size or other channels, or with values that are no image's.
    """
    array, form = _array(file, shape[0])
    planes = _planes(array, shape)
    collapsed = shape[0] == 1 and len(planes) == 3
    if planes.shape[1:] != shape[1:]:
        raise Refused(f"is {planes.shape[1]}x{planes.shape[2]}, not {shape[1]}x{shape[2]} (height x width)")
    if len(planes) != shape[0] and not collapsed:
        what = "is gray" if len(planes) == 1 else f"has {len(planes)} channels"
        raise Refused(f"{what}; expected {'RGB' if shape[0] == 3 else f'{shape[0]} channels'}")
    if collapsed:
        if (planes != planes[:1]).any():
            raise Refused("is RGB with unequal channels; expected gray")
        planes = planes[:1]
    return Output(_unit(planes), form, collapsed)


def _array(file: Path, channels: int) -> tuple[np.ndarray, str]:
    """The values as stored, and what they are."""
    try:
        if file.suffix.lower() == ".npy":
            array = np.load(file, mmap_mode="r", allow_pickle=False)  # mapped, a header that lies takes no memory
            if not isinstance(array, np.ndarray):
                raise Refused("is an archive of arrays; expected one array, as np.save writes it")
            return array, f"npy {array.dtype}"
        if file.suffix.lower() == ".png":
            gray = _gray_png(file)
        else:
            floats, gray = _tiff(file)
            if floats is not None:
                return floats, f"tif {floats.dtype}"
        if channels in (1, 3):
            channels = 1 if gray else 3
        decoded = decode(file, Decoding(channels))
    except BadImage as bad:
        raise Refused(bad.reason) from None
    except Refused:
        raise
    except Exception as error:  # readers meet any bytes at all
        raise Refused(f"cannot be read ({' '.join(str(error).split())})") from error
    if decoded.facts.transparent:
        raise Refused("has transparent pixels; expected opaque ones")
    return decoded.pixels, f"{file.suffix[1:4].lower()} {8 * decoded.pixels.itemsize} bits"


def _tiff(file: Path) -> tuple[np.ndarray | None, bool]:
    """The first page of a TIFF of floats, None for one of whole numbers; and whether it is gray."""
    content = Tiff(file.read_bytes())
    page = content.pictures[0]
    gray = page.samplesperpixel < 3 and page.photometric in (0, 1)  # white or black is zero
    if page.sampleformat != 3:
        return None, gray
    content.need(1)  # refuses damaged files
    return np.asarray(content.load(1).pixels), gray


def _gray_png(file: Path) -> bool:
    """Whether a PNG's header says gray, with or without alpha. Raises Refused for a file of another format."""
    with file.open("rb") as stream:
        head = stream.read(26)
    if not head.startswith(b"\x89PNG") or len(head) < 26:
        raise Refused("is empty, or not a PNG; expected what its ending says")
    return head[25] in (0, 4)


def _planes(array: np.ndarray, shape: Shape) -> np.ndarray:
    """(H, W), (H, W, C), (C, H, W), and each with a leading 1, to (C, H, W), where C may also be 1 or 3."""
    image, known = (array[0] if array.ndim == 4 and len(array) == 1 else array), {1, 3, shape[0]}
    if image.ndim == 2:
        return image[None]
    if image.ndim == 3 and image.shape[0] in known and image.shape[1:] == shape[1:]:
        return image
    if image.ndim == 3 and image.shape[2] in known:
        return image.transpose(2, 0, 1)
    if image.ndim == 3 and image.shape[0] in known:
        return image
    sizes = f"{shape[1]}x{shape[2]}" + (f"x{shape[0]}" if shape[0] > 1 else "")
    raise Refused(f"holds an array of {array.shape}; expected (H, W) or (H, W, C), here {sizes}")


def _unit(planes: np.ndarray) -> Tensor:
    if planes.dtype.newbyteorder("=") in (np.uint8, np.uint16):
        return torch.from_numpy(np.ascontiguousarray(planes, np.float32)) / float(np.iinfo(planes.dtype).max)
    if planes.dtype.kind != "f":
        raise Refused(f"holds {planes.dtype}; expected floats in [0, 1], uint8 or uint16")
    if bad := int((~np.isfinite(planes)).sum()):
        raise Refused(f"holds {bad} values that are NaN or infinite")
    if planes.size and float(np.abs(planes).mean(dtype=np.float64)) > LARGEST_MEAN:
        raise Refused(f"goes up to {planes.max():g}; floats lie in [0, 1]: divide them by what white is")
    return torch.from_numpy(np.array(planes, np.float32, order="C"))
