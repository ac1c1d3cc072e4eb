"""An archive into a folder that may hold other things."""

import io
import zipfile
from pathlib import Path

import pytest

from data.test_download import Server, server
from restorelab.data.download import install
from restorelab.errors import DataError

__all__ = ["server"]


def zipped(**files: str) -> bytes:
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w") as archive:
        for name, text in files.items():
            archive.writestr(name.replace("__", "/"), text)
    return stream.getvalue()


def there(root: Path) -> dict[str, str]:
    return {path.relative_to(root).as_posix(): path.read_text() for path in root.rglob("*") if path.is_file()}


def test_beside_what_is_there(server: Server, tmp_path: Path):
    server.body = zipped(a__b="1", c="2")
    (tmp_path / "mine").write_text("0")
    assert install(server.url.replace("file.bin", "some%20set.zip?x=1"), tmp_path, max_bytes=10_000) == tmp_path
    assert {name: text for name, text in there(tmp_path).items() if not name.startswith(".")} == {
        "mine": "0", "a/b": "1", "c": "2",
    }  # fmt: skip
    assert not list(tmp_path.glob("*.zip"))
    assert all(path.name.endswith(".lock") for path in tmp_path.glob(".*"))


@pytest.mark.parametrize(("body", "reason"), [(zipped(a__b="1", mine="2"), "holds mine already"),
                                              (b"PK no archive", r"cannot be unpacked.*Remove .*set\.zip to download"),
                                              (zipped(big="0" * 50_000), "unpacks to more than")])  # fmt: skip
def test_a_refusal_leaves_the_folder_as_it_was(server: Server, tmp_path: Path, body: bytes, reason: str):
    server.body = body
    (tmp_path / "mine").write_text("0")
    with pytest.raises(DataError, match=reason):
        install(server.url.replace("file.bin", "set.zip"), tmp_path, max_bytes=10_000)
    assert sorted(path.name for path in tmp_path.iterdir() if not path.name.endswith(".lock")) == ["mine", "set.zip"]
    assert (tmp_path / "mine").read_text() == "0"
    (tmp_path / "mine").unlink()
    server.body = zipped(a="1")
    if reason.startswith("holds"):  # the archive that was fetched is taken, now that its place is free
        install(server.url.replace("file.bin", "set.zip"), tmp_path, max_bytes=10_000)
        assert (tmp_path / "mine").read_text() == "2"
