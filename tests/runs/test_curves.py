"""Curves over the seeds of a run, and smoothed, by hand."""

import numpy as np

from restorelab.runs.curves import over_seeds, smoothed


def test_the_band_ends_where_a_seed_ends_and_lies_between_their_steps() -> None:
    long = (np.array([0.0, 10.0, 20.0, 30.0]), np.array([0.0, 10.0, 20.0, 30.0]))
    short = (np.array([5.0, 20.0]), np.array([15.0, 30.0]))
    band = over_seeds([long, short])
    assert band.steps.tolist() == [5, 10, 20]
    assert band.low.tolist() == [5, 10, 20]
    assert band.high.tolist() == [15, 20, 30]
    assert band.mean.tolist() == [10, 15, 25]


def test_seeds_without_a_step_in_common_have_no_band() -> None:
    first, second = (np.array([1.0, 2.0]), np.array([1.0, 1.0])), (np.array([3.0, 4.0]), np.array([1.0, 1.0]))
    assert not over_seeds([first, second]).steps.size


def test_a_running_mean_takes_in_what_there_is() -> None:
    values = np.array([4.0, 2.0, 6.0, 0.0])
    assert smoothed(values, 1).tolist() == values.tolist()
    assert smoothed(values, 2).tolist() == [4, 3, 4, 3]
    assert smoothed(values, 9).tolist() == [4, 3, 4, 3]
