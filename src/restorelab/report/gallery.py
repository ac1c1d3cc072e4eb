"""The pictures of a comparison: the same crops of the same test images through all runs."""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Tile:
    """One crop: `picture` is a lossless WebP; `psnr` (dB) and `ssim` are those of the whole image."""

    label: str
    picture: bytes
    psnr: float | None = None
    ssim: float | None = None


@dataclass(frozen=True)
class Case:
    """One test image of `size` (W, H) pixels, `whole` a small WebP of it; `box` (x, y, w, h) is what the tiles show.

    clean: None for a photograph whose true image is not known; then nothing was measured.
    """

    id: str
    why: str
    whole: bytes
    size: tuple[int, int]
    box: tuple[int, int, int, int]
    degraded: Tile
    clean: Tile | None
    restored: list[Tile]


@dataclass(frozen=True)
class GalleryView:
    """The images of one evaluation; `text` says what is left out, and why there are none."""

    evaluation: str
    cases: list[Case]
    text: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Gallery:
    """The pictures of all evaluations."""

    views: list[GalleryView]
    text: list[str] = field(default_factory=list)
