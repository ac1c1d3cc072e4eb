"""metrics.csv: a row at every few steps and at each validation, cut back to the checkpoint on resume."""

from pathlib import Path

import numpy as np
import pytest
import torch

from restorelab.errors import DataError
from restorelab.runs.history import read
from restorelab.training.callbacks.history import History
from training.callbacks import loop

NAMES = ["val/loss", "val/psnr"]


def opened(file: Path, on: object, every: int = 2, state: dict | None = None) -> tuple[History, list]:
    reported: list[tuple[dict[str, float], int]] = []
    callback = History(file, NAMES, every, lambda row, step: reported.append((row, step)))
    if state is not None:
        callback.load_state_dict(state)
    callback.on_train_start(on, loop.TASK)
    return callback, reported


def train(callback: History, on: object, losses: list[float]) -> None:
    for _ in loop.batches(callback, on, len(losses), losses):
        pass


def test_rows_are_the_mean_loss_since_the_last_row_and_what_was_measured(tmp_path: Path) -> None:
    on = loop.trainer(callback_metrics={"val/loss": torch.tensor(0.5), "val/psnr": torch.tensor(20.25)})
    callback, reported = opened(tmp_path / "m.csv", on)
    train(callback, on, [1.0, 2.0, 4.0])
    on.current_epoch = 1
    callback.on_validation_end(on, loop.TASK)
    assert (tmp_path / "m.csv").read_text().splitlines() == [
        "step,epoch,lr,train/loss,val/loss,val/psnr", "2,0,0.5,1.5,,", "3,1,0.5,4,0.5,20.25",
    ]  # fmt: skip
    assert reported == [
        ({"step": 2, "epoch": 0, "lr": 0.5, "train/loss": 1.5}, 2),
        ({"step": 3, "epoch": 1, "lr": 0.5, "train/loss": 4.0, "val/loss": 0.5, "val/psnr": 20.25}, 3),
    ]


def test_the_loss_of_a_step_is_the_mean_of_its_batches(tmp_path: Path) -> None:
    on = loop.trainer(accumulate_grad_batches=2)
    callback, _ = opened(tmp_path / "m.csv", on, every=1)
    train(callback, on, [1.0, 3.0, 5.0, 9.0])
    columns = read(tmp_path / "m.csv")
    assert (columns["step"], columns["train/loss"]) == ([1, 2], [2, 7])


def test_resumed_from_a_checkpoint_it_ends_as_if_nothing_had_happened(tmp_path: Path) -> None:
    losses = [1.0, 2.0, 4.0, 8.0, 16.0, 32.0]
    on = loop.trainer()
    train(opened(tmp_path / "whole.csv", on)[0], on, losses)
    on = loop.trainer()
    callback, _ = opened(tmp_path / "cut.csv", on)
    train(callback, on, losses[:3])
    state = callback.state_dict()  # in the middle of two rows
    train(callback, on, [100.0, 100.0])  # lost with what died
    on = loop.trainer(global_step=3)
    callback, _ = opened(tmp_path / "cut.csv", on, state=state)
    train(callback, on, losses[3:])
    assert (tmp_path / "cut.csv").read_text() == (tmp_path / "whole.csv").read_text()


def test_a_new_run_begins_the_file_anew(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("what an earlier run left\n")
    opened(tmp_path / "m.csv", loop.trainer())
    assert (tmp_path / "m.csv").read_text() == "step,epoch,lr,train/loss,val/loss,val/psnr\n"


def test_other_ranks_write_nothing(tmp_path: Path) -> None:
    on = loop.trainer(is_global_zero=False)
    callback, reported = opened(tmp_path / "m.csv", on, every=1)
    train(callback, on, [1.0])
    assert not (tmp_path / "m.csv").exists()
    assert reported == []


def test_a_line_that_is_being_written_is_not_read(tmp_path: Path) -> None:
    (tmp_path / "m.csv").write_text("step,val/psnr\n1,\n2,20.5\n3,2")
    columns = read(tmp_path / "m.csv")
    assert columns["step"] == [1, 2]
    assert np.isnan(columns["val/psnr"][0])
    assert columns["val/psnr"][1] == 20.5
    (tmp_path / "m.csv").write_text("step\nfour\n")
    with pytest.raises(DataError, match=r"m\.csv cannot be read"):
        read(tmp_path / "m.csv")
