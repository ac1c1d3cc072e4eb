"""Claims about training curves, on curves of known speed."""

import math

import numpy as np
import pytest

from restorelab.errors import ConfigError
from restorelab.judge.claims import AtStep, Change, Sooner
from restorelab.runs.record import Record, Runs
from synthetic import write


def falling(rate, steps=1000, every=50, seed=0):
    """A history whose loss halves every `rate` steps, with empty cells between the validations."""
    step = np.arange(every, steps + 1, every, dtype=float)
    loss = 0.5 ** (step / (rate * (1 + 0.02 * seed))) + 0.01
    val = np.where(step % 100 == 0, loss, math.nan)
    return {"step": step, "epoch": step * 0, "train/loss": loss, "val/loss": val, "val/accuracy": 1 - val}


def curves(folder, rates, **options):
    return Runs([
        write(folder, name, seed, {"noise": {}}, history=falling(rate, seed=seed, **options))
        for name, rate in rates.items() for seed in range(3)
    ])  # fmt: skip


def test_sooner_counts_the_steps_to_a_level(tmp_path):
    runs = curves(tmp_path, {"quick": 50, "slow": 200, "alike": 199})
    found = Sooner("f", "quick", "slow", level=0.1)(runs)
    # 0.5 ** (s / rate) + 0.01 = 0.1 at s = 3.47 rate: 174 and 695 steps, between validations every 100.
    assert found.verdict == "holds"
    quick, slow = (
        float(found.numbers.split(f"{n} ")[1].split(" steps")[0].replace(",", "")) for n in ("quick", "slow")
    )
    assert quick == pytest.approx(3.47 * 50 * 1.02, abs=20)
    assert slow == pytest.approx(3.47 * 200 * 1.02, abs=20)
    assert Sooner("f", "slow", "quick", level=0.1)(runs).verdict == "reversed"
    assert Sooner("f", "alike", "slow", level=0.1, threshold=0.2)(runs).verdict == "tie"
    assert Sooner("f", "alike", "slow", level=0.1)(runs).verdict == "undecided"
    assert Sooner("f", "quick", "slow")(runs).verdict == "holds"  # the worst last value, which both reach
    assert Sooner("f", "quick", "slow", column="val/accuracy", level=0.9)(runs).verdict == "holds"


def test_sooner_tells_who_never_got_there(tmp_path):
    runs = curves(tmp_path, {"quick": 50, "slow": 900})
    found = Sooner("f", "quick", "slow", level=0.1)(runs)
    assert found.verdict == "holds"
    assert "slow 1,000 steps" in found.numbers
    assert "3 of 6 seeds never reached it" in found.numbers
    assert "has no 'val/lost'" in Change("f", "quick", "val/lost", high=0.5)(runs).numbers


def test_curves_of_different_losses_are_not_compared(tmp_path):
    found = [
        write(tmp_path, name, seed, {"noise": {}}, history=falling(50), loss=f"restorelab.losses.{name}")
        for name in ("mse", "huber") for seed in range(3)
    ]  # fmt: skip
    assert "different functions" in Sooner("f", "mse", "huber")(Runs(found)).numbers
    assert AtStep("f", "mse", "huber", "val/loss")(Runs(found)).verdict == "not judged"


def test_at_a_step(tmp_path):
    runs = curves(tmp_path, {"quick": 50, "slow": 200})
    assert AtStep("f", "quick", "slow", "val/accuracy", step=100)(runs).verdict == "holds"
    assert AtStep("f", "slow", "quick", "val/accuracy", step=100)(runs).verdict == "reversed"
    assert AtStep("f", "slow", "quick", "train/loss")(runs).verdict == "holds"
    assert AtStep("f", "quick", "slow", "val/accuracy", step=100, threshold=0.9)(runs).verdict == "tie"
    found = AtStep("f", "quick", "slow", "val/accuracy", step=20)(runs)
    assert found.verdict == "not judged"
    assert "not measured near step 20; the nearest is 100" in found.numbers


def test_a_curve_falls_or_does_not(tmp_path):
    runs = curves(tmp_path, {"falls": 100, "stays": 1e6})
    assert Change("f", "falls", "train/loss", high=0.5)(runs).verdict == "holds"
    assert Change("f", "falls", "train/loss", start=500, high=0.5)(runs).verdict == "holds"
    assert Change("f", "falls", "train/loss", start=900, high=0.05)(runs).verdict == "reversed"
    assert Change("f", "stays", "train/loss", low=0.9)(runs).verdict == "holds"
    assert Change("f", "stays", "train/loss", high=0.9)(runs).verdict == "reversed"
    with pytest.raises(ConfigError, match="at least one of them"):
        Change("f", "falls", "train/loss")


def test_one_measurement_is_no_change_and_tells_nobody_to_be_sooner(tmp_path):
    once = {"step": [1000.0], "epoch": [0.0], "train/loss": [0.1], "val/loss": [0.1], "val/accuracy": [0.9]}
    runs = Runs([write(tmp_path, name, seed, {"noise": {}}, history=once) for name in "ab" for seed in range(3)])
    for claim in (Change("f", "a", "train/loss", low=0.9), Change("f", "a", "train/loss", high=1.1)):
        found = claim(runs)
        assert (found.verdict, found.p) == ("not judged", None)
        assert "one measurement of train/loss, at step 1,000" in found.numbers
    assert "was measured only once" in Sooner("f", "a", "b")(runs).numbers


def test_a_change_between_two_steps_needs_two_measurements(tmp_path):
    runs = curves(tmp_path, {"falls": 100})
    assert Change("f", "falls", "val/loss", start=1000, low=0.9)(runs).verdict == "not judged"  # the last one itself
    assert Change("f", "falls", "val/loss", start=960, low=0.9)(runs).verdict == "not judged"  # the same one is nearest
    assert Change("f", "falls", "val/loss", start=500, high=0.9)(runs).verdict == "holds"


def test_who_never_gets_there_or_is_there_at_once_is_not_sooner(tmp_path):
    runs = curves(tmp_path, {"quick": 50, "slow": 900, "slower": 1000})
    assert "no seed reaches it" in Sooner("f", "slow", "slower", level=0.02)(runs).numbers
    assert "at their first measurement" in Sooner("f", "quick", "slow", level=0.99)(runs).numbers
    for seed, record in enumerate(runs["slower"]):  # one seed of six gets there, at the end
        lines = (record.path / "metrics.csv").read_text().splitlines()
        last = lines[-1].split(",")
        last[3] = "0.05" if seed == 0 else last[3]
        (record.path / "metrics.csv").write_text("\n".join([*lines[:-1], ",".join(last)]) + "\n")
    found = Sooner("f", "slow", "slower", level=0.06)(Runs([Record(r.name, r.path) for n in runs for r in runs[n]]))
    assert found.verdict == "undecided"
    assert "5 of 6 seeds never reached it" in found.numbers
