"""IMDB-WIKI, faces only, in its original form (Rothe, Timofte, Van Gool, IJCV 2018).

The host distributes `wiki_crop.tar` (62,328 images) and `imdb_crop.tar` (460,723), each with its MATLAB table inside.
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
from restorelab.errors import ConfigError, DataError

log = logging.getLogger(__name__)

HOST = "https://data.vision.ee.ethz.ch/cvl/rrothe/imdb-wiki/static/"

MD5 = {"wiki": "f536eb7f5eae229ae8f286184364b42b", "imdb": "44b7548f288c14397cb7a7bab35ebe14"}
"""Of the two tars. The host prints none; these are what several public projects that use the data check against."""

GIGABYTES = {"wiki": 0.8, "imdb": 7.0}


class ImdbWiki:
    """Face crops of known persons; the group is the person.

    For each part the root holds `wiki_crop.tar`, read in place, or the unpacked folder `wiki_crop`; `wiki.mat` beside
    it or inside (`imdb` likewise). Images that the table lists and that are not there are counted, named and left out.
    Some are 1x1 placeholders: decoding calls them bad, so a config wants `on_bad: skip`.

    Args:
        root: the folder that holds them.
        part: `wiki`, `imdb` or `both`.
        min_score: keep images whose detector score is above this; -inf means that no face was found. None keeps all.
        one_face: keep only images with no second face (`second_face_score` is NaN).

    """

    def __init__(
        self,
        root: str | Path | None = None,
        part: Literal["wiki", "imdb", "both"] = "wiki",
        min_score: float | None = 1.0,
        one_face: bool = True,
    ) -> None:
        if part not in ("wiki", "imdb", "both"):
            raise ConfigError(f"imdb_wiki: part={part!r}; allowed: wiki, imdb, both")
        self.root = Path(root).expanduser().absolute() if root is not None else None
        self.parts = ("wiki", "imdb") if part == "both" else (part,)
        self.min_score, self.one_face = min_score, one_face

    def items(self) -> list[Item]:
        """List the images that pass: ids such as `wiki/17/10000217_1981-05-05_2009.jpg`."""
        return [item for part in self.parts for item in self._part(part)]

    def fingerprint(self) -> dict[str, Any]:
        """The content of the tar, or of the images of an unpacked folder, and of the table."""
        found: dict[str, Any] = {"min_score": self.min_score, "one_face": self.one_face}
        for part in self.parts:
            images = self._images(part)
            table = self._table_file(part)
            paths = [path for path in (images, table) if path is not None and path.is_file()]
            below = summary(images_below(images), images) if images.is_dir() else None
            found[part] = [hashes(paths, self._root()), below]
        return found

    def fetch(self) -> Path:
        """Download the tars into the root; they are read in place and need no unpacking."""
        root = self._root()
        for part in self.parts:
            download(f"{HOST}{part}_crop.tar", root / f"{part}_crop.tar", md5=MD5[part])
        return root

    def _root(self) -> Path:
        if self.root is None:
            raise DataError("IMDB-WIKI needs data.root=FOLDER, which holds wiki_crop.tar (data.root is not set).")
        return self.root

    def _images(self, part: str) -> Path:
        """The tar, or the folder that holds the numbered subfolders."""
        root = self._root()
        for folder in (root / f"{part}_crop", root):
            if folder.name == f"{part}_crop" and folder.is_dir() and any(path.is_dir() for path in folder.iterdir()):
                return folder
        tar = root / f"{part}_crop.tar"
        if not tar.is_file():
            place = quoting.argument("data.root", root)
            raise DataError(
                f"IMDB-WIKI was looked for in {root}, which holds neither {part}_crop.tar nor the unpacked folder "
                f"{part}_crop. `restorelab fetch data=imdb_wiki data.source.part={part} {place}` brings the "
                f"tar ({GIGABYTES[part]} GB, academic research only) from {HOST}, or set data.root=FOLDER."
            )
        return tar

    def _table_file(self, part: str) -> Path | None:
        """The table outside the tar, if there is one."""
        root = self._root()
        for path in (root / f"{part}.mat", root / f"{part}_crop" / f"{part}.mat"):
            if path.is_file():
                return path
        return None

    def _part(self, part: str) -> list[Item]:
        images, file = self._images(part), self._table_file(part)
        members = _members(images, f"{part}_crop/") if images.is_file() else {}
        if file is None and f"{part}.mat" in members:
            inside = members[f"{part}.mat"]
            with inside.path.open("rb") as stream:
                stream.seek(inside.offset)
                table = _table(stream.read(inside.size), part, f"{images}: {part}.mat")
        elif file is not None:
            table = _table(file.read_bytes(), part, str(file))
        else:
            raise DataError(f"{images} holds no {part}.mat, and none lies in {self._root()}; it comes inside the tar.")
        keep = np.ones(len(table["path"]), bool)
        if self.min_score is not None:
            keep &= table["score"] > self.min_score
        if self.one_face:
            keep &= np.isnan(table["second"])
        wanted = {str(table["path"][row]): str(table["person"][row]) for row in np.flatnonzero(keep)}
        there: dict[str, Encoded] = {name: members[name] for name in wanted if name in members}
        if images.is_dir():
            there = _files(images, wanted)
        missing = [name for name in wanted if name not in there]
        log.info("%s: %d images listed, %d pass, %d are there", part, len(keep), len(wanted), len(there))
        if not there:
            raise DataError(f"{images}: of {len(wanted)} images that {part}.mat lists and that pass, none is there.")
        if missing:
            log.warning("%s lacks %d listed images, among them %s", images, len(missing), ", ".join(missing[:5]))
        return [
            Item(id=f"{part}/{name}", group=person or f"{part}/{name}", clean=there[name])
            for name, person in wanted.items()
            if name in there
        ]


def _table(data: bytes, part: str, name: str) -> dict[str, np.ndarray]:
    """Columns of the MATLAB table: `path`, `score`, `second` and `person` (empty where nobody is named)."""
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
    if "celeb_id" in columns:  # imdb.mat numbers its persons; a number stands in where the name is empty
        numbers = columns["celeb_id"].ravel()
        persons = [person or f"celebrity {number}" for person, number in zip(persons, numbers, strict=True)]
    # One person may be in both parts and be spelt in two ways; two persons of one name are kept together, too.
    persons = [" ".join(unicodedata.normalize("NFKC", person).casefold().split()) for person in persons]
    return {"path": np.array(paths), "score": score, "second": second, "person": np.array(persons)}


def _text(cell: Any) -> str:
    return str(cell.ravel()[0]) if getattr(cell, "size", 0) else ""


def _members(tar: Path, top: str) -> dict[str, Slice]:
    """Where each file of a plain tar lies in it, by its path below `top`; one pass over the headers."""
    found = {}
    try:
        with tarfile.open(tar, "r:") as tape:
            while (member := tape.next()) is not None:
                tape.members.clear()  # type: ignore[attr-defined]  # it would keep half a million headers
                if member.isreg() and not member.issparse():
                    found[member.name.split(top, 1)[-1]] = Slice(tar, member.offset_data, member.size)
    except (tarfile.TarError, OSError) as error:
        raise DataError(f"{tar}: cannot be read as a plain tar ({error}); is it whole? Fetch it again.") from error
    return found


def _files(folder: Path, names: dict[str, str]) -> dict[str, Encoded]:
    """Which of the paths exist below `folder`; lists each subfolder once, cheaper than asking file by file."""
    by_parent: dict[str, list[str]] = defaultdict(list)
    for name in names:
        by_parent[str(PurePosixPath(name).parent)].append(name)
    found: dict[str, Encoded] = {}
    for parent, inside in by_parent.items():
        place = folder / parent
        if not place.is_dir() or ".." in PurePosixPath(parent).parts:
            continue
        there = {path.name for path in place.iterdir()}
        found |= {name: folder / name for name in inside if PurePosixPath(name).name in there}
    return found
