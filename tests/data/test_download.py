"""Download against a server on the loopback that misbehaves in the ways servers do."""

import hashlib
import http.server
import shutil
import subprocess
import sys
import threading
from collections import namedtuple
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from filelock import FileLock

from restorelab.data.download import download
from restorelab.errors import DataError

BODY = np.random.default_rng(0).bytes(3_000_000)
MD5 = hashlib.md5(BODY).hexdigest()
SHA256 = hashlib.sha256(BODY).hexdigest()


class Server:
    """One file at any path. Settings say how it is served; `asked` keeps the Range header of each request."""

    def __init__(self) -> None:
        self.body, self.etag, self.ranges, self.length = BODY, '"v1"', True, True
        self.cuts: list[int] = []  # the next answers end after so many bytes of their body
        self.failures: list[int] = []  # the next answers are these statuses
        self.wrong_place = False
        self.asked: list[str | None] = []
        owner = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                owner.answer(self)

            def log_message(self, *_: object) -> None:
                pass

        self.http = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.http.server_port}/some/file.bin"

    def answer(self, to: http.server.BaseHTTPRequestHandler) -> None:
        wanted = to.headers.get("Range")
        self.asked.append(wanted)
        if self.failures:
            to.send_error(self.failures.pop(0))
            return
        start, same = 0, to.headers.get("If-Range") in (None, self.etag)
        if wanted and self.ranges and same:
            start = int(wanted.removeprefix("bytes=").rstrip("-"))
            if start >= len(self.body):
                to.send_error(416)
                return
            if self.wrong_place:
                start += 1
        to.send_response(206 if start else 200)
        if start:
            to.send_header("Content-Range", f"bytes {start}-{len(self.body) - 1}/{len(self.body)}")
        if self.etag:
            to.send_header("ETag", self.etag)
        if self.length:
            to.send_header("Content-Length", str(len(self.body) - start))
        to.end_headers()
        end = start + self.cuts.pop(0) if self.cuts else None
        to.wfile.write(self.body[start:end])


@pytest.fixture
def server(monkeypatch: pytest.MonkeyPatch) -> Iterator[Server]:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    serving = Server()
    thread = threading.Thread(target=serving.http.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    yield serving
    serving.http.shutdown()
    serving.http.server_close()
    thread.join()


def left(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_whole(server: Server, tmp_path: Path):
    target = tmp_path / "deep" / "file.bin"
    assert download(server.url, target, sha256=SHA256, md5=MD5.upper(), size=len(BODY)) == target
    assert target.read_bytes() == BODY
    assert left(target.parent) == ["file.bin"]
    download(server.url, target, sha256=SHA256)
    assert server.asked == [None]  # the second call asked for nothing


def test_a_wrong_file_in_the_way_is_replaced(server: Server, tmp_path: Path):
    target = tmp_path / "file.bin"
    target.write_bytes(b"other")
    download(server.url, target, md5=MD5)
    assert target.read_bytes() == BODY


@pytest.mark.parametrize("sums", [{}, {"md5": MD5}])
def test_goes_on_after_a_cut(server: Server, tmp_path: Path, sums: dict[str, str]):
    server.cuts = [1_000_000, 500_000]
    download(server.url, tmp_path / "file.bin", pause=0.01, **sums)
    assert (tmp_path / "file.bin").read_bytes() == BODY
    assert server.asked == [None, "bytes=1000000-", "bytes=1500000-"]
    assert left(tmp_path) == ["file.bin"]


def test_a_later_call_goes_on(server: Server, tmp_path: Path):
    server.cuts = [1_000_000]
    server.failures = []
    with pytest.raises(
        DataError, match=r"ended after 1,000,000 of 3,000,000 bytes, after 1 attempts.*1,000,000 bytes are"
    ):
        download(server.url, tmp_path / "file.bin", retries=0)
    assert left(tmp_path) == ["file.bin.part", "file.bin.part.tag"]
    download(server.url, tmp_path / "file.bin")
    assert server.asked[-1] == "bytes=1000000-"
    assert (tmp_path / "file.bin").read_bytes() == BODY


def test_a_server_without_ranges_sends_all_again(server: Server, tmp_path: Path):
    server.ranges, server.cuts = False, [1_000_000]
    download(server.url, tmp_path / "file.bin", md5=MD5, pause=0.01)
    assert server.asked == [None, "bytes=1000000-"]
    assert (tmp_path / "file.bin").read_bytes() == BODY


def test_a_file_that_changed_meanwhile_is_begun_anew(server: Server, tmp_path: Path):
    server.cuts = [1_000_000]
    with pytest.raises(DataError):
        download(server.url, tmp_path / "file.bin", retries=0)
    server.body, server.etag = BODY[::-1], '"v2"'
    download(server.url, tmp_path / "file.bin")  # without a checksum, only the tag can tell
    assert (tmp_path / "file.bin").read_bytes() == BODY[::-1]


def test_without_tag_and_checksum_nothing_is_continued(server: Server, tmp_path: Path):
    server.etag, server.cuts = "", [1_000_000]
    download(server.url, tmp_path / "file.bin", pause=0.01)
    assert server.asked == [None, None]
    assert (tmp_path / "file.bin").read_bytes() == BODY


def test_a_server_that_continues_elsewhere(server: Server, tmp_path: Path):
    server.cuts, server.wrong_place = [1_000_000], True
    download(server.url, tmp_path / "file.bin", pause=0.01)
    assert server.asked == [None, "bytes=1000000-", None]
    assert (tmp_path / "file.bin").read_bytes() == BODY


def test_a_part_longer_than_the_file(server: Server, tmp_path: Path):
    (tmp_path / "file.bin.part").write_bytes(BODY + b"more")
    download(server.url, tmp_path / "file.bin", md5=MD5, pause=0.01)
    assert (tmp_path / "file.bin").read_bytes() == BODY


@pytest.mark.parametrize("length", [True, False])
def test_wrong_checksum_is_named_and_nothing_kept(server: Server, tmp_path: Path, length: bool):
    server.length = length
    with pytest.raises(DataError, match=f"{server.url}.*md5 is {MD5}, not {'0' * 32}"):
        download(server.url, tmp_path / "file.bin", md5="0" * 32)
    assert left(tmp_path) == []


def test_wrong_size(server: Server, tmp_path: Path):
    for size in (2_999_999, 3_000_001):
        with pytest.raises(DataError, match="bytes"):
            download(server.url, tmp_path / "file.bin", size=size, retries=1, pause=0.01)
        (tmp_path / "file.bin.part").unlink(missing_ok=True)
    assert not (tmp_path / "file.bin").exists()


def test_truncated_for_ever(server: Server, tmp_path: Path):
    server.ranges, server.cuts = False, [1000] * 10
    with pytest.raises(DataError, match=r"ended after 1,000 of 3,000,000 bytes, after 3 attempts"):
        download(server.url, tmp_path / "file.bin", retries=2, pause=0.01)
    assert len(server.asked) <= 4
    assert not (tmp_path / "file.bin").exists()


def test_not_found_is_not_tried_again(server: Server, tmp_path: Path):
    server.failures = [404, 404]
    with pytest.raises(DataError, match=r"file\.bin: the server answered 404 Not Found"):
        download(server.url, tmp_path / "file.bin")
    assert len(server.asked) == 1
    assert left(tmp_path) == []


def test_busy_server_is_tried_again(server: Server, tmp_path: Path, caplog: pytest.LogCaptureFixture):
    server.failures = [503, 429]
    download(server.url, tmp_path / "file.bin", md5=MD5, pause=0.01)
    assert len(server.asked) == 3
    assert "503 Service Unavailable; retry 1 of 5" in caplog.text


def test_nobody_answers(tmp_path: Path, server: Server):
    server.http.server_close()
    with pytest.raises(DataError, match=r"refused, after 2 attempts"):
        download(server.url, tmp_path / "file.bin", retries=1, pause=0.01)


def test_full_disk(server: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(0, 0, 2_999_999))
    with pytest.raises(DataError, match=r"3,000,000 bytes are needed for .* and 2,999,999 are free"):
        download(server.url, tmp_path / "file.bin")
    assert not (tmp_path / "file.bin").exists()


@pytest.mark.parametrize("url", ["file:///etc/passwd", "ftp://host/file", "host/file"])
def test_other_schemes(tmp_path: Path, url: str):
    with pytest.raises(DataError, match="only http and https"):
        download(url, tmp_path / "file.bin")


def test_two_processes_fetch_once(server: Server, tmp_path: Path):
    """Both come while the lock is held, so a program without one would fetch twice at once."""
    code = "import logging, sys; from pathlib import Path; from restorelab.data.download import download\n"
    code += f"logging.basicConfig(level=logging.INFO); download(sys.argv[1], Path(sys.argv[2]), md5={MD5!r})"
    command = [sys.executable, "-c", code, server.url, str(tmp_path / "file.bin")]
    with FileLock(tmp_path / ".file.bin.lock"):
        runs = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
        for process in runs:
            assert process.stderr is not None
            assert "another run is preparing" in process.stderr.readline()
        assert server.asked == []
    ends = [process.communicate(timeout=60)[1] for process in runs]
    assert [process.returncode for process in runs] == [0, 0]
    assert sum("exists already" in end for end in ends) == 1
    assert len(server.asked) == 1
    assert (tmp_path / "file.bin").read_bytes() == BODY
