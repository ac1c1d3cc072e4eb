"""Intervals that cover what they promise, p-values that err as often as they say, and runs that may not be compared."""

import time

import numpy as np
import pytest
from scipy import stats

from restorelab.errors import DataError
from restorelab.judge.bootstrap import Estimate, estimate, holm
from restorelab.runs.samples import MetricSample
from synthetic import groups


def crossed(rng, *, seeds=3, of=40, each=1, by_seed=0.0, by_group=0.0, by_image=1.0, learned=True):
    """A run's table (seeds, images) around 0, on images whose own level is left out: a difference removes it."""
    values = (
        rng.normal(0, 1, (seeds, 1)) * by_seed
        + np.repeat(rng.normal(0, 1, of) * by_group, each)
        + rng.normal(0, by_image, (seeds, of * each))
    )
    return MetricSample("run", values, groups(of, each), learned)


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
        found = estimate([MetricSample("a", one[:, None]), MetricSample("b", other[:, None])], (1, -1), resamples=4000)
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
    pair = [MetricSample("a", v[None], names, learned=False) for v in (one, other)]
    found = estimate(pair, (1, -1), resamples=8000)
    low, high = stats.ttest_rel(one, other).confidence_interval()
    assert (found.low, found.high) == pytest.approx((low, high), abs=0.05 * (high - low))
    assert found.seeds == 1
    assert found.powered


def test_images_of_a_group_go_together():
    rng = np.random.default_rng(2)
    values = np.repeat(rng.normal(0, 1, (1, 30)), 10, axis=1) + rng.normal(0, 0.1, (3, 300))
    wide = estimate([MetricSample("a", values, groups(30, 10))], [1])
    narrow = estimate([MetricSample("a", values, [f"g{i}" for i in range(300)])], [1])
    assert wide.high - wide.low > 2 * (narrow.high - narrow.low)  # sqrt(10) = 3.2 without the noise
    assert wide.value == narrow.value
    assert (wide.images, wide.groups) == (300, 30)


def test_groups_of_different_sizes_count_by_their_images():
    sizes = [1, 1, 1, 1, 16]
    values = np.repeat([0.0, 0, 0, 0, 1.0], sizes)[None]
    found = estimate([MetricSample("a", values, list(np.repeat(list("abcde"), sizes)), learned=False)], [1])
    assert found.value == pytest.approx(0.8)
    level = estimate([MetricSample("a", np.ones((1, 20)), list(np.repeat(list("abcde"), sizes)))], [1])
    np.testing.assert_allclose(level.draws, 1)  # a mean over the images that were drawn, however many


def test_one_seed_is_told_and_leaves_the_interval_to_the_images():
    rng = np.random.default_rng(3)
    pair = [crossed(rng, seeds=1), crossed(rng, seeds=1)]
    found = estimate(pair, (1, -1))
    fixed = estimate([MetricSample("a", s.values, s.groups, learned=False) for s in pair], (1, -1))
    assert (found.seeds, found.powered) == (1, False)
    assert fixed.powered
    assert (found.low, found.high) == (fixed.low, fixed.high)


def test_what_learns_nothing_has_no_seeds_to_draw():
    rows = np.array([[1.0], [2.0], [3.0]])
    found = estimate([MetricSample("a", rows, learned=False)], [1])
    assert (found.low, found.high, found.exact) == (2, 2, True)
    assert not estimate([MetricSample("a", rows)], [1]).exact


def test_the_same_call_gives_the_same_bits_and_another_seed_others():
    rng = np.random.default_rng(4)
    pair = [crossed(rng), crossed(rng)]
    assert (estimate(pair, (1, -1)).draws == estimate(pair, (1, -1)).draws).all()
    assert (estimate(pair, (1, -1)).draws != estimate(pair, (1, -1), seed=1).draws).any()


def test_a_ratio_is_that_of_the_means_and_needs_positive_numbers():
    values = np.array([[1.0, 3.0, 2.0, 2.0]])
    pair = [MetricSample("a", 10 * values, list("abcd")), MetricSample("b", values, list("abcd"))]
    found = estimate(pair, (1, -1), log=True)
    assert np.exp(found.value) == pytest.approx(10)
    assert np.exp([found.low, found.high]) == pytest.approx([10, 10])  # proportional in every resample
    with pytest.raises(DataError, match="run b: a ratio needs positive"):
        estimate([pair[0], MetricSample("b", 0 * values, list("abcd"))], (1, -1), log=True)


def test_one_group_says_nothing_about_others():
    with pytest.raises(DataError, match="all 4 test images belong to one group"):
        estimate([MetricSample("a", np.ones((3, 4)), ["g"] * 4)], [1])


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
