"""Shares of variance, against closed forms and SciPy."""

from itertools import product

import numpy as np
import pytest
from scipy import stats

from restorelab.judge.anova import decompose


def cells(shape: tuple[int, ...], value, seeds: int = 1, noise: float = 0.0) -> np.ndarray:
    random = np.random.default_rng(0)
    found = np.empty(int(np.prod(shape)), dtype=object)
    for i, place in enumerate(product(*map(range, shape))):
        found[i] = [value(*place) + noise * random.normal() for _ in range(seeds)]
    return found


def shares(found) -> dict[tuple[int, ...], float]:
    return {effect.axes: effect.share for effect in found.effects}


def test_what_adds_up_has_no_interaction() -> None:
    # Variances of 0..2 and of 0, 10: 2/3 and 25; over a grid they add.
    found = decompose(cells((3, 2), lambda a, b: a + 10 * b), (3, 2))
    assert found.total == pytest.approx(2 / 3 + 25)
    assert shares(found) == pytest.approx({(0,): (2 / 3) / found.total, (1,): 25 / found.total, (0, 1): 0})


def test_a_pure_interaction_is_one() -> None:
    found = decompose(cells((2, 2), lambda a, b: (2 * a - 1) * (2 * b - 1)), (2, 2))
    assert shares(found) == pytest.approx({(0,): 0, (1,): 0, (0, 1): 1})


def test_a_pure_interaction_of_three_is_left_as_higher() -> None:
    found = decompose(cells((2, 2, 2), lambda a, b, c: (2 * a - 1) * (2 * b - 1) * (2 * c - 1)), (2, 2, 2))
    assert found.higher == pytest.approx(1)
    assert sum(shares(found).values()) == pytest.approx(0)


def test_shares_sum_to_one_and_the_total_is_the_variance_of_a_run() -> None:
    given = cells((3, 4, 2), lambda a, b, c: a * b - c + a * c, seeds=5, noise=2.0)
    found = decompose(given, (3, 4, 2))
    assert sum(shares(found).values()) + found.higher + found.seeds == pytest.approx(1)
    assert found.total == pytest.approx(np.var(np.concatenate([np.array(cell) for cell in given])))


def test_one_key_is_scipys_analysis_of_variance() -> None:
    given = cells((4,), lambda a: 0.5 * a, seeds=6, noise=1.0)
    (effect,) = decompose(given, (4,)).effects
    assert effect.p == pytest.approx(stats.f_oneway(*given).pvalue)


def test_two_keys_have_the_f_tests_of_the_textbook() -> None:
    seeds, shape = 4, (3, 2)
    given = cells(shape, lambda a, b: 0.3 * a + 0.2 * b, seeds=seeds, noise=1.0)
    values = np.stack([np.array(cell) for cell in given]).reshape(*shape, seeds)
    mean = values.mean()
    rest = ((values - values.mean(axis=2, keepdims=True)) ** 2).sum() / (6 * (seeds - 1))
    between = seeds * shape[1] * ((values.mean(axis=(1, 2)) - mean) ** 2).sum() / (shape[0] - 1)
    both = values.mean(axis=2) - values.mean(axis=(1, 2))[:, None] - values.mean(axis=(0, 2))[None] + mean
    found = {effect.axes: effect.p for effect in decompose(given, shape).effects}
    assert found[0,] == pytest.approx(stats.f.sf(between / rest, 2, 18))
    assert found[0, 1] == pytest.approx(stats.f.sf(seeds * (both**2).sum() / 2 / rest, 2, 18))


def test_without_seeds_there_is_no_p_and_without_variance_no_share() -> None:
    assert {effect.p for effect in decompose(cells((2, 2), lambda a, b: a), (2, 2)).effects} == {None}
    found = decompose(cells((2, 2), lambda a, b: 1.0, seeds=3), (2, 2))
    assert (found.total, found.effects) == (0, [])


def test_unequal_numbers_of_seeds_count_each_combination_once() -> None:
    given = np.empty(2, dtype=object)
    given[:] = [[1.0, 3.0], [10.0]]
    found = decompose(given, (2,))
    assert found.total == pytest.approx(16 + 0.5)  # (2, 10) around 6; a variance of 1 and one of 0
    assert found.effects[0].p is None
