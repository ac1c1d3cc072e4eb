"""Numbers of runs by seed: their means, why there is none, and which run has the best one."""

import math
from pathlib import Path

import numpy as np
import pytest

import synthetic
from restorelab.runs.record import Runs
from restorelab.runs.seed_values import SeedValues, average, best, best_classical, better, by_seed, same_images, top


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    """A network of two seeds, two classical baselines, the identity, and a baseline on other images."""

    def run(name: str, seed: int, psnr: float, spec: str = "s", **result: object) -> object:
        return synthetic.write(tmp_path, name, seed, {"noise": {"psnr": np.full(120, psnr)}}, spec=spec, **result)

    classical = {"parameters": 0}
    return Runs([
        run("net", 0, 30.0, seconds=10.0), run("net", 1, 31.0, seconds=20.0), run("median", 0, 24.0, **classical),
        run("median", 1, 24.0, **classical), run("tv", 0, 25.0, **classical), run("identity", 0, 40.0, **classical),
        run("elsewhere", 0, 50.0, spec="other", **classical),
    ])  # fmt: skip


def test_a_network_has_a_value_a_seed_and_a_baseline_one(runs: Runs) -> None:
    assert by_seed(runs, "net", "noise", "psnr").values == (30.0, 31.0)
    assert by_seed(runs, "median", "noise", "psnr").values == (24.0,)
    assert "net" in by_seed(runs, "nett", "noise", "psnr").why
    assert math.isnan(by_seed(runs, "nett", "noise", "psnr").mean)


def test_of_the_run_itself_equal_numbers_are_one(runs: Runs) -> None:
    assert top(runs, "net", "seconds").values == (10.0, 20.0)
    assert top(runs, "net", "parameters").values == (1000.0,)
    assert top(runs, "net", "peak_memory").why == "Run net: peak memory was not measured."


def test_the_best_classical_baseline_is_none_of_other_images_and_not_the_input(runs: Runs) -> None:
    assert best_classical(runs, "noise", "psnr", "net") == ("tv", 25.0)
    assert best_classical(runs, "noise", "psnr", "elsewhere") == ("elsewhere", 50.0)
    assert best_classical(runs, "other", "psnr", "net") is None
    assert same_images(runs, ["net", "tv", "elsewhere"], "noise") == ["net", "tv"]


def test_the_best_goes_by_the_metrics_direction_and_over_nan() -> None:
    values = {"a": 0.2, "b": 0.1, "c": math.nan}
    assert (best("psnr", values), best("mse", values), best("mse", {"c": math.nan})) == ("a", "b", None)
    assert (better("psnr", 2, 1), better("mse", 2, 1), better("psnr", math.nan, 1)) == (True, False, False)


def test_an_average_is_taken_seed_by_seed_or_says_what_lacks() -> None:
    parts = [SeedValues((1.0, 3.0)), SeedValues((5.0, 7.0))]
    assert average(parts).values == (3.0, 5.0)
    assert average(parts, [3, 1]).values == (2.0, 4.0)
    assert average([*parts, SeedValues(why="not measured")]) == SeedValues(why="not measured")
    assert average([]) == SeedValues()
