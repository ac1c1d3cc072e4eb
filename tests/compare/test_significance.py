"""Whether differences are real, for a whole table."""

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from scipy import stats

import folders
import synthetic
from restorelab.compare import significance
from restorelab.judge.bootstrap import estimate, holm, win_rate
from restorelab.runs.board import OVERALL, Board
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import find
from restorelab.runs.metric import METRICS
from restorelab.runs.samples import INPUT, samples


def board(folder: Path, metric: str | None = None) -> Board:
    return boards(alike(find([folder]).runs)[0], metric)[0]


def write(folder: Path, means: dict[str, float], seeds: int = 3, **options: object) -> None:
    for name, mean in means.items():
        for seed in range(seeds):
            folders.write(folder, folders.config(name, seed=seed), {"gaussian_50": mean}, place=name, **options)


def test_known_differences_are_found_and_small_ones_are_ties(tmp_path: Path) -> None:
    # The runs' means differ by 0.03 (below 0.05 dB, and its interval far from 0), 0.5 and 10 dB from the best.
    count = 1200
    own = np.random.default_rng(0).normal(0, 3, count)
    for name, gap in (("best", 0.0), ("close", -0.03), ("worse", -0.5)):
        for seed in range(3):
            noise = np.random.default_rng(seed + int(-gap * 1000)).normal(0, 0.01, count)
            values = {"psnr": 30 + own + gap + noise, "input_psnr": 20 + own}
            path = folders.write(
                tmp_path, folders.config(name, seed=seed), {"gaussian_50": 30}, place=name, count=count
            )
            _rewrite(path, values)
    found = board(tmp_path)
    (result,) = significance.against(found, ["best"])
    said = {name: verdict for (name, _), verdict in result.verdicts.items()}
    assert {name: one.verdict for name, one in said.items()} == {"close": "tie", "worse": "worse", INPUT: "worse"}
    assert -0.05 < said["close"].low < said["close"].high < 0  # a tie by its size, not for want of certainty
    assert said["worse"].difference == pytest.approx(-0.5, abs=5 * 0.01 * np.sqrt(2 / (3 * count)))
    assert said["worse"].win_rate == 0
    (other,) = significance.against(found, ["worse"])
    assert other.verdicts["best", "gaussian_50"].verdict == "better"
    assert other.verdicts["best", "gaussian_50"].difference == pytest.approx(-said["worse"].difference)


def _rewrite(path: Path, columns: dict[str, np.ndarray]) -> None:
    """Other values by image."""
    rows = [f"i{i},g{i},gaussian_50," + ",".join(f"{column[i]:.9g}" for column in columns.values())
            for i in range(len(next(iter(columns.values()))))]  # fmt: skip
    (path / "per_image.csv").write_text("\n".join([f"id,group,evaluation,{','.join(columns)}", *rows]) + "\n")


@pytest.mark.parametrize("metric", ["psnr", "mse"])
def test_it_says_what_the_two_runs_alone_say(tmp_path: Path, metric: str) -> None:
    write(tmp_path, {"a": 25, "b": 25.4, "c": 24})
    found = board(tmp_path, metric)
    (result,) = significance.against(found, [found.best or ""])
    kind = METRICS[metric]
    shown = np.expm1 if kind.relative else float
    for name in ("a", "c"):
        pair = samples(found.runs, [name, "b"], metric, ["gaussian_50"])
        alone = estimate(pair, (1, -1), log=kind.relative, resamples=20_000)
        low, high = shown(alone.low), shown(alone.high)
        ours = result.verdicts[name, "gaussian_50"]
        assert ours.difference == pytest.approx(shown(alone.value))
        assert ours.win_rate == win_rate(*pair, higher=kind.higher)
        assert (ours.seeds, ours.images, ours.groups) == (alone.seeds, alone.images, alone.groups)
        # Two Monte Carlo quantiles of 2,000 draws of a bell (its tails' quantiles have sd 2.7 sigma / sqrt(B)).
        sigma = (high - low) / (2 * 1.96)
        assert (ours.low, ours.high) == pytest.approx((low, high), abs=5 * 2.7 * sigma / np.sqrt(2000))


def test_of_many_images_and_no_seeds_it_is_students_t(tmp_path: Path) -> None:
    # Methods that learn nothing: only the images are a sample, each its own group.
    count = 900
    write(tmp_path, {"a": 25, "b": 25.02}, seeds=1, parameters=0, count=count, of=[f"g{i}" for i in range(count)])
    found = board(tmp_path)
    (result,) = significance.against(found, ["b"])
    ours = result.verdicts["a", "gaussian_50"]
    values = [found.runs[name][0].per_image("gaussian_50").columns["psnr"] for name in ("a", "b")]
    theirs = stats.ttest_rel(*values)
    ends = theirs.confidence_interval(0.95)
    sigma = (ends.high - ends.low) / (2 * 1.96)
    assert (ours.low, ours.high) == pytest.approx((ends.low, ends.high), abs=5 * 2.7 * sigma / np.sqrt(2000))
    assert ours.p == pytest.approx(theirs.pvalue, abs=5 * 2 * np.sqrt(0.25 / 2000))


def test_p_is_corrected_over_the_whole_table(tmp_path: Path) -> None:
    write(tmp_path, {"a": 25, "b": 25.06, "c": 24.97, "d": 24.94})
    (result,) = significance.against(board(tmp_path), ["a"])
    verdicts = list(result.verdicts.values())
    assert [one.corrected for one in verdicts] == pytest.approx(holm([one.p for one in verdicts]))


def test_equal_runs_are_not_called_different_in_a_table_of_many(tmp_path: Path) -> None:
    # 20 runs of one mean. Without a correction one in twenty would be called different.
    for number in range(20):
        for seed in range(3):
            own = np.random.default_rng(99).normal(0, 3, 120)
            noise = np.random.default_rng(1000 * number + seed)
            values = 25 + own + noise.normal(0, 0.3, 120) + noise.normal(0, 0.2)
            path = folders.write(tmp_path, folders.config(f"m{number}", seed=seed), {"gaussian_50": 25})
            _rewrite(path, {"psnr": values})
    (result,) = significance.against(board(tmp_path), ["m0"])
    assert {one.verdict for one in result.verdicts.values()} == {"undecided"}  # their seeds differ by 0.2 dB


@pytest.mark.slow
def test_a_large_table_can_still_decide(tmp_path: Path) -> None:
    # 2,000 draws give no p below 0.001, which 60 comparisons make 0.06: more draws are needed, and taken.
    write(tmp_path, {f"m{number}": 50 - 0.5 * number for number in range(60)})
    (result,) = significance.against(board(tmp_path), ["m0"])
    assert len(result.verdicts) == 60
    assert {one.verdict for one in result.verdicts.values()} == {"worse"}


def test_two_seeds_decide_nothing_and_have_no_corrected_p(tmp_path: Path) -> None:
    write(tmp_path, {"a": 25, "b": 20}, seeds=2)
    found = board(tmp_path)
    (result,) = significance.against(found, ["a"])
    one = result.verdicts["b", "gaussian_50"]
    assert (one.verdict, one.corrected, one.seeds) == ("underpowered", None, 2)
    assert "another training may reverse the order" in significance.summary(result, found)


def test_a_method_from_elsewhere_that_does_not_tell_its_parameters_may_have_learned(tmp_path: Path) -> None:
    write(tmp_path, {"a": 25})
    settings = {"name": "theirs", "seed": 0, "external": True}
    folders.write(tmp_path, settings, {"gaussian_50": 20}, parameters=None, macs=None)
    found = board(tmp_path)
    (result,) = significance.against(found, [found.best or ""])
    assert result.verdicts["theirs", "gaussian_50"].verdict == "underpowered"


def test_several_evaluations_are_tested_alone_and_together(tmp_path: Path) -> None:
    for name, means in (("a", (25, 30)), ("b", (26, 29)), ("c", (20, 20))):
        for seed in range(3):
            both = dict(zip(("gaussian_50", "impulse_30"), means, strict=True))
            folders.write(tmp_path, folders.config(name, seed=seed), both, place=name)
    (result,) = significance.against(board(tmp_path), ["a"])
    own = {key: one.verdict for key, one in result.verdicts.items() if key[0] != INPUT}
    assert own["b", "gaussian_50"] == "better"
    assert own["b", "impulse_30"] == "worse"
    assert [own["c", label] for label in (OVERALL, "gaussian_50", "impulse_30")] == ["worse"] * 3
    parts = [result.verdicts["b", label].difference for label in ("gaussian_50", "impulse_30")]
    assert result.verdicts["b", OVERALL].difference == pytest.approx(np.mean(parts))


def test_a_relative_metric_is_told_as_a_share(tmp_path: Path) -> None:
    write(tmp_path, {"a": 25, "b": 25 + 10 * np.log10(2)})  # half the squared error
    found = board(tmp_path, "mse")
    (result,) = significance.against(found, ["a"])
    one = result.verdicts["b", "gaussian_50"]
    means = [np.mean([r.metric("gaussian_50", "mse") for r in found.runs[name]]) for name in ("b", "a")]
    assert one.difference == pytest.approx(means[0] / means[1] - 1, rel=1e-3)
    assert one.verdict == "better"
    assert "%" in significance.difference(one, "mse")


def test_what_cannot_be_tested_says_why_and_stops_nothing(tmp_path: Path) -> None:
    write(tmp_path, {"a": 25, "b": 24, "c": 23})
    for path in tmp_path.glob("c-*/per_image.csv"):
        path.unlink()
    for path in tmp_path.glob("b-0/per_image.csv"):
        path.write_text(path.read_text().replace("i5,g1,gaussian_50,", "i5,g1,gaussian_50,nan,"))  # a cell too many
    found = board(tmp_path)
    (result,) = significance.against(found, ["a"])
    assert set(result.missing) == {"b", "c"}
    assert "per_image.csv" in result.missing["c"]
    notes = significance.table(result, found).notes
    assert sum(note.startswith("Not compared:") for note in notes) == 2


def test_images_of_one_group_are_no_sample(tmp_path: Path) -> None:
    write(tmp_path, {"a": 25, "b": 24}, of=["g"] * (synthetic.GROUPS * synthetic.EACH))
    (result,) = significance.against(board(tmp_path), ["a"])
    assert result.verdicts == {}
    assert "one group" in result.silent["gaussian_50"]
    assert "one group" in result.reason("b", "gaussian_50")


def test_the_mean_over_evaluations_is_the_tables_where_they_show_unequal_numbers_of_images(tmp_path: Path) -> None:
    for seed in range(3):
        for name, means in (("a", (30, 26)), ("b", (30.5, 25))):
            both = dict(zip(("gaussian_10", "gaussian_50"), means, strict=True))
            path = folders.write(tmp_path, folders.config(name, seed=seed), both, place=name)
            _show_fewer(path, gaussian_10=range(100), gaussian_50=range(100, 120))
    found = board(tmp_path)
    (result,) = significance.against(found, ["a"])
    verdict = result.verdicts["b", "mean of all"]
    means = {name: found.overall(name, "psnr").mean for name in ("a", "b")}
    assert verdict.difference == pytest.approx(means["b"] - means["a"])
    assert verdict.difference < 0 < result.verdicts["b", "gaussian_10"].difference
    assert verdict.win_rate > 0.5  # on most images, and behind on the few that count as much


def _show_fewer(path: Path, **shown: range) -> None:
    """Cut a run's evaluations down to some images each."""
    with (path / "per_image.csv").open() as stream:
        rows = list(csv.DictReader(stream))
    kept = [row for row in rows if int(row["id"].removeprefix("i")) in shown[row["evaluation"]]]
    with (path / "per_image.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(kept)
    result = json.loads((path / "result.json").read_text())
    for entry in result["evaluations"]:
        own = [float(row["psnr"]) for row in kept if row["evaluation"] == entry["degradation"]]
        entry["metrics"]["test/psnr"], entry["images"] = float(np.mean(own)), len(own)
    (path / "result.json").write_text(json.dumps(result))


def test_no_difference_stands_without_a_verdict(tmp_path: Path) -> None:
    write(tmp_path, {"a": 25, "b": 25.01, "c": 20})
    found = board(tmp_path)
    (result,) = significance.against(found, ["a"])
    table = significance.table(result, found)
    against = [row[1] for row in table.rows]
    assert {cell.text for cell in against} == {"undecided", "worse"}
    assert all("[" in cell.aside and "]" in cell.aside for cell in against)
    assert table.head[0:2] == ["", "gaussian_50\nagainst a"]


def test_two_references_are_tested_on_the_same_draws(tmp_path: Path) -> None:
    write(tmp_path, {"a": 25, "b": 24.5, "c": 24})
    found = board(tmp_path)
    both = significance.against(found, ["a", "b"])
    alone = significance.against(found, ["b"])[0]
    assert both[1].verdicts == alone.verdicts
    assert both[0].verdicts["b", "gaussian_50"].difference == -both[1].verdicts["a", "gaussian_50"].difference


def test_what_only_an_uncorrected_test_would_find_is_undecided() -> None:
    # Ten comparisons with p = 0.02: alone each would count, and its interval does not hold 0.
    one = significance.Verdict("a", "b", "x", 0.3, 0.1, 0.5, 0.02, None, 0.6, "better", 3, 100, 100, "seeds")
    assert {found.verdict for found in significance._corrected([one] * 10)} == {"undecided"}
    assert significance._corrected([one])[0].verdict == "better"


def test_a_wide_interval_is_undecided_and_never_a_tie(tmp_path: Path) -> None:
    # 6 dB apart, and seeds that differ by as much: nothing is known, and least of all that the two are alike.
    for name, means in (("a", (30, 24, 36)), ("b", (24, 18, 31))):
        for seed, mean in enumerate(means):
            folders.write(tmp_path, folders.config(name, seed=seed), {"gaussian_50": mean}, place=name)
    found = board(tmp_path)
    (result,) = significance.against(found, ["a"])
    one = result.verdicts["b", "gaussian_50"]
    assert one.low < -0.05 < 0.05 < one.high
    assert one.verdict == "undecided"
    assert "undecided: b" in significance.summary(result, found)
    assert "This is not a tie." in " ".join(significance.table(result, found).notes)


def test_one_seed_has_an_interval_of_the_images_alone_and_no_p(tmp_path: Path) -> None:
    write(tmp_path, {"a": 25, "b": 20}, seeds=1)
    found = board(tmp_path)
    (result,) = significance.against(found, ["a"])
    one = result.verdicts["b", "gaussian_50"]
    assert (one.verdict, one.p, one.corrected, one.over) == ("underpowered", None, None, "groups of images")
    notes = " ".join(significance.table(result, found).notes)
    assert "bootstrap over groups of images (" in notes
    assert "covers the images alone and says nothing about another training" in notes
    assert "Holm" not in notes.replace("after Holm's correction, and the difference", "")
