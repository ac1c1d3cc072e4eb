"""Which keys mattered, by validation."""

from pathlib import Path

import numpy as np
import pytest

import folders
from restorelab.compare import key_importance
from restorelab.judge import importance
from restorelab.runs import naming
from restorelab.runs.find import find


def grid(folder: Path, seeds: int = 2, effect: float = 1.0) -> None:
    for width in (8, 16, 32):
        for lr in (0.1, 0.01):
            for seed in range(seeds):
                value = 25 + effect * {8: 0, 16: 1, 32: 2}[width] + 0.01 * seed
                settings = folders.config(seed=seed, model__width=width, optimizer__lr=lr)
                # The test set says the opposite: it must have no say.
                folders.write(folder, settings, {"gaussian_50": 60 - value}, history=folders.curve(value))


def test_on_a_grid_the_key_that_moves_it_explains_it(tmp_path: Path) -> None:
    grid(tmp_path)
    found = key_importance.shown(find([tmp_path]).runs, "psnr")
    (bars,) = found.charts
    shares = {bar.label: bar.value for bar in bars.bars}
    assert set(shares) == {"width", "lr", "width x lr", "seed"}
    assert shares["width"] > 99.9
    assert shares["lr"] == pytest.approx(0, abs=1e-9)
    row = next(row for row in found.tables[0].rows if row[0].text == "width")
    assert (row[3].text, row[4].value) == ("32", pytest.approx(27.005))
    assert row[5].value == pytest.approx(2)


def test_of_an_error_the_least_is_the_best(tmp_path: Path) -> None:
    for lr, value in ((0.1, 0.02), (0.01, 0.01)):
        history = folders.curve(25) | {"val/mse": [1.0, 1.0, value, 1.0, 1.0]}
        folders.write(tmp_path, folders.config(optimizer__lr=lr), {"gaussian_50": 25}, history=history)
    (table,) = key_importance.shown(find([tmp_path]).runs, "mse").tables
    assert (table.rows[0][3].text, table.rows[0][4].value) == ("0.01", 0.01)


def search(folder: Path, count: int = 40) -> np.ndarray:
    random = np.random.default_rng(0)
    rates = 10 ** random.uniform(-5, -1, count)
    for rate, width in zip(rates, random.choice([8, 16, 32], count), strict=True):
        value = 25 - abs(np.log10(rate) + 3)
        settings = folders.config(optimizer__lr=float(rate), model__width=int(width))
        folders.write(folder, settings, {"gaussian_50": 25}, history=folders.curve(float(value)))
    return rates


def test_in_a_search_the_key_that_the_best_agree_on_leads(tmp_path: Path) -> None:
    rates = search(tmp_path)
    found = key_importance.shown(find([tmp_path]).runs, "psnr")
    rows = {row[0].text: row for row in found.tables[0].rows}
    assert list(rows) == ["lr", "width"]
    assert rows["lr"][2].value < 0.001
    assert rows["width"][2].value > 0.01
    low, high = map(float, rows["lr"][3].text.split(" to "))
    best = np.sort(np.abs(np.log10(rates) + 3))[9]
    assert -3 - best <= np.log10(low) < -3 < np.log10(high) <= -3 + best
    assert "PED-ANOVA" in found.charts[0].caption


def test_pruned_runs_count_by_their_best_so_far(tmp_path: Path) -> None:
    search(tmp_path / "done", 24)
    pruned = [folders.write(tmp_path / "pruned", folders.config(seed=9, optimizer__lr=0.5 + i / 10),
                            {"gaussian_50": 1}, history=folders.curve(5.0)) for i in range(6)]  # fmt: skip
    for path in pruned:
        (path / "result.json").unlink()
    found = key_importance.shown(find([tmp_path / "done"]).runs, "psnr", pruned)
    assert "6 of them were pruned" in found.charts[0].caption
    assert "of 30 configs" in found.charts[0].caption


def test_a_pruned_run_has_no_say_in_a_grid(tmp_path: Path) -> None:
    grid(tmp_path / "done")
    pruned = folders.write(tmp_path / "pruned", folders.config(seed=7, model__width=8, optimizer__lr=0.1),
                           {"gaussian_50": 1}, history=folders.curve(5.0))  # fmt: skip
    (pruned / "result.json").unlink()
    runs = find([tmp_path / "done"]).runs
    with_it, without = (key_importance.shown(runs, "psnr", paths) for paths in ([pruned], []))
    assert with_it.charts == without.charts
    assert with_it.tables == without.tables


def test_too_few_of_either_says_so(tmp_path: Path) -> None:
    grid(tmp_path)
    for path in list(tmp_path.glob("run0-*")) + list(tmp_path.glob("run1-*")):
        (path / "metrics.csv").unlink()
    (reason,) = key_importance.shown(find([tmp_path]).runs, "psnr").text
    assert "not a full grid" in reason


def test_runs_of_one_config_and_runs_without_curves_say_so(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config(), {"gaussian_50": 25})
    found = key_importance.shown(find([tmp_path]).runs, "psnr")
    assert (found.charts, found.tables) == ([], [])
    assert "No two trained runs" in found.text[0]


def test_runs_validated_on_other_images_are_no_levels_of_a_key(tmp_path: Path) -> None:
    grid(tmp_path)
    settings = folders.config(split_seed=3, model__width=64)
    folders.write(tmp_path, settings, {"gaussian_50": 25}, history=folders.curve(99.0))
    (table,) = key_importance.shown(find([tmp_path]).runs, "psnr").tables
    assert "6 combinations" in table.notes[0]


def test_what_an_option_brings_along_is_no_key_of_its_own() -> None:
    configs = [naming.flat(folders.config(model, optimizer__lr=lr, model__width=width))
               for model, width in (("ae", 8), ("dual_ae", 16)) for lr in (0.1, 0.01)]  # fmt: skip
    assert importance.factors(configs) == ["model", "optimizer.lr"]


def test_two_keys_that_are_always_equal_are_one_and_two_free_ones_are_two() -> None:
    random = np.random.default_rng(0)
    configs = []
    for lr, width in random.uniform(size=(30, 2)).tolist():
        config = folders.config(optimizer__lr=lr, model__width=width)
        config["objective"]["lr"] = lr
        configs.append(naming.flat(config))
    assert set(importance.factors(configs)) == {"model.width", "optimizer.lr"} or set(
        importance.factors(configs)) == {"model.width", "objective.lr"}  # fmt: skip


def test_seeds_of_one_config_are_no_further_tries(tmp_path: Path) -> None:
    # 7 configs, hand-picked, of 3 seeds each: 21 runs, but no search of 20.
    for place in range(7):
        for seed in range(3):
            settings = folders.config(seed=seed, model__width=place, optimizer__lr=0.1 * (place % 3))
            folders.write(tmp_path, settings, {"gaussian_50": 25}, history=folders.curve(25.0 + place))
    found = key_importance.shown(find([tmp_path]).runs, "psnr")
    assert found.charts == []
    assert "not a full grid" in found.text[0]
