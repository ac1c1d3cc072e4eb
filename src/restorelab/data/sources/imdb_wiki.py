"""IMDB-WIKI, the cropped faces, in its original form (Rothe, Timofte, Van Gool, IJCV 2018).

The host distributes `wiki_crop.tar` (62,328 images) and `imdb_crop.tar` (460,723); each contains its MATLAB table.
"""

import io
import logging
import tarfile
import unicodedata
from collections import defaultdict
from pathlib import Path, PurePosixPath
from typing import Any, Literal

import numpy as np
from scipy.io import loadmat
from scipy.io.matlab import MatReadError

from restorelab import quoting
from restorelab.data.content import hashes
from restorelab.data.download import download
from restorelab.data.item import Encoded, Item, Slice
from restorelab.data.sources.folder import images_below, summary
from restorelab.errors import DataError

log = logging.getLogger(__name__)

HOST = "https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/static/"

MD5 = {"wiki": "f536eb7f5eae229ae8f286184364b42b", "imdb": "44b7548f288c14397cb7a7bab35ebe14"}
"""Of the two tar files. The host gives none; these are used by several public projects."""

GIGABYTES = {"wiki": 0.8, "imdb": 7.0}


class ImdbWiki:
    """Face crops of known persons; the group is the person.

    For each part the root holds `wiki_crop.tar`, which is read without unpacking, or the unpacked folder `wiki_crop`,
    and `wiki.mat` beside it or inside (`imdb` likewise). Images that the table lists but that are missing are left out,
    with a warning. Some images are 1x1 placeholders, which decoding refuses, so a config needs `on_bad: skip`.

    Args:
        root: the folder that holds them.
        part: `wiki`, `imdb` or `both`.
        min_score: keep images whose detector score is above this; -inf means that no face was found. None keeps all.
        one_face: keep only images without a second face (`second_face_score` is NaN).

    """

    def __init__(
        self,
        root: str | Path | None = None,
        part: Literal["wiki", "imdb", "both"] = "wiki",
        min_score: float | None = 1.0,
        one_face: bool = True,
    ) -> None:
        self.root = Path(root).expanduser().absolute() if root is not None else None
        self.parts = ("wiki", "imdb") if part == "both" else (part,)
        self.min_score, self.one_face = min_score, one_face

    def items(self) -> list[Item]:
        """List the selected images; an id is `wiki/17/10000217_1981-05-05_2009.jpg`."""
        return [item for part in self.parts for item in self._part(part)]

    def fingerprint(self) -> dict[str, Any]:
        """Return the hashes of the tar file, or of the images of an unpacked folder, and of the table."""
        facts: dict[str, Any] = {"min_score": self.min_score, "one_face": self.one_face}
        for part in self.parts:
            images = self._images(part)
            table = self._table_file(part)
            paths = [path for path in (images, table) if path is not None and path.is_file()]
            below = summary(images_below(images), images) if images.is_dir() else None
            facts[part] = [hashes(paths, self._root()), below]
        return facts

    def fetch(self) -> Path:
        """Download the tar files into the root; they are read without unpacking."""
        root = self._root()
        for part in self.parts:
            download(f"{HOST}{part}_crop.tar", root / f"{part}_crop.tar", md5=MD5[part])
        return root

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("IMDB-WIKI needs data.root=FOLDER, which holds wiki_crop.tar (data.root is not set).")
        return self.root

    def _images(self, part: str) -> Path:
        """Return the tar file, or the folder that holds the numbered subfolders."""
        root = self._root()
        for folder in (root / f"{part}_crop", root):
            if folder.name == f"{part}_crop" and folder.is_dir() and any(path.is_dir() for path in folder.iterdir()):
                return folder
        tar = root / f"{part}_crop.tar"
        if not tar.is_file():
            argument = quoting.argument("data.root", root)
            raise DataError(
                f"IMDB-WIKI was looked for in {root}, which holds neither {part}_crop.tar nor the unpacked folder "
                f"{part}_crop. `restorelab fetch data=imdb_wiki data.source.part={part} {argument}` downloads the tar "
                f"file ({GIGABYTES[part]} GB, academic research only) from {HOST}; or set data.root=FOLDER."
            )
        return tar

    def _table_file(self, part: str) -> Path | None:
        """Return the table outside the tar file, if there is one."""
        root = self._root()
        for path in (root / f"{part}.mat", root / f"{part}_crop" / f"{part}.mat"):
            if path.is_file():
                return path
        return None

    def _part(self, part: str) -> list[Item]:
        images, file = self._images(part), self._table_file(part)
        members = _members(images, f"{part}_crop/") if images.is_file() else {}
        if file is None and f"{part}.mat" in members:
            member = members[f"{part}.mat"]
            with member.path.open("rb") as stream:
                stream.seek(member.offset)
                table = _table(stream.read(member.size), part, f"{images}: {part}.mat")
        elif file is not None:
            table = _table(file.read_bytes(), part, str(file))
        else:
            raise DataError(f"{images} holds no {part}.mat, nor does {self._root()}; the tar file contains it.")
        keep = np.ones(len(table["path"]), bool)
        if self.min_score is not None:
            keep &= table["score"] > self.min_score
        if self.one_face:
            keep &= np.isnan(table["second"])
        selected = {str(table["path"][row]): str(table["person"][row]) for row in np.flatnonzero(keep)}
        existing: dict[str, Encoded] = {name: members[name] for name in selected if name in members}
        if images.is_dir():
            existing = _files(images, selected)
        missing = [name for name in selected if name not in existing]
        log.info("%s: %d images listed, %d selected, %d exist", part, len(keep), len(selected), len(existing))
        if not existing:
            raise DataError(f"{images}: none of the {len(selected)} images selected from {part}.mat exists.")
        if missing:
            log.warning("%s lacks %d listed images, such as %s", images, len(missing), ", ".join(missing[:5]))
        return [
            Item(id=f"{part}/{name}", group=person or f"{part}/{name}", clean=existing[name])
            for name, person in selected.items()
            if name in existing
        ]


def _table(data: bytes, part: str, name: str) -> dict[str, np.ndarray]:
    """Read the columns of the MATLAB table: `path`, `score`, `second` and `person` (empty if not named)."""
    try:
        record = loadmat(io.BytesIO(data))[part][0, 0]
        columns = {field: record[field].ravel() for field in record.dtype.names}
        paths = [_text(cell) for cell in columns["full_path"]]
        persons = [_text(cell) for cell in columns["name"]]
        score, second = columns["face_score"].astype(float), columns["second_face_score"].astype(float)
    except (MatReadError, ValueError, KeyError, TypeError, IndexError, EOFError, OSError, NotImplementedError) as error:
        raise DataError(f"{name}: is not the table of IMDB-WIKI ({type(error).__name__}: {error})") from error
    if not len(paths) == len(persons) == len(score) == len(second):
        raise DataError(f"{name}: its columns have {len(paths)}, {len(persons)}, {len(score)}, {len(second)} rows")
    if "celeb_id" in columns:  # imdb.mat numbers its persons; the number replaces an empty name
        numbers = columns["celeb_id"].ravel()
        persons = [person or f"celebrity {number}" for person, number in zip(persons, numbers, strict=True)]
    # A person may be in both parts with different spellings. Two persons of the same name become one group.
    persons = [" ".join(unicodedata.normalize("NFKC", person).casefold().split()) for person in persons]
    return {"path": np.array(paths), "score": score, "second": second, "person": np.array(persons)}


def _text(cell: Any) -> str:
    return str(cell.ravel()[0]) if getattr(cell, "size", 0) else ""


def _members(tar: Path, top: str) -> dict[str, Slice]:
    """Locate each file of a plain tar by its path below `top`, in one pass over the headers."""
    members = {}
    try:
        with tarfile.open(tar, "r:") as tape:
            while (member := tape.next()) is not None:
                tape.members.clear()  # type: ignore[attr-defined]  # tarfile would keep half a million headers
                if member.isreg() and not member.issparse():
                    members[member.name.split(top, 1)[-1]] = Slice(tar, member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{tar}: cannot be read as a plain tar ({error}); download it again.") from error
    return members


def _files(folder: Path, names: dict[str, str]) -> dict[str, Encoded]:
    """Return the paths that exist below `folder`; listing each subfolder once is faster than testing every file."""
    by_parent: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_parent[str(PurePosixPath(name).parent)].append(name)
    files: dict[str, Encoded] = {}
    for parent, children in by_parent.items():
        if not (folder / parent).is_dir() or ".." in PurePosixPath(parent).parts:
            continue
        existing = {path.name for path in (folder / parent).iterdir()}
        files |= {name: folder / name for name in children if PurePosixPath(name).name in existing}
    return files
