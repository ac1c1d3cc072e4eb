"""Runs on datasets that lack a part: measured whole, trained without a test or without validation, or refused."""

import json
import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

import runs
from restorelab import load
from restorelab.training import execute

RUN = (
    "data=folder", "model=dncnn", "model.depth=3", "model.features=4", "data.batch_size=2", "data.crop=16",
    "logger=csv", "callbacks=none", "trainer.max_epochs=2", "trainer.bar=false", "trainer.accelerator=cpu", "threads=1",
)  # fmt: skip
CLASSICAL = ("data=folder", "logger=csv", "callbacks=none", "trainer.accelerator=cpu", "threads=1")


def pictures(root: Path, **counts: int) -> Path:
    for top, count in counts.items():
        (root / top).mkdir(parents=True, exist_ok=True)
        for i in range(count):
            pixels = np.random.default_rng(i + len(top)).integers(0, 256, (24, 24), np.uint8)
            Image.fromarray(pixels).save(root / top / f"{i}.png")
    return root


def run(folder: Path, root: Path, *overrides: str, base: tuple[str, ...] = RUN) -> execute.Outcome:
    return execute.execute(runs.composed([*base, f"run_dir={folder}", f"data.root={root}", *overrides]))


def result(folder: Path) -> dict:
    return json.loads((folder / "result.json").read_text())


def test_a_folder_of_test_images_is_measured_whole_by_a_method_that_learns_nothing(tmp_path: Path) -> None:
    root = pictures(tmp_path / "set", Test=5)
    outcome = run(tmp_path / "run", root, "model=identity", base=CLASSICAL)
    assert outcome.status == "done", outcome.message
    assert [entry["images"] for entry in result(tmp_path / "run")["evaluations"]] == [5]


@pytest.mark.parametrize(("overrides", "words"), [
    (["model=identity", "data.source.parts=none", "data.test=0", "data.val=0"], ["data.test=all"]),
    (["model=tv"], ["5 test", "val/", "such as model.weight=0.1"]),
    (["model=dncnn"], ["train=false", "data.source.parts=none"]),
])  # fmt: skip
def test_what_a_set_of_test_images_cannot_do_is_told(tmp_path: Path, overrides: list[str], words: list[str]) -> None:
    outcome = run(tmp_path / "run", pictures(tmp_path / "set", test=5), *overrides, base=CLASSICAL)
    assert outcome.status == "failed"
    assert all(word in outcome.message for word in words), outcome.message
    assert not (tmp_path / "run").exists()


def test_a_flat_folder_is_measured_whole_with_a_checkpoint(tmp_path: Path) -> None:
    root = pictures(tmp_path / "set", **{".": 6})
    assert run(tmp_path / "trained", root, "data.val=1", "data.test=1").status == "done"
    given = ["data.test=all", "train=false", f"ckpt={tmp_path / 'trained'}"]
    outcome = run(tmp_path / "whole", root, *given)
    assert outcome.status == "done", outcome.message
    assert [entry["images"] for entry in result(tmp_path / "whole")["evaluations"]] == [6]
    assert "data.test=all" in run(tmp_path / "none", root, "data.test=all").message
    assert "data.test=all" in run(tmp_path / "parts", pictures(tmp_path / "p", train=3), "data.test=all").message


def test_training_without_a_test_part_says_that_nothing_was_tested(tmp_path: Path) -> None:
    from restorelab.runs.find import find

    root = pictures(tmp_path / "set", train=6, valid=2)
    outcome = run(tmp_path / "runs" / "run", root, "data.test=0")
    assert outcome.status == "done", outcome.message
    assert "Nothing was tested" in outcome.message
    found = result(tmp_path / "runs" / "run")
    assert (found["evaluations"], found["metrics"]) == ([], {})
    assert found["macs_of"] == [1, 16, 16]
    assert "Nothing was tested" in (tmp_path / "runs" / "run" / "report.html").read_text()
    (left,) = find([tmp_path / "runs"]).left
    assert left.state == "not tested"


@pytest.mark.parametrize("callbacks", ["none", "ema"])
def test_training_without_validation_measures_the_last_weights(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, callbacks: str
) -> None:
    root = pictures(tmp_path / "set", train=6, test=2)
    with caplog.at_level(logging.INFO):
        outcome = run(tmp_path / "run", root, "data.val=0", f"callbacks={callbacks}")
    assert outcome.status == "done", outcome.message
    assert "no validation" in caplog.text.lower()
    assert [entry["images"] for entry in result(tmp_path / "run")["evaluations"]] == [2]
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["state_dict"]
    net = load(tmp_path / "run")
    alike = all(torch.equal(value, last[f"net.{name}"]) for name, value in net.state_dict().items())
    assert alike == (callbacks == "none")  # of averaged weights it is the average
