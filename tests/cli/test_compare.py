"""`restorelab compare`."""

from pathlib import Path

import pytest

import folders
from restorelab.cli import compare
from restorelab.errors import ConfigError, DataError


def test_it_writes_into_the_sweep_and_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("ae", "dual_ae"):
        folders.write(tmp_path, folders.config(name), {"gaussian_50": 25}, place=name)
    folders.fail(tmp_path, "broken", folders.config("x"))
    assert compare.run([str(tmp_path), "pictures=0"]) == 0
    said = capsys.readouterr().out
    assert (tmp_path / "comparison" / "index.html").is_file()
    assert str(tmp_path / "comparison" / "index.html") in said
    assert "not compared: broken: failed: the loss is not finite." in said
    assert "underpowered" in said
    # A second comparison of the folder does not take the first one for a run.
    assert compare.run([str(tmp_path), "pictures=0"]) == 0


def test_several_folders_and_all_keys(tmp_path: Path) -> None:
    for name in ("ae", "dual_ae"):
        folders.write(tmp_path / name, folders.config(name), {"gaussian_50": 25, "impulse_30": 20}, place=name)
    arguments = ["baseline=ae", "evaluations=[impulse_30]", "metric=ssim", "pictures=0", f"out={tmp_path}/out"]
    assert compare.run([str(tmp_path / "ae"), str(tmp_path / "dual_ae"), *arguments]) == 0
    table = (tmp_path / "out" / "tables" / "leaderboard.csv").read_text()
    assert "impulse_30 SSIM" in table.splitlines()[0]
    assert "gaussian_50" not in table


def test_a_folder_with_an_equals_sign_is_a_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = folders.write(tmp_path, folders.config(), {"gaussian_50": 25}, place="lr=0.1")
    monkeypatch.chdir(tmp_path)
    assert compare.parse([path.name]).folders == (Path(path.name),)
    assert compare.parse([f"{tmp_path}/gone=1", "out=x"]).folders == (Path(f"{tmp_path}/gone=1"),)


def test_wrong_words(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="Did you mean 'baseline'"):
        compare.run([str(tmp_path), "basline=ae"])
    with pytest.raises(ConfigError, match="say which runs"):
        compare.run(["out=x"])
    with pytest.raises(ConfigError, match="pictures=many"):
        compare.run([str(tmp_path), "pictures=many"])
    with pytest.raises(DataError, match="no such folder"):
        compare.run([str(tmp_path / "nothing")])


def test_a_folder_that_cannot_be_written_is_named_before_anything_is_drawn(tmp_path: Path) -> None:
    folders.write(tmp_path / "runs", folders.config(), {"gaussian_50": 25})
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match=r"out: .*file cannot be written"):
        compare.run([str(tmp_path / "runs"), f"out={tmp_path / 'file'}"])


def test_a_key_that_is_said_twice_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="pictures=0: it is given twice"):
        compare.parse([str(tmp_path), "pictures=1", "pictures=0"])


def test_help(capsys: pytest.CaptureFixture[str]) -> None:
    assert compare.run(["--help"]) == 0
    assert "restorelab compare RUN_OR_SWEEP" in capsys.readouterr().out
