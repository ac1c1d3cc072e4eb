"""What the best of a search have in common, against closed forms, chance and Optuna."""

from math import comb

import numpy as np
import pytest

from restorelab.judge import divergence as ped


def test_two_categories_by_hand() -> None:
    # 4 a and 4 b; the best two are both a: sum of 1/2 (2 - 1)^2 and 1/2 (0 - 1)^2 is 1, by chance (2 - 1) / 2 * 6 / 7.
    best = np.array([True, True] + [False] * 6)
    found = ped.divergence(list("aaaabbbb"), best)
    assert found.value == pytest.approx(1 - 3 / 7)
    exact = 2 * comb(4, 2) / comb(8, 2)
    assert found.p == pytest.approx(exact, abs=5 * np.sqrt(exact * (1 - exact) / ped.DRAWS))


def test_chance_is_what_is_taken_off() -> None:
    # Before it is cut at 0 the value is right on average: compare with the raw one over random choices of the best.
    random, sizes, draws = np.random.default_rng(0), np.array([13, 12, 12, 13]), 20_000
    counts = random.multivariate_hypergeometric(sizes, 12, size=draws)
    raw = ped._pearson(counts, sizes)
    expected = (4 - 1) / 12 * (50 - 12) / (50 - 1)
    assert raw.mean() == pytest.approx(expected, abs=5 * raw.std() / np.sqrt(draws))


@pytest.mark.slow
def test_p_is_uniform_where_nothing_matters() -> None:
    random = np.random.default_rng(1)
    found = []
    for trial in range(300):
        best = np.zeros(40, dtype=bool)
        best[random.choice(40, 10, replace=False)] = True
        found.append(ped.divergence(random.normal(size=40).tolist(), best, seed=trial).p)
    share = np.mean(np.array(found) < 0.1)
    assert share <= 0.1 + 4 * np.sqrt(0.1 * 0.9 / 300)  # p of a discrete statistic may be too large, not too small


def test_a_monotone_scale_changes_nothing() -> None:
    random = np.random.default_rng(2)
    values = random.uniform(-4, -2, 60)
    best = np.argsort(np.argsort(np.abs(values + 3))) < 15
    linear, logarithmic = (ped.divergence(list(map(float, one)), best) for one in (10**values, values))
    assert linear == logarithmic
    assert linear.p < 0.01


def test_numbers_with_few_values_are_their_own_bins_and_equal_ones_stay_together() -> None:
    assert ped.binned([8, 16, 8, 32]).tolist() == [2, 0, 2, 1]  # by their text: an order is not needed
    codes = ped.binned([1.0] * 10 + [2.0, 3.0, 4.0, 5.0, 6.0])
    assert len(set(codes[:10].tolist())) == 1
    assert max(ped.binned(list(map(float, range(100))))) == 3
    assert np.bincount(ped.binned(list(map(float, range(100))))).tolist() == [25, 25, 25, 25]


def test_what_matters_matters_to_optuna_too() -> None:
    optuna = pytest.importorskip("optuna")
    optuna.logging.set_verbosity(optuna.logging.ERROR)
    random = np.random.default_rng(3)
    space = {f"x{i}": optuna.distributions.FloatDistribution(0, 1) for i in range(4)}
    points = random.uniform(size=(80, 4))
    values = -((points[:, 0] - 0.3) ** 2) - 0.1 * (points[:, 2] - 0.5) ** 2
    study = optuna.create_study(direction="maximize")
    for point, value in zip(points, values, strict=True):
        params = dict(zip(space, map(float, point), strict=True))
        study.add_trial(optuna.trial.create_trial(params=params, distributions=space, value=float(value)))
    evaluator = optuna.importance.PedAnovaImportanceEvaluator()
    theirs = optuna.importance.get_param_importances(study, evaluator=evaluator)
    best = values >= np.quantile(values, 0.75)
    ours = {name: ped.divergence(points[:, i].tolist(), best) for i, name in enumerate(space)}
    assert max(ours, key=lambda name: ours[name].value) == max(theirs, key=theirs.__getitem__) == "x0"
    assert ours["x0"].p < 0.001
    assert min(ours["x1"].p, ours["x3"].p) > 0.01


def test_one_value_or_nothing_to_choose_says_nothing() -> None:
    assert ped.divergence(["a"] * 4, np.array([True, False, False, False])) == ped.Divergence(0.0, 1.0)
    assert ped.divergence(["a", "b"], np.array([True, True])) == ped.Divergence(0.0, 1.0)
