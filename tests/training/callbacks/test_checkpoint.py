"""When best.ckpt and last.ckpt are written, and what is in them."""

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from clock import Clock
from restorelab.runs.run_folder import RunFolder
from restorelab.training import run_progress
from restorelab.training.callbacks.checkpoint import Checkpoint
from restorelab.training.callbacks.kept_checkpoints import KeptCheckpoints
from restorelab.training.interruption import Interrupted, Interruption
from training.callbacks import loop


class Task:
    device = torch.device("cpu")

    def __init__(self) -> None:
        self.measured_net = nn.Linear(1, 1, bias=False)
        self.set(0.0)

    def set(self, value: float) -> None:
        with torch.no_grad():
            self.measured_net.weight.fill_(value)


@pytest.fixture
def folder(tmp_path: Path) -> RunFolder:
    found = RunFolder(tmp_path)
    found.best.parent.mkdir(parents=True)
    return found


@pytest.fixture
def on() -> Any:
    """A trainer whose whole state is its step."""
    found = loop.trainer()

    def save_checkpoint(file: Path) -> None:
        state: dict[str, Any] = {"global_step": found.global_step, "loops": {}}
        for callback in found.callbacks:
            callback.on_save_checkpoint(found, Task(), state)
        torch.save(state, file)

    found.save_checkpoint = save_checkpoint
    found.datamodule = type("Data", (), {"frozen": lambda self, part: ["a set"]})()
    found.fit_loop.state_dict = lambda: {"the": "loops"}
    return found


def started(folder: RunFolder, on: Any, task: Task, every: float | None = None, **more: Any) -> Checkpoint:
    callback = Checkpoint(folder, "val/psnr", every, Interruption(), **more)
    on.callbacks = [callback]
    callback.on_train_start(on, task)  # type: ignore[arg-type]
    return callback


def last(folder: RunFolder) -> dict[str, Any]:
    return torch.load(folder.last, weights_only=True)


def validate(callback: Checkpoint, on: Any, task: Task, psnr: float) -> None:
    on.callback_metrics = {"val/psnr": torch.tensor(psnr)}
    callback.on_validation_batch_end(on, task, None, None, 0)
    callback.on_validation_end(on, task)


def test_last_is_written_when_its_time_has_come(folder: RunFolder, on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, task = Clock(monkeypatch), Task()
    on.num_training_batches = 100
    callback = started(folder, on, task, 10.0, policy={"optimizer": "x"})
    saved = []
    for _ in loop.batches(callback, on, 12, task=task):
        saved.append(last(folder)["global_step"] if folder.last.exists() else None)
        clock.pass_by(3.0)
    assert saved == [None] * 4 + [4] * 4 + [8] * 4
    mine = last(folder)[run_progress.KEY]
    assert mine == {"steps": 12, "epochs": 0, "batches": 12, "policy": {"optimizer": "x"}}


def test_no_checkpoint_holds_half_a_step(folder: RunFolder, on: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    clock, task = Clock(monkeypatch), Task()
    on.num_training_batches, on.accumulate_grad_batches = 100, 4
    callback = started(folder, on, task, 1.0)
    for batch in loop.batches(callback, on, 4, task=task):
        assert not folder.last.exists(), batch
        clock.pass_by(2.0)
    assert last(folder)["global_step"] == 1


def test_asked_to_stop_it_writes_first(folder: RunFolder, on: Any) -> None:
    task = Task()
    on.num_training_batches = 100
    callback = started(folder, on, task)
    batches = loop.batches(callback, on, 5, task=task)
    for expected in range(3):
        assert next(batches) == expected
    callback.interruption.requested = True
    with pytest.raises(Interrupted):
        next(batches)
    assert last(folder)["global_step"] == 3


def test_at_the_end_of_an_epoch_it_is_written_and_a_wish_to_stop_is_heard(folder: RunFolder, on: Any) -> None:
    task = Task()
    callback = started(folder, on, task)
    for batch in loop.batches(callback, on, 4, task=task):
        callback.interruption.requested = batch == 3
    assert not folder.last.exists()  # the epoch's last batch leaves it to the epoch's end
    with pytest.raises(Interrupted):
        callback.on_train_epoch_end(on, task)  # type: ignore[arg-type]
    content = last(folder)
    mine = content[run_progress.KEY]
    assert (mine["steps"], mine["epochs"], mine["batches"]) == (4, 1, 0)


def test_best_holds_the_weights_that_measured_best(folder: RunFolder, on: Any) -> None:
    task = Task()
    callback = started(folder, on, task)
    for step, (weight, psnr) in enumerate([(1.0, 20.0), (2.0, 25.0), (3.0, 25.0), (4.0, 22.0)], start=1):
        on.global_step, on.current_epoch = step, step // 2
        task.set(weight)
        validate(callback, on, task, psnr)
    best = torch.load(folder.best, weights_only=True)
    assert best["restorelab"] == {"step": 2, "epoch": 1, "val/psnr": 25.0}
    assert float(best["state_dict"]["weight"]) == 2.0
    assert callback.state_dict() == {"validated": 4}


def test_the_weights_are_taken_before_another_callback_puts_others_in_their_place(folder: RunFolder, on: Any) -> None:
    task = Task()
    callback = started(folder, on, task)
    task.set(1.0)
    on.callback_metrics = {"val/psnr": torch.tensor(20.0)}
    callback.on_validation_batch_end(on, task, None, None, 0)
    task.set(2.0)
    callback.on_validation_end(on, task)
    assert float(torch.load(folder.best, weights_only=True)["state_dict"]["weight"]) == 1.0


def test_without_validation_images_the_last_weights_are_the_best(folder: RunFolder, on: Any) -> None:
    task = Task()
    callback = started(folder, on, task)
    task.set(5.0)
    on.global_step, on.datamodule.frozen = 9, lambda part: []
    callback.on_train_end(on, task)
    best = torch.load(folder.best, weights_only=True)
    assert (float(best["state_dict"]["weight"]), best["restorelab"]["step"]) == (5.0, 9)


def test_every_so_many_steps_are_kept(folder: RunFolder, on: Any) -> None:
    task = Task()
    callback = started(folder, on, task, kept=KeptCheckpoints(folder, every=3))
    for batch in loop.batches(callback, on, 7, task=task):
        task.set(batch + 1.0)
    found = {file.name: float(torch.load(file, weights_only=True)["state_dict"]["weight"])
             for file in folder.best.parent.glob("step_*")}  # fmt: skip
    assert found == {"step_3.ckpt": 3.0, "step_6.ckpt": 6.0}


def test_random_numbers_go_on_where_the_checkpoint_was_made(folder: RunFolder, on: Any) -> None:
    task, content = Task(), dict[str, Any]()
    before = torch.get_rng_state()
    try:
        torch.manual_seed(1)
        callback = started(folder, on, task)
        callback.on_save_checkpoint(on, task, content)  # type: ignore[arg-type]
        expected = torch.rand(3)
        again = Checkpoint(folder, "val/psnr", None, Interruption())
        again.on_load_checkpoint(on, task, content)  # type: ignore[arg-type]
        torch.rand(5)  # setting up draws
        again.on_train_start(on, task)  # type: ignore[arg-type]
        assert torch.equal(torch.rand(3), expected)
    finally:
        torch.set_rng_state(before)
