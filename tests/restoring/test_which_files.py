"""Which files a command line means, and where their results go."""

import logging
import os
from pathlib import Path

import pytest

from restorelab.errors import ConfigError
from restorelab.restoring import which_files


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    for name in ("a.jpg", "b.png", "deep/a.jpg", "out/a.jpg", "out/b.tif", "out/other.png", "out/deep/a.jpg"):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()
    monkeypatch.chdir(tmp_path)
    return tmp_path


def _names(*words: str, out: str | None = None) -> list[str]:
    return [str(source.file) for source in which_files.sources(words, out and Path(out))]


@pytest.mark.parametrize("word", [".", "**/*.*", "{}"])
def test_results_of_an_earlier_run_inside_the_folder_are_left_out(word: str, tree: Path) -> None:
    found = which_files.sources([word.format(tree)], Path("out"))
    names = [str(source.file.absolute().relative_to(tree)) for source in found]
    assert sorted(names) == ["a.jpg", "b.png", "deep/a.jpg", "out/other.png"]  # which no file became


def test_results_that_are_named_are_taken(tree: Path) -> None:
    assert _names("a.jpg", "out/a.jpg", out="out") == ["a.jpg", "out/a.jpg"]
    assert _names("deep", "out/deep", out="elsewhere") == ["deep/a.jpg", "out/deep/a.jpg"]


def test_a_file_is_taken_once_and_a_link_apart(tree: Path) -> None:
    (tree / "link.jpg").symlink_to("a.jpg")
    assert _names("deep", "deep/../deep", "./deep/*.jpg", f"{tree}/deep/a.jpg") == ["deep/a.jpg"]
    assert _names("link.jpg", "a.jpg") == ["link.jpg", "a.jpg"]


@pytest.mark.parametrize(("word", "expected"), [("", "one of the names is empty"), ("x" * 300, "File name too long")])
def test_words_that_name_nothing(word: str, expected: str, tree: Path) -> None:
    with pytest.raises(ConfigError, match=expected):
        which_files.sources(["a.jpg", word])


def test_formats_that_are_not_read_are_counted(tree: Path, caplog: pytest.LogCaptureFixture) -> None:
    for name in ("c.HEIC", "d.heic", "e.CR2", ".f.heic"):
        (tree / "deep" / name).touch()
    with caplog.at_level(logging.WARNING):
        assert _names("deep") == ["deep/a.jpg"]
    assert "deep: left out, as these formats are not read: 1 .cr2, 2 .heic;" in caplog.text


def test_folders_that_cannot_be_read_are_told(
    tree: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    scan = os.scandir

    def refusing(folder: str):
        if Path(folder).name == "deep":  # rights do not keep a test out that runs as root
            raise PermissionError(13, "Permission denied", str(folder))
        return scan(folder)

    monkeypatch.setattr(os, "scandir", refusing)
    with caplog.at_level(logging.WARNING):
        assert _names("out") == ["out/a.jpg", "out/b.tif", "out/other.png"]
    assert "out/deep: left out, as the folder cannot be read (Permission denied)" in caplog.text


def _check(*names: str, out: str | None = None, kind: str | None = None) -> None:
    pairs = [(source, which_files.target(source, out and Path(out), kind)) for source in which_files.sources(names)]
    which_files.check_targets(pairs)


def test_a_result_whose_name_would_be_too_long_is_told_before(tree: Path) -> None:
    name = f"{'n' * 245}.jpg"
    Path(name).touch()
    _check(name, out="elsewhere")
    with pytest.raises(ConfigError, match=r"File name too long.*out=FOLDER"):
        _check(name)
    assert not os.path.lexists("elsewhere")


def test_two_files_with_one_result_are_told_the_remedy(tree: Path) -> None:
    (tree / "a.png").touch()
    _check("a.jpg", "a.png")
    with pytest.raises(ConfigError, match=r"would both become a_restored.png; restore them by two commands"):
        _check("a.jpg", "a.png", kind="png")


@pytest.mark.parametrize(
    ("name", "kind", "beside", "in_out"),
    [
        ("a.b.JPG", "jpeg", "a.b_restored.JPG", "a.b.JPG"),
        ("a.jpg", "png", "a_restored.png", "a.png"),
        ("2020.01.02", "jpeg", "2020.01.02_restored.jpg", "2020.01.02.jpg"),
        ("scan", "tiff", "scan_restored.tif", "scan.tif"),
    ],
)
def test_names_of_results(name: str, kind: str, beside: str, in_out: str) -> None:
    source = which_files.InputFile(Path("in") / "deep" / name, Path("deep") / name)
    assert which_files.target(source, None, kind) == Path("in") / "deep" / beside
    assert which_files.target(source, Path("out"), kind) == Path("out") / "deep" / in_out
