"""GoPro in its original form (Nah, Kim, Lee, CVPR 2017): blurred and sharp frames of 33 sequences."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal

from restorelab import quoting
from restorelab.data.download import check_digests, install
from restorelab.data.item import Item
from restorelab.data.sources.folder import images_below, summary
from restorelab.data.sources.matching import ANY, Side, matched
from restorelab.data.sources.pairs import check_sizes
from restorelab.errors import DataError

URL = "http://data.cv.snu.ac.kr:8008/webdav/dataset/GOPRO/GOPRO_Large.zip"
"""From the authors' page, which gives no checksum; `sha256` or `md5` can set one."""

MAX_BYTES = 30 << 30
"""The most that the archive may unpack to: about three times the 9 GB of its PNGs."""

PARTS = ("train", "test")


class GoPro:
    """1280x720 frames, 2,103 in the official training part and 1,111 in the test part; the group is the sequence.

    The root holds `train` and `test`, or `GOPRO_Large` with both. Each part has one folder per sequence, such as
    `GOPR0372_07_00`, with PNG files in `sharp`, `blur` and `blur_gamma`. An id is `train/GOPR0372_07_00/000047.png`.

    Args:
        root: the folder.
        pairs: use the real degraded/clean pairs, to which no degradation is applied. false uses the sharp images only,
            to be degraded (the denoising set of the gopro_rednet report), and does not need the blurred ones.
        blur: the blurred images: `blur`, averages of the frames as stored, or `blur_gamma`, averages in linear light.
        sha256: checksum of the archive that `fetch` downloads; the authors give none.
        md5: another checksum.

    """

    def __init__(
        self,
        root: str | Path | None = None,
        pairs: bool = True,
        blur: Literal["blur", "blur_gamma"] = "blur",
        sha256: str | None = None,
        md5: str | None = None,
    ) -> None:
        check_digests("gopro", sha256=sha256, md5=md5)
        self.root = Path(root).expanduser().absolute() if root is not None else None
        self.paired, self.blur, self.sha256, self.md5 = pairs, blur, sha256, md5

    def items(self) -> list[Item]:
        """List the frames; with `pairs`, the sizes in the file headers are compared."""
        frames: dict[str, tuple[Path, Path]] = {}
        for part, sequence in self._sequences():
            sharp = self._frames(sequence, "sharp")
            blurred = self._frames(sequence, self.blur) if self.paired else sharp
            pairs = matched(Side(sequence / self.blur, None, ANY, blurred), Side(sequence / "sharp", None, ANY, sharp))
            frames |= {f"{part}/{sequence.name}/{name}": pair for name, pair in pairs.items()}
        if not frames:
            raise DataError(f"{self._base()}: its sequences hold no images in sharp/.")
        if self.paired:
            check_sizes(frames)
        return [
            Item(
                id=name,
                group=name.split("/")[1],
                clean=sharp,
                degraded=blurred if self.paired else None,
                split=name.split("/")[0],
            )
            for name, (blurred, sharp) in frames.items()
        ]

    def fingerprint(self) -> dict[str, Any]:
        """Return the hash of the names and contents of the images that are used."""
        kinds = ("sharp", self.blur) if self.paired else ("sharp",)
        paths = [
            path
            for _, sequence in self._sequences()
            for kind in kinds
            if (sequence / kind).is_dir()
            for path in images_below(sequence / kind)
        ]
        return {**summary(paths, self._base()), "kinds": kinds}

    def fetch(self) -> Path:
        """Download GOPRO_Large.zip (about 9 GB) into the root and unpack it there, unless that was done before."""
        root = self._root()
        if any(all((base / part).is_dir() for part in PARTS) for base in _bases(root)):
            return root
        return install(URL, root, max_bytes=MAX_BYTES, sha256=self.sha256, md5=self.md5)

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("GoPro needs data.root=FOLDER, which holds train and test (data.root is not set).")
        return self.root

    def _base(self) -> Path:
        """Return the folder that holds train and test."""
        root = self._root()
        for base in _bases(root):
            if all((base / part).is_dir() for part in PARTS):
                return base
        lacking = " and ".join(part for part in PARTS if not (root / part).is_dir())
        raise DataError(
            f"GoPro was looked for in {root}, which holds no {lacking} (nor does GOPRO_Large in it). "
            f"`restorelab fetch data=gopro {quoting.argument('data.root', root)}` downloads it (about 9 GB) from {URL};"
            " or set data.root=FOLDER. For pairs in another layout, use data=pairs."
        )

    def _sequences(self) -> Iterator[tuple[str, Path]]:
        """Yield the part and folder of each sequence, in sorted order."""
        base = self._base()
        for part in PARTS:
            folders = [path for path in sorted((base / part).iterdir()) if path.is_dir() and path.name[0] != "."]
            if not folders:
                raise DataError(f"{base / part} holds no sequences (folders such as GOPR0372_07_00).")
            for folder in folders:
                yield part, folder

    def _frames(self, sequence: Path, kind: str) -> dict[str, Path]:
        if not (sequence / kind).is_dir():
            names = ", ".join(sorted(path.name for path in sequence.iterdir())) or "nothing"
            advice = " data.source.pairs=false uses the sharp images alone." if kind != "sharp" else ""
            raise DataError(f"{sequence} holds no folder {kind}; it holds {names}.{advice}")
        return {path.name: path for path in images_below(sequence / kind)}


def _bases(root: Path) -> tuple[Path, Path]:
    return root, root / "GOPRO_Large"
