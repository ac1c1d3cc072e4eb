"""What a network that learns nothing is set to is chosen on validation images, each evaluation for itself."""

import logging
from pathlib import Path

import numpy as np
import pytest
import torch
from skimage import metrics, restoration
from torch import Tensor

from restorelab.data import cache
from restorelab.data.decode import Decoding
from restorelab.data.evaluation import Evaluation
from restorelab.data.frozen import FrozenSet
from restorelab.data.image_table import ImageTable
from restorelab.data.sources.photos import Photos
from restorelab.degradations.blur import Gaussian as Blur
from restorelab.degradations.noise import Gaussian, Impulse
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import ConfigError
from restorelab.metrics.protocol import Protocol
from restorelab.models.identity import Identity
from restorelab.models.median import Median
from restorelab.models.tunable import Grid, Number, Tunable
from restorelab.models.tv import TV
from restorelab.models.wiener import Wiener
from restorelab.training import tuning
from restorelab.training.tuning import tuned, wanted

PROTOCOL = Protocol()


class Gain(Tunable):
    """Multiplies; notes how many images it has seen."""

    def __init__(self, gain: float | None, grid: Grid | None = None) -> None:
        super().__init__(grid, gain=Number(gain, least=0))
        self.seen = 0

    def forward(self, degraded: Tensor) -> Tensor:
        self.seen += len(degraded)
        return degraded * self.settings["gain"]


@pytest.fixture(scope="module")
def table(tmp_path_factory: pytest.TempPathFactory) -> ImageTable:
    """Real patches of 32x32; every row of them may be made a validation or a test image."""
    folder = tmp_path_factory.mktemp("cache")
    return cache.prepare(Photos(patch=32, most=4), Decoding(1), cache_dir=folder)


def frozen(table: ImageTable, degradation: Degradation, part: str = "val", rows: object = None) -> FrozenSet:
    chosen = np.arange(0, len(table), 4) if rows is None else np.asarray(rows)
    evaluation = Evaluation("some", degradation, {"it": repr(degradation)})
    return FrozenSet(table, chosen, evaluation, part=part, seed=0, protocol=PROTOCOL.spec())


NOISY = Degradation(noise=Gaussian(30, clip=False))


def test_the_table_and_the_choice_are_scikit_images(table: ImageTable) -> None:
    """Every candidate's PSNR, by scikit-image's own denoiser and measure, and the best of them."""
    val, weights = frozen(table, NOISY), [0.02, 0.4, 2.0]
    net = TV(None, {"weight": weights})
    result = tuned(net, val, PROTOCOL, images=7)
    places = [i * len(val) // 7 for i in range(7)]
    expected = []
    for weight in weights:
        pairs = [(val.clean(p)[0].numpy(), val.image(p)[0].numpy()) for p in places]
        outputs = [np.clip(restoration.denoise_tv_chambolle(noisy, weight=weight), 0, 1) for _, noisy in pairs]
        values = [
            metrics.peak_signal_noise_ratio(clean.astype(np.float64), out.astype(np.float64), data_range=1)
            for (clean, _), out in zip(pairs, outputs, strict=True)
        ]
        expected.append(float(np.mean(values)))
    assert [one.psnr for one in result.tried] == pytest.approx(expected, abs=1e-4)
    assert [one.values for one in result.tried] == [{"weight": weight} for weight in weights]
    assert result.values == {"weight": weights[int(np.argmax(expected))]} == {"weight": 0.4}
    assert result.psnr == max(one.psnr for one in result.tried)
    assert (result.images, result.evaluation, result.edges) == (7, "some", {})
    # The network is left at the choice.
    noisy = val.image(0)[None]
    assert torch.equal(net(noisy), TV(0.4)(noisy))


def test_it_is_deterministic_and_of_equals_the_first_wins(table: ImageTable) -> None:
    val = frozen(table, NOISY)
    assert tuned(TV(None, {"weight": [0.05, 0.1]}), val, PROTOCOL) == tuned(
        TV(None, {"weight": [0.05, 0.1]}), val, PROTOCOL, batch_size=3
    )
    clean = frozen(table, Degradation())
    for grid in ([0.5, 1.0, 1.0, 2.0], [2.0, 1.0, 0.5]):
        result = tuned(Gain(None, {"gain": grid}), clean, PROTOCOL)
        assert result.values == {"gain": 1.0}
        assert result.psnr == 100  # the cap: nothing was degraded
    tie = tuned(Wiener(None, None, None, {"sigma": [0, 0.0], "balance": [0.1]}), val, PROTOCOL)
    assert tie.tried[0].psnr == tie.tried[1].psnr


def test_each_evaluation_gets_its_own(table: ImageTable) -> None:
    net = TV(None, {"weight": [0.02, 0.05, 0.1, 0.2, 0.4]})
    chosen = [
        tuned(net, frozen(table, Degradation(noise=Gaussian(s, clip=True))), PROTOCOL).values["weight"]
        for s in (10, 25, 60)
    ]
    assert chosen == sorted(set(chosen)), "more noise, more smoothing"
    assert tuned(Median(None, {"kernel": [1, 3, 5]}), frozen(table, Degradation()), PROTOCOL).values == {"kernel": 1}
    heavy = frozen(table, Degradation(noise=Impulse(0.3, clip=True)))
    assert tuned(Median(None, {"kernel": [1, 3, 5, 15]}), heavy, PROTOCOL).values["kernel"] > 1


def test_every_combination_is_tried_and_the_known_blur_is_found(table: ImageTable) -> None:
    val = frozen(table, Degradation(blur=Blur(1.0), noise=Gaussian(2, clip=False)))
    net = Wiener(None, None, None, {"sigma": [0, 0.5, 1.0, 2.0], "balance": [1e-4, 1e-3, 1e-2]})
    done: list[int] = []
    result = tuned(net, val, PROTOCOL, progress=done.append)
    assert len(result.tried) == 12 == sum(done) == tuning.combinations(net)
    assert result.values["sigma"] == 1.0
    assert len({tuple(one.values.values()) for one in result.tried}) == 12
    assert result.table().splitlines()[0] == f"some, {len(val) if len(val) < 24 else 24} validation images"
    assert result.table().count("*") == 1


def test_a_value_that_is_given_is_used_as_it_is(table: ImageTable) -> None:
    net = Wiener(None, 1.0, None, {"sigma": [0, 2], "balance": [0.01, 0.1]})
    assert wanted(net)
    assert {one.values.get("sigma") for one in tuned(net, frozen(table, NOISY), PROTOCOL).tried} == {None}
    for fixed in (TV(0.1, {"weight": [0.2]}), Median(3), Identity()):
        assert not wanted(fixed)
        assert tuning.combinations(fixed) == 0
        with pytest.raises(ValueError, match="nothing to tune"):
            tuned(fixed, frozen(table, NOISY), PROTOCOL)
    with pytest.raises(ConfigError, match="weight is not open"):
        TV(0.1).use(weight=0.2)


def test_a_network_that_is_not_tuned_yet_says_so() -> None:
    with pytest.raises(ConfigError, match=r"model.weight=null: not chosen yet"):
        TV(None, {"weight": [0.1]})(torch.rand(1, 1, 12, 12))


def test_test_images_are_never_touched(table: ImageTable, monkeypatch: pytest.MonkeyPatch) -> None:
    rows = np.arange(len(table))
    val, test = frozen(table, NOISY, rows=rows[::2]), frozen(table, NOISY, "test", rows[1::2])
    with pytest.raises(ValueError, match="nothing is chosen on test images"):
        tuned(Gain(None, {"gain": [1]}), test, PROTOCOL)
    read: list[int] = []
    original = ImageTable.clean
    monkeypatch.setattr(ImageTable, "clean", lambda self, row: read.append(int(row)) or original(self, row))
    net = Gain(None, {"gain": [0.9, 1.0, 1.1]})
    tuned(net, val, PROTOCOL, images=9)
    assert sorted(set(read)) == [int(val.rows[i * len(val) // 9]) for i in range(9)]
    assert not set(read) & set(test.rows.tolist())
    assert net.seen == 3 * 9


def test_few_images_and_none(table: ImageTable) -> None:
    net = Gain(None, {"gain": [1.0]})
    assert tuned(net, frozen(table, NOISY, rows=[3, 5]), PROTOCOL).images == 2
    with pytest.raises(ValueError, match=r"needs validation images: .* 0 are to be used"):
        tuned(net, frozen(table, NOISY), PROTOCOL, images=0)


@pytest.mark.parametrize(
    ("grid", "edge"),
    [([0.02, 0.05], "largest"), ([1.0, 2.0], "smallest"), ([0.02, 0.4, 2.0], None)],
)
def test_an_end_of_the_grid_is_warned_of(
    table: ImageTable,
    caplog: pytest.LogCaptureFixture,
    monkeypatch: pytest.MonkeyPatch,
    grid: list[float],
    edge: str | None,
) -> None:
    monkeypatch.setattr(logging.getLogger("restorelab"), "propagate", True)
    with caplog.at_level(logging.WARNING, logger="restorelab"):
        result = tuned(TV(None, {"weight": grid}), frozen(table, NOISY), PROTOCOL)
    assert result.edges == ({"weight": edge} if edge else {})
    assert (f"is the {edge} of model.grid.weight" in caplog.text) == bool(edge)
    assert bool(caplog.records) == bool(edge)


def test_the_least_that_may_be_is_no_end_of_the_grid(table: ImageTable) -> None:
    result = tuned(Median(None, {"kernel": [1, 3, 5]}), frozen(table, Degradation()), PROTOCOL)
    assert result.values == {"kernel": 1}
    assert result.edges == {}


def test_sizes_may_be_mixed_and_a_broken_candidate_loses(tmp_path: Path) -> None:
    table = cache.prepare(Photos(patch=None), Decoding(1), limit=4, cache_dir=tmp_path)
    assert len(np.unique(table.shapes, axis=0)) > 1

    class Broken(Gain):
        def forward(self, degraded: Tensor) -> Tensor:
            return degraded * self.settings["gain"] if self.settings["gain"] else degraded * float("nan")

    result = tuned(Broken(None, {"gain": [0, 1, 2]}), frozen(table, NOISY, rows=np.arange(4)), PROTOCOL)
    assert result.values == {"gain": 1}
    assert np.isnan(result.tried[0].psnr)
