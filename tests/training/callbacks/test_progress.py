"""The line on the terminal and the watch: rate, loss and what was measured."""

import io
import sys

import pytest
import torch

from clock import Clock
from restorelab.training.callbacks.progress import Progress
from restorelab.training.run_status import RunStatus
from training.callbacks import loop


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def test_the_rate_counts_the_images_of_all_ranks_and_batches_of_a_step(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, watch = Clock(monkeypatch), RunStatus()
    on = loop.trainer(global_step=100, world_size=3, accumulate_grad_batches=2, current_epoch=4)
    callback = Progress(200, 4, bar=False, watch=watch)
    callback.on_train_start(on, loop.TASK)
    assert (watch.phase, watch.step, watch.steps) == ("training", 100, 200)
    for _ in loop.batches(callback, on, 4):
        clock.pass_by(0.8)
    # 2 steps of 2 batches of 4 images on 3 ranks in 3.2 s; what came before this session does not count.
    assert watch.rate == pytest.approx(2 * 2 * 4 * 3 / 3.2)
    assert (watch.epoch, watch.step) == (5, 102)


def test_a_change_of_the_rate_is_shown_within_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, on, watch = Clock(monkeypatch), loop.trainer(), RunStatus()
    callback = Progress(1000, 10, bar=False, watch=watch)
    callback.on_train_start(on, loop.TASK)
    for seconds in (1.0, 0.5):
        for _ in loop.batches(callback, on, 20):
            clock.pass_by(seconds)
        assert watch.rate == pytest.approx(10 / seconds)


def test_nothing_is_read_between_two_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    clock, on, watch = Clock(monkeypatch), loop.trainer(), RunStatus()
    callback = Progress(1000, 10, refresh=0.5, bar=False, watch=watch)
    callback.on_train_start(on, loop.TASK)
    steps = []
    for _ in loop.batches(callback, on, 8):
        steps.append(watch.step)
        clock.pass_by(0.25)
    assert steps == [0, 1, 1, 3, 3, 5, 5, 7]


def test_the_bar_shows_the_loss_of_a_step_and_the_rate(monkeypatch: pytest.MonkeyPatch) -> None:
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    on = loop.trainer(accumulate_grad_batches=2, current_epoch=2)
    callback = Progress(50, 10)
    clock = Clock(monkeypatch)
    callback.on_train_start(on, loop.TASK)
    for _ in loop.batches(callback, on, 2, [0.25, 0.75]):
        clock.pass_by(2.0)
    shown = terminal.getvalue().replace("\r", "\n").splitlines()[-1]
    callback.teardown(on, loop.TASK, "fit")
    for words in ("epoch 3", " 2%", "1/50 steps", "loss 0.75", "5 images/s"):  # 20 images in 4 s
        assert words in shown, shown


def test_what_was_measured_is_a_line_where_the_output_is_no_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    watch, metrics = RunStatus(), {"val/loss": 0.0125, "val/psnr": 25.125, "val/ssim": 0.5}
    on = loop.trainer(global_step=6, callback_metrics={name: torch.tensor(value) for name, value in metrics.items()})
    Progress(18, 4, watch=watch).on_validation_end(on, loop.TASK)
    assert capsys.readouterr().err == "epoch 1, step 6/18: val loss 0.0125, PSNR 25.12 dB, SSIM 0.5000\n"
    assert (watch.metric, watch.value) == ("val/psnr", 25.125)
    Progress(18, 4, bar=False).on_validation_end(on, loop.TASK)
    assert capsys.readouterr().err == ""
