"""Schedules of this package, of torch and of anybody: when they are stepped, and with what."""

import math
from pathlib import Path

import numpy as np
import pytest
import torch

import runs
from restorelab.config import build
from restorelab.errors import ConfigError
from restorelab.runs import history
from restorelab.training import checks

BASE = ("trainer.max_epochs=null", "max_steps=8", "trainer.log_every=1", "optimizer.lr=1e-3")  # 6 steps an epoch


def rates(run_dir: Path) -> list[float]:
    """The rate behind each optimizer step."""
    columns = history.read(run_dir / "metrics.csv")
    kept = {step: lr for step, lr, value in zip(columns["step"], columns["lr"], columns["val/psnr"], strict=True)
            if np.isnan(value)}  # fmt: skip
    return list(kept.values())


def cosine(position: float, length: float) -> float:
    return 0.5 * (1 + math.cos(math.pi * position / length))


@pytest.mark.parametrize(
    ("overrides", "factors"),
    [
        (["scheduler=step", "scheduler.step_size=3"], [0.1 ** (s // 3) for s in range(1, 9)]),
        (["scheduler=step", "scheduler.step_size=1", "scheduler.interval=epoch"], [1.0] * 5 + [0.1] * 3),
        (["scheduler=warm_restarts", "scheduler.T_0=5"], [cosine(s % 5, 5) for s in range(1, 9)]),
        (["scheduler=constant", "+scheduler.interval=epoch", "scheduler.warmup=1"], [0.5] * 5 + [1.0] * 3),
        (["~scheduler", "+scheduler={_target_: torch.optim.lr_scheduler.ExponentialLR, _partial_: true, gamma: 0.5}"],
         [0.5**s for s in range(1, 9)]),
        (["~scheduler", "+scheduler={_target_: torch.optim.lr_scheduler.SequentialLR, _partial_: true, "
          "milestones: [4], schedulers: ["
          "{_target_: torch.optim.lr_scheduler.ConstantLR, _partial_: true, factor: 0.5}, "
          "{_target_: restorelab.training.schedulers.constant, _partial_: true}]}"], [0.5] * 3 + [1.0] * 5),
    ],
)  # fmt: skip
def test_rates_are_those_of_the_formula(overrides: list[str], factors: list[float], tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", *BASE, *overrides)
    assert outcome.status == "done", outcome.message
    assert rates(tmp_path / "run") == pytest.approx([1e-3 * factor for factor in factors], rel=1e-6)


def test_one_cycle_is_over_the_run_and_up_to_the_optimizers_rate(tmp_path: Path) -> None:
    assert runs.run(tmp_path / "run", *BASE, "scheduler=one_cycle").status == "done"
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    own = torch.optim.lr_scheduler.OneCycleLR(optimizer, max_lr=1e-3, total_steps=8)
    expected = []
    for _ in range(8):
        optimizer.step()
        own.step()
        expected.append(optimizer.param_groups[0]["lr"])
    assert rates(tmp_path / "run") == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize(
    ("monitor", "validated", "reduced"),
    [
        ("scheduler.monitor=val/psnr", "trainer.validate_steps=2", 3),  # at 4, 6, 8: a gain of 1,000 dB is none
        ("scheduler.monitor=val/loss", "trainer.validate_steps=2", 3),
        ("scheduler.monitor=train/loss", "trainer.validate_steps=2", 0),  # one whole epoch, which is the first
        ("scheduler.monitor=train/loss", "data.batch_size=24", 3),  # of 2 steps: 4 epochs
    ],
)
def test_plateau_is_stepped_when_its_monitor_is_measured(
    monitor: str, validated: str, reduced: int, tmp_path: Path
) -> None:
    mode = "max" if "psnr" in monitor else "min"
    outcome = runs.run(
        tmp_path / "run", *BASE, "scheduler=plateau", monitor, validated, f"scheduler.mode={mode}",
        "scheduler.patience=0", "scheduler.threshold=1000", "+scheduler.threshold_mode=abs",
    )  # fmt: skip
    assert outcome.status == "done", outcome.message
    last = torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)
    assert last["optimizer_states"][0]["param_groups"][0]["lr"] == pytest.approx(1e-3 * 0.5**reduced)


@pytest.mark.parametrize(
    "how", [["scheduler.monitor=train/loss", "scheduler.mode=min"], pytest.param([], marks=pytest.mark.slow)]
)
def test_a_plateau_goes_on_where_it_was_cut(how: list[str], tmp_path: Path) -> None:
    """In the middle of an epoch, whose losses so far count."""
    same = ("scheduler=plateau", "scheduler.patience=0", "scheduler.threshold=0.3", "trainer.checkpoint_every=0", *how)
    assert runs.run(tmp_path / "whole", *same).status == "done"
    fail = "+callbacks.fail={_target_: runs.FailAt, batch: 10}"
    assert runs.run(tmp_path / "cut", *same, fail).status == "failed"
    assert runs.run(tmp_path / "cut", *same, "resume=true").status == "done"
    assert (tmp_path / "cut" / "metrics.csv").read_text() == (tmp_path / "whole" / "metrics.csv").read_text()


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["scheduler=plateau", "scheduler.mode=min"], ["scheduler.mode=max", "val/psnr"]),
        (["scheduler=plateau", "scheduler.monitor=val/pnsr"], ["scheduler.monitor", "'val/psnr'"]),
        (["scheduler=plateau", "+scheduler.interval=epoch"], ["scheduler.interval", "val/psnr"]),
        (["scheduler=step", "+scheduler.monitor=val/psnr"], ["scheduler.monitor", "ReduceLROnPlateau"]),
        (["scheduler=step", "scheduler.interval=week"], ["scheduler.interval", "epoch"]),
        (["scheduler=step", "+scheduler.gama=0.5"], ["scheduler.gama", "gamma"]),
        (["~scheduler", "+scheduler={_target_: torch.optim.lr_scheduler.StepLR, _partial_: true}"], ["step_size"]),
    ],
)
def test_a_timing_that_does_not_fit_is_told_before_anything_is_read(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        checks.check_fit(build.parts(runs.composed(overrides)))
    assert all(word in str(caught.value) for word in words), caught.value


def test_a_total_of_ones_own_that_the_run_exceeds_is_refused(tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", *BASE, "scheduler=one_cycle", "+scheduler.total_steps=5")
    assert (outcome.status, outcome.exit_status) == ("failed", 2)
    assert "scheduler.total_steps=5: the run has 8" in outcome.message
