"""Two runs against each other: differences that are known, ties, and runs that may not be compared."""

import numpy as np
import pytest

from restorelab.compare.significance import Verdict, against
from restorelab.errors import ConfigError, DataError
from restorelab.judge.bootstrap import Estimate, estimate, win_rate
from restorelab.runs.comparable import boards
from restorelab.runs.metric import METRICS
from restorelab.runs.record import Runs
from restorelab.runs.samples import samples
from synthetic import groups, psnr, study, write


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
