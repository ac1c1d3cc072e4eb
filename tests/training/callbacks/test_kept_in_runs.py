"""The best few checkpoints, and one every so many steps, beside best.ckpt and last.ckpt."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from torch import nn

import runs
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder
from restorelab.training.callbacks.kept_checkpoints import KeptCheckpoints

HOW = ("trainer.keep=3", "trainer.keep_every=4", "trainer.validate_steps=2", "trainer.max_epochs=2")


def names(run_dir: Path) -> set[str]:
    return {file.name for file in (run_dir / "checkpoints").iterdir()}


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("kept") / "run"
    outcome = runs.run(folder, *HOW)
    assert outcome.status == "done", outcome.message
    return folder


def test_the_best_three_and_every_fourth_step_are_kept(whole: Path) -> None:
    columns = history.read(whole / "metrics.csv")
    values = {int(s): v for s, v in zip(columns["step"], columns["val/psnr"], strict=True) if not np.isnan(v)}
    assert list(values) == [2, 4, 6, 8, 10, 12]
    best = sorted(values, key=lambda step: values[step], reverse=True)[:3]
    expected = {f"best_step_{step}.ckpt" for step in best} | {"step_4.ckpt", "step_8.ckpt", "step_12.ckpt"}
    assert names(whole) == expected | {"best.ckpt", "last.ckpt"}
    first = [
        torch.load(whole / "checkpoints" / n, weights_only=True) for n in (f"best_step_{best[0]}.ckpt", "best.ckpt")
    ]
    assert all(torch.equal(value, first[1]["state_dict"][name]) for name, value in first[0]["state_dict"].items())
    assert first[0]["restorelab"]["val/psnr"] == pytest.approx(values[best[0]], abs=1e-5)


def test_a_kept_checkpoint_can_be_evaluated(whole: Path, tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", "train=false", f"ckpt={whole / 'checkpoints' / 'step_8.ckpt'}")
    assert outcome.status == "done", outcome.message


@pytest.mark.parametrize("every", ["0", "null"])
def test_a_run_that_was_cut_keeps_the_same(every: str, whole: Path, tmp_path: Path) -> None:
    """After a validation whose checkpoints may be newer than the last.ckpt that the run goes on from."""
    cut = (*HOW, f"trainer.checkpoint_every={every}")
    fail = "+callbacks.fail={_target_: runs.FailAt, batch: 11}"
    assert runs.run(tmp_path / "run", *cut, fail).status == "failed"
    assert runs.run(tmp_path / "run", *cut, "resume=true").status == "done"
    assert names(tmp_path / "run") == names(whole)
    for name in names(whole) - {"last.ckpt"}:
        a, b = (torch.load(folder / "checkpoints" / name, weights_only=True) for folder in (whole, tmp_path / "run"))
        assert all(torch.equal(value, b["state_dict"][key]) for key, value in a["state_dict"].items()), name


def test_nothing_is_removed_before_what_replaces_it_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = RunFolder(tmp_path)
    folder.best.parent.mkdir()
    kept, net = KeptCheckpoints(folder, "val/psnr", keep=2), nn.Linear(1, 1)
    kept.open()
    for step, value in enumerate([1.0, 2.0, 3.0], start=1):
        kept.validation(value, {"step": step, "val/psnr": value}, net.state_dict())
    assert names(tmp_path) == {"best.ckpt", "best_step_2.ckpt", "best_step_3.ckpt"}

    def full(*given: object) -> None:
        raise OSError("no space left on device")

    monkeypatch.setattr("restorelab.training.callbacks.kept_checkpoints.write", full)
    with pytest.raises(OSError, match="no space"):
        kept.validation(4.0, {"step": 4, "val/psnr": 4.0}, net.state_dict())
    assert names(tmp_path) == {"best.ckpt", "best_step_2.ckpt", "best_step_3.ckpt"}
    again = KeptCheckpoints(folder, "val/psnr", keep=2)
    again.open()  # of a session that knows only the files
    monkeypatch.undo()
    again.validation(2.5, {"step": 5, "val/psnr": 2.5}, net.state_dict())
    assert names(tmp_path) == {"best.ckpt", "best_step_3.ckpt", "best_step_5.ckpt"}


def test_without_validation_the_last_weights_are_the_best(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    for i in range(12):
        pixels = np.random.default_rng(i).integers(0, 255, (24, 24), dtype=np.uint8)
        Image.fromarray(pixels).save(tmp_path / "data" / f"{i}.png")
    own = (
        "data=folder",
        f"data.root={tmp_path / 'data'}",
        "data.size=24",
        "data.crop=null",
        "data.val=0",
        "data.test=2",
    )
    outcome = runs.run(tmp_path / "run", *own, "callbacks=ema", "trainer.max_epochs=1")
    assert outcome.status == "done", outcome.message
    content = torch.load(RunFolder(tmp_path / "run").last, weights_only=True)
    average = content["callbacks"]["EMA"]["average"]
    best = torch.load(RunFolder(tmp_path / "run").best, weights_only=True)
    assert all(torch.equal(value, average[f"module.{name}"]) for name, value in best["state_dict"].items())
    assert best["restorelab"]["step"] == content["global_step"]
    refused = runs.run(tmp_path / "more", *own, "trainer.keep=2")
    assert (refused.status, refused.exit_status) == ("failed", 2)
    assert "trainer.keep" in refused.message
