"""Intervals that cover what they promise, p-values that err as often as they say, and runs that may not be compared."""

import time

import numpy as np
import pytest
from scipy import stats

from restorelab.compare.significance import Verdict, against
from restorelab.errors import ConfigError, DataError
from restorelab.judge.bootstrap import Estimate, estimate, holm, win_rate
from restorelab.runs.comparable import boards
from restorelab.runs.metric import METRICS
from restorelab.runs.record import Runs
from restorelab.runs.samples import Sample, samples
from synthetic import groups, psnr, study, write


def crossed(rng, *, seeds=3, of=40, each=1, by_seed=0.0, by_group=0.0, by_image=1.0, learned=True):
    """A run's table (seeds, images) around 0, on images whose own level is left out: a difference removes it."""
    values = (
        rng.normal(0, 1, (seeds, 1)) * by_seed
        + np.repeat(rng.normal(0, 1, of) * by_group, each)
        + rng.normal(0, by_image, (seeds, of * each))
    )
    return Sample("run", values, groups(of, each), learned)


CASES = {
    "seeds differ": {"by_seed": 0.3, "by_group": 0.3, "by_image": 0.3},
    "images differ": {"by_seed": 0.02, "by_group": 1.0, "by_image": 0.3},
    "both": {"by_seed": 0.1, "by_group": 0.6, "by_image": 0.3},
    "few groups": {"of": 5, "by_seed": 0.02, "by_group": 1.0, "by_image": 0.1},
    "five seeds": {"seeds": 5, "by_seed": 0.3, "by_group": 0.2, "by_image": 0.3},
    "groups of several images": {"of": 20, "each": 4, "by_seed": 0.05, "by_group": 1.0, "by_image": 0.5},
}


@pytest.mark.parametrize("case", CASES)
def test_the_interval_covers_the_truth_as_often_as_it_says(case):
    rng = np.random.default_rng(sum(map(ord, case)))
    count, covered, certain = 400, 0, 0
    for number in range(count):
        pair = [crossed(rng, **CASES[case]), crossed(rng, **{**CASES[case], "by_group": 0.0})]
        found = estimate(pair, (1, -1), resamples=400, seed=number)
        covered += found.low < 0 < found.high
        certain += min(found.p(low=0), found.p(high=0)) < 0.02
    error = np.sqrt(0.95 * 0.05 / count)
    assert 0.95 - 3 * error <= covered / count <= 0.99
    assert certain / count <= 0.02 + 3 * np.sqrt(0.02 * 0.98 / count)


def test_seeds_alone_give_the_interval_and_p_of_welchs_t_test():
    rng = np.random.default_rng(0)
    for _ in range(5):
        one, other = rng.normal(1.0, 0.3, 12), rng.normal(0.6, 0.5, 9)
        found = estimate([Sample("a", one[:, None]), Sample("b", other[:, None])], (1, -1), resamples=4000)
        welch = stats.ttest_ind(one, other, equal_var=False)
        low, high = welch.confidence_interval()
        assert found.value == pytest.approx(one.mean() - other.mean())
        assert (found.low, found.high) == pytest.approx((low, high), abs=0.06 * (high - low))
        assert min(found.p(low=0), found.p(high=0)) == pytest.approx(welch.pvalue, abs=0.015)
        assert (found.seeds, found.images, found.groups) == (9, 0, 0)


def test_images_alone_give_the_t_interval_of_their_differences():
    rng = np.random.default_rng(1)
    level = rng.normal(0, 5, 200)
    one, other = level + rng.normal(0.1, 0.5, 200), level + rng.normal(0, 0.5, 200)
    names = [f"g{i}" for i in range(200)]
    pair = [Sample("a", v[None], names, learned=False) for v in (one, other)]
    found = estimate(pair, (1, -1), resamples=8000)
    low, high = stats.ttest_rel(one, other).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05 * (high - low))
    assert found.seeds == 1
    assert found.powered


def test_images_of_a_group_go_together():
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(0, 1, (1, 30)), 10, axis=1) + rng.normal(0, 0.1, (3, 300))
    wide = estimate([Sample("a", values, groups(30, 10))], [1])
    narrow = estimate([Sample("a", values, [f"g{i}" for i in range(300)])], [1])
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)  # sqrt(10) = 3.2 without the noise
    assert wide.value == narrow.value
    assert (wide.images, wide.groups) == (300, 30)


def test_groups_of_different_sizes_count_by_their_images():
    sizes = [1, 1, 1, 1, 16]
    values = np.repeat([0.0, 0, 0, 0, 1.0], sizes)[None]
    found = estimate([Sample("a", values, list(np.repeat(list("abcde"), sizes)), learned=False)], [1])
    assert found.value == pytest.approx(0.8)
    level = estimate([Sample("a", np.ones((1, 20)), list(np.repeat(list("abcde"), sizes)))], [1])
    np.testing.assert_allclose(level.draws, 1)  # a mean over the images that were drawn, however many


def test_one_seed_is_told_and_leaves_the_interval_to_the_images():
    rng = np.random.default_rng(3)
    pair = [crossed(rng, seeds=1), crossed(rng, seeds=1)]
    found = estimate(pair, (1, -1))
    fixed = estimate([Sample("a", s.values, s.groups, learned=False) for s in pair], (1, -1))
    assert (found.seeds, found.powered) == (1, False)
    assert fixed.powered
    assert (found.low, found.high) == (fixed.low, fixed.high)


def test_what_learns_nothing_has_no_seeds_to_draw():
    rows = np.array([[1.0], [2.0], [3.0]])
    found = estimate([Sample("a", rows, learned=False)], [1])
    assert (found.low, found.high, found.exact) == (2, 2, True)
    assert not estimate([Sample("a", rows)], [1]).exact


def test_the_same_call_gives_the_same_bits_and_another_seed_others():
    rng = np.random.default_rng(4)
    pair = [crossed(rng), crossed(rng)]
    assert (estimate(pair, (1, -1)).draws == estimate(pair, (1, -1)).draws).all()
    assert (estimate(pair, (1, -1)).draws != estimate(pair, (1, -1), seed=1).draws).any()


def test_a_ratio_is_that_of_the_means_and_needs_positive_numbers():
    values = np.array([[1.0, 3.0, 2.0, 2.0]])
    pair = [Sample("a", 10 * values, list("abcd")), Sample("b", values, list("abcd"))]
    found = estimate(pair, (1, -1), log=True)
    assert np.exp(found.value) == pytest.approx(10)
    assert np.exp([found.low, found.high]) == pytest.approx([10, 10])  # proportional in every resample
    with pytest.raises(DataError, match="run b: a ratio needs positive"):
        estimate([pair[0], Sample("b", 0 * values, list("abcd"))], (1, -1), log=True)


def test_one_group_says_nothing_about_others():
    with pytest.raises(DataError, match="all 4 test images are of one group"):
        estimate([Sample("a", np.ones((3, 4)), ["g"] * 4)], [1])


def test_it_is_quick():
    rng = np.random.default_rng(5)
    pair = [crossed(rng, of=2400), crossed(rng, of=2400)]
    began = time.process_time()
    estimate(pair, (1, -1), resamples=2000)
    assert time.process_time() - began < 1.0


def test_p_is_of_the_worse_side_and_never_below_what_the_resamples_can_tell():
    draws = np.arange(1000) / 1000
    found = Estimate(0.5, draws, 3, 10, 10, powered=True, exact=False, resamples=999)
    assert found.p(low=0.1) == pytest.approx(2 * (0.101 * 999 + 1) / 1000)
    assert found.p(low=0.1, high=0.7) == found.p(high=0.7) == pytest.approx(2 * (0.3 * 999 + 1) / 1000)
    assert found.p(low=-1) == pytest.approx(0.002)
    assert found.p(low=0.9) == 1


def test_holm_by_hand():
    # Sorted 0.005, 0.01, 0.03, 0.04 times 4, 3, 2, 1 is 0.02, 0.03, 0.06, 0.04, and never falls: 0.06 twice.
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.6]) == [1.0, 1.0]
    assert holm([]) == []


def test_holm_keeps_the_error_of_a_family():
    rng = np.random.default_rng(6)
    wrong = np.mean([min(holm(rng.random(8))) < 0.05 for _ in range(4000)])
    assert wrong == pytest.approx(0.05, abs=3 * np.sqrt(0.05 * 0.95 / 4000))


def difference(runs: Runs, one: str, other: str, metric: str = "psnr") -> Estimate:
    return estimate(samples(runs, [one, other], metric, None), (1, -1), log=METRICS[metric].relative)


def wins(runs: Runs, one: str, other: str, metric: str = "psnr") -> float:
    return win_rate(*samples(runs, [one, other], metric, None), higher=METRICS[metric].higher)


def judged(runs: Runs, one: str, other: str, metric: str = "psnr") -> Verdict:
    (board,) = boards(runs, metric)
    (found,) = against(board, [other])
    return found.verdicts[one, board.decides]


def test_a_known_difference_is_found(tmp_path):
    runs = study(tmp_path, {"good": 26.0, "bad": 25.0})
    found = difference(runs, "good", "bad")
    assert found.value == pytest.approx(1.0, abs=0.3)
    assert found.low < found.value < found.high
    assert found.p(low=0) < 0.01
    assert (found.seeds, found.images, found.groups) == (3, 120, 40)
    ours, theirs = (np.mean([psnr(m, s) for s in range(3)], axis=0) for m in (26.0, 25.0))
    assert wins(runs, "good", "bad") == pytest.approx((ours > theirs).mean())
    back = difference(runs, "bad", "good")
    assert (back.value, wins(runs, "bad", "good")) == pytest.approx((-found.value, 1 - wins(runs, "good", "bad")))
    assert back.p(high=0) < 0.01
    assert judged(runs, "good", "bad").verdict == "better"
    assert judged(runs, "bad", "good").verdict == "worse"


def test_of_a_relative_metric_the_difference_is_the_logarithm_of_a_ratio(tmp_path):
    runs = study(tmp_path, {"good": 26.0, "bad": 25.0})
    means = [np.mean([10 ** (-psnr(m, s) / 10) for s in range(3)]) for m in (26.0, 25.0)]
    assert np.expm1(difference(runs, "good", "bad", "mse").value) == pytest.approx(means[0] / means[1] - 1, abs=0.01)
    found = judged(runs, "good", "bad", "mse")
    assert found.difference == pytest.approx(means[0] / means[1] - 1, abs=0.01)
    assert found.low < found.difference < found.high < 0
    assert found.win_rate > 0.9
    assert found.verdict == "better"
    assert judged(runs, "bad", "good", "mse").verdict == "worse"


@pytest.mark.parametrize(
    ("metric", "gain", "verdict"),
    [("psnr", 0.04, "tie"), ("psnr", 0.06, "better"), ("mse", 0.04, "tie"), ("mse", 0.06, "better")],
)
def test_a_difference_below_the_threshold_is_a_tie_however_sure(tmp_path, metric, gain, verdict):
    # 0.05 dB; a share of 1 % of the MSE, which is 0.044 dB.
    found = []
    for name, more in (("a", 0.0), ("b", gain)):
        level = psnr(25.0, 0) + more
        columns = {"psnr": level, "mse": 10 ** (-level / 10)}
        found += [write(tmp_path, name, seed, {"noise": columns}) for seed in range(3)]
    said = judged(Runs(found), "b", "a", metric)
    assert said.low * said.high > 0
    assert said.verdict == verdict


def test_two_seeds_are_too_few_for_a_network_but_a_filter_needs_none(tmp_path):
    runs = study(tmp_path / "a", {"good": 26.0, "bad": 25.0}, seeds=2)
    assert not difference(runs, "good", "bad").powered
    assert judged(runs, "good", "bad").verdict == "underpowered"
    both = Runs([
        *(record for found in study(tmp_path / "b", {"good": 26.0}).values() for record in found),
        write(tmp_path / "c", "median", 0, {"noise": {"psnr": psnr(25.0, 0)}}, parameters=0),
    ])  # fmt: skip
    found, said = difference(both, "good", "median"), judged(both, "good", "median")
    assert (found.powered, found.seeds) == (True, 3)
    assert (said.verdict, said.seeds) == ("better", 3)


def test_the_degraded_input_stands_beside_runs(tmp_path):
    runs = study(tmp_path, {"good": 26.0})
    gain = np.mean([psnr(26.0, s).mean() for s in range(3)]) - 15
    assert difference(runs, "good", "input").value == pytest.approx(gain, abs=1e-6)
    said = judged(runs, "good", "input")
    assert said.difference == pytest.approx(gain, abs=1e-6)
    assert said.verdict == "better"
    with pytest.raises(ConfigError, match="input has no 'loss'"):
        samples(runs, ["good", "input"], "loss", None)


def test_images_are_paired_by_id_and_not_by_row(tmp_path):
    level, of = psnr(25.0, 0), groups()
    mixed = np.random.default_rng(7).permutation(len(of))
    ids = [f"i{n}" for n in range(len(of))]
    found = [write(tmp_path, "a", seed, {"noise": {"psnr": level}}) for seed in range(3)]
    for seed in range(3):
        options = {"of": [of[i] for i in mixed], "ids": [ids[i] for i in mixed]}
        found.append(write(tmp_path, "b", seed, {"noise": {"psnr": level[mixed] - 1}}, **options))
    runs = Runs(found)
    between, said = difference(runs, "a", "b"), judged(runs, "a", "b")
    assert (between.low, between.high, wins(runs, "a", "b")) == pytest.approx((1, 1, 1))
    assert (said.low, said.high, said.win_rate) == pytest.approx((1, 1, 1))


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"spec": "other"}, "specs s-noise and other-noise differ: other test images"),
        ({"spec": "other", "entry": {"images": 7}}, "numbers of their test images differ .120 and 7"),
        ({"spec": "other", "entry": {"protocol": {"border": 4}}}, "protocols differ"),
        ({"bits": "c"}, "the set is the same .* other bits .b and c"),
    ],
)
def test_runs_measured_on_other_images_are_not_compared(tmp_path, change, reason):
    records = [write(tmp_path, "a", 0, {"noise": {}}), write(tmp_path, "b", 0, {"noise": {}}, **change)]
    with pytest.raises(DataError, match=f"a .seed 0. and b .seed 0. cannot be compared under noise: .*{reason}"):
        samples(Runs(records), ["a", "b"], "psnr", None)


def test_losses_of_two_kinds_are_not_compared(tmp_path):
    loss = {"metrics": {"test/loss": 0.1}}
    records = [
        write(tmp_path, "a", 0, {"noise": {}}, **loss),
        write(tmp_path, "b", 0, {"noise": {}}, loss="restorelab.losses.bce.BCE", **loss),
    ]
    with pytest.raises(DataError, match="different functions"):
        samples(Runs(records), ["a", "b"], "loss", None)


def test_what_is_not_a_number_is_named(tmp_path):
    values = psnr(25.0, 0)
    values[3] = np.nan
    runs = Runs([write(tmp_path, "a", 0, {"noise": {"psnr": values}}), write(tmp_path, "b", 0, {"noise": {}})])
    with pytest.raises(DataError, match=r"run a \(seed 0\): psnr is not a number for 1 of 120"):
        samples(runs, ["b", "a"], "psnr", None)
    with pytest.raises(ConfigError, match=r"psnrr.*Did you mean 'psnr'"):
        samples(runs, ["b", "a"], "psnrr", None)
    with pytest.raises(ConfigError, match="Did you mean 'noise'"):
        samples(runs, ["b", "a"], "psnr", ["noises"])
