"""Metrics that a config adds: a column everywhere, image by image, and refused early where they cannot be measured."""

import csv
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.functional.image import (
    multiscale_structural_similarity_index_measure,
    spatial_correlation_coefficient,
    universal_image_quality_index,
    visual_information_fidelity,
)

import runs
from restorelab.config import build, metric_names
from restorelab.config.schema import conf_dir
from restorelab.errors import ConfigError
from restorelab.metrics.ms_ssim import MSSSIM
from restorelab.metrics.one_by_one import OneByOne
from restorelab.metrics.per_image import PerImage
from restorelab.metrics.protocol import Protocol
from restorelab.metrics.scc import SCC
from restorelab.metrics.uqi import UQI
from restorelab.metrics.vif import VIF
from restorelab.restoring.inference import restore
from restorelab.runs.comparable import boards
from restorelab.runs.metric import LOWER, METRICS, learn, metric_of
from restorelab.runs.record import Record, Runs
from restorelab.runs.run_identity import identity, scientific
from restorelab.training import checks


def added(kind: str, name: str = "x") -> str:
    """The override that adds a metric of torchmetrics."""
    return f"+metrics.{name}={{_target_: torchmetrics.image.{kind}}}"


VIF_BY_NAME = added("VisualInformationFidelity", "vif")


class Error(Metric):
    """A metric of a user's own that pools all images, and of which less is better."""

    full_state_update = False
    higher_is_better = False

    def __init__(self) -> None:
        super().__init__()
        self.add_state("worst", torch.zeros(()), dist_reduce_fx="max")

    def update(self, preds: Tensor, target: Tensor) -> None:
        self.worst = torch.maximum(self.worst, (preds - target).abs().max())

    def compute(self) -> Tensor:
        return self.worst


class Ratio(Metric):
    """Divides by zero in every image whose first pixel is no brighter than its last."""

    full_state_update = False
    higher_is_better = True

    def __init__(self) -> None:
        super().__init__()
        self.add_state("ratio", torch.zeros(()), dist_reduce_fx="max")

    def update(self, preds: Tensor, target: Tensor) -> None:
        rest = (target.flatten()[0] - target.flatten()[-1]).clamp_min(0)
        self.ratio = rest / rest

    def compute(self) -> Tensor:
        return self.ratio


def images(channels: int, side: int) -> tuple[Tensor, Tensor]:
    """Two smooth images in [0, 1], float64, with weak and with strong noise."""
    generator = torch.Generator().manual_seed(channels + side)
    clean = torch.nn.functional.interpolate(
        torch.rand(2, channels, 8, 8, generator=generator), size=(side, side), mode="bilinear"
    )
    noise = torch.randn(clean.shape, generator=generator) * torch.tensor([0.02, 0.1]).view(2, 1, 1, 1)
    return (clean + noise).clamp(0, 1).double(), clean.double()


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize(
    ("metric", "theirs"),
    [
        (VIF(), lambda x, y: visual_information_fidelity(255 * x, 255 * y)),
        (UQI(), universal_image_quality_index),
        (SCC(), spatial_correlation_coefficient),
    ],
    ids=["vif", "uqi", "scc"],
)
def test_a_shipped_metric_is_torchmetrics_of_each_image(metric: PerImage, theirs: Any, channels: int) -> None:
    restored, clean = images(channels, 64)
    each = [float(theirs(x, y)) for x, y in zip(restored.split(1), clean.split(1), strict=True)]
    values = metric(restored, clean)
    assert values.dtype == torch.float64
    assert values.tolist() == pytest.approx(each, rel=1e-4)
    assert each[0] > each[1] + 0.1
    assert metric.higher_is_better


def test_ms_ssim_is_torchmetrics() -> None:
    restored, clean = images(1, 192)
    each = multiscale_structural_similarity_index_measure(restored, clean, data_range=1.0, reduction="none")
    assert MSSSIM()(restored, clean).tolist() == pytest.approx(each.tolist(), rel=1e-4)
    with pytest.raises(ValueError, match="needs 176 pixels a side, the images have 64"):
        MSSSIM().each(*images(1, 64))


def test_a_pooling_metric_is_shown_one_image_at_a_time() -> None:
    restored, clean = images(3, 32)
    metric = OneByOne(Error())
    worst = (restored.float() - clean.float()).abs().amax((1, 2, 3)).double()
    assert torch.equal(metric(restored, clean), worst)
    assert torch.equal(metric.fresh(torch.device("cpu"))(restored[1:], clean[1:]), worst[1:])
    assert not metric.higher_is_better
    assert not metric.inner.sync_on_compute


def test_the_protocol_prepares_what_an_added_metric_sees() -> None:
    config = runs.composed(
        ["protocol.border=3", "protocol.quantize=true", f"+metrics.worst={{_target_: {__name__}.Error}}"]
    )
    restored, clean = images(1, 32)
    values = build.parts(config).measures(restored * 1.5, clean)
    ours, truth = Protocol(border=3, quantize=True).pair(restored * 1.5, clean)
    assert list(values) == ["psnr", "ssim", "mse", "worst"]
    torch.testing.assert_close(values["worst"], (ours - truth).abs().amax((1, 2, 3)), rtol=1e-6, atol=0)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([added("VisualInformationFidelty")], ["Did you mean 'VisualInformationFidelity'"]),
        (["metrics=vit"], ["Did you mean 'vif'"]),
        ([added("TotalVariation")], ["metrics.x", "its update takes (img: torch.Tensor)"]),
        (["+metrics.x={_target_: torch.nn.ReLU}"], ["metrics.x", "builds a ReLU", "torchmetrics.Metric"]),
        (["metrics=ms_ssim"], ["metrics.ms_ssim", "1x64x64", "176 pixels"]),
        (["metrics=vif", "protocol.border=12"], ["metrics.vif", "1x64x64", "protocol.border=12", "41x41"]),
        ([added("SpectralAngleMapper")], ["metrics.x", "channel dimension"]),
        ([added("PeakSignalNoiseRatio", "loss")], ["metrics.loss", "another name"]),
        ([added("PeakSignalNoiseRatio", "input_x")], ["metrics.input_x", "another name"]),
        (["metrics.psnr._target_=torchmetrics.image.PeakSignalNoiseRatio"], ["metrics.psnr", "+metrics.my_psnr"]),
        (["+metrics.x=3"], ["metrics.x", "_target_"]),
        (["metrics=vif", "objective=classify", "model=classifier", "data=stl10_labelled", "noise=none"],
         ["metrics.vif", "Classify"]),
    ],
)  # fmt: skip
def test_what_cannot_be_measured_is_refused_before_anything_is_read(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        checks.check_fit(build.parts(runs.composed([*overrides, "data.root=/nowhere"])))
    assert all(word in str(caught.value) for word in words), str(caught.value)


@pytest.mark.parametrize(
    "target", ["lpip.LearnedPerceptualImagePatchSimilarity", "DeepImageStructureAndTextureSimilarity"]
)
def test_a_package_that_is_missing_is_named(target: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(__import__("sys").modules, "torchvision", None)
    with pytest.raises(
        ConfigError, match=r"metrics\.x.*requires a package that is not installed.*pip install torchvision"
    ):
        checks.check_fit(build.parts(runs.composed([added(target)])))


def test_names_of_other_columns_are_taken() -> None:
    others = {name for name, metric in METRICS.items() if metric.source != "image"}
    assert others <= set(metric_names.TAKEN)
    shipped = {file.stem for file in (conf_dir() / "metrics").glob("*.yaml")} - {"default"}
    assert shipped <= METRICS.keys()


def test_an_added_metric_changes_no_identity_unless_it_is_heeded() -> None:
    plain, added = runs.composed([]), runs.composed([VIF_BY_NAME])
    assert scientific(plain) == scientific(added)
    assert "metrics" not in scientific(plain)
    plateau = ["scheduler._target_=torch.optim.lr_scheduler.ReduceLROnPlateau", "scheduler.mode=max"]
    heeded = [runs.composed([*plateau, "scheduler.monitor=val/vif", one]) for one in ("metrics=vif", VIF_BY_NAME)]
    by_psnr = [runs.composed([*plateau, "scheduler.monitor=val/psnr", one]) for one in ("metrics=vif", VIF_BY_NAME)]
    assert identity(heeded[0]) != identity(heeded[1])
    assert identity(by_psnr[0]) == identity(by_psnr[1])
    assert plain["metrics"] == metric_names.PROTOCOL


def test_a_metric_that_nobody_knew_is_learned(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("restorelab.runs.metric.METRICS", dict(METRICS))
    with pytest.raises(ConfigError, match="my_error"):
        metric_of("my_error")
    learn({"my_error": False, "psnr": True})
    with pytest.raises(ConfigError, match=r"metrics\.my_error: more of it is better in one config and less in another"):
        learn({"my_error": True})
    try:
        assert (metric_of("my_error").source, metric_of("my_error").higher) == ("image", False)
        assert "my_error" in LOWER
        assert metric_of("psnr").higher
    finally:
        LOWER.discard("my_error")


@pytest.fixture(scope="module")
def measured(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run that measures VIF, shipped, and a pooling metric, and heeds one of them."""
    folder = tmp_path_factory.mktemp("added") / "run"
    outcome = runs.run(
        folder, "metrics=[default,vif]", f"+metrics.worst={{_target_: {__name__}.Error}}", "trainer.max_epochs=2",
        "scheduler._target_=torch.optim.lr_scheduler.ReduceLROnPlateau", "scheduler.mode=min",
        "scheduler.monitor=val/worst", "pictures=1",
    )  # fmt: skip
    assert outcome.status == "done", outcome.message
    assert "VIF" in outcome.message
    return folder


def test_a_run_has_a_column_of_it_everywhere(measured: Path) -> None:
    result = json.loads((measured / "result.json").read_text())
    (entry,) = result["evaluations"]
    for part in ("test", "input"):
        assert {f"{part}/{name}" for name in ("psnr", "ssim", "mse", "vif", "worst")} <= entry["metrics"].keys()
    assert result["higher_is_better"] == {"psnr": True, "ssim": True, "mse": False, "vif": True, "worst": False}
    assert "vif" not in json.dumps(entry["protocol"])
    with (measured / "per_image.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert sum(float(row["vif"]) for row in rows) / len(rows) == pytest.approx(entry["metrics"]["test/vif"])
    with (measured / "metrics.csv").open(newline="") as stream:
        validated = [float(row["val/vif"]) for row in csv.DictReader(stream) if row["val/vif"]]
    assert len(validated) == 2
    assert "VIF" in (measured / "report.html").read_text()


def test_its_values_are_those_of_each_image_alone(measured: Path) -> None:
    record = Record("one", measured)
    (evaluation,) = record.evaluations
    net, frozen = record.net(evaluation), record.frozen(evaluation)
    found = record.per_image(evaluation)
    for place in range(3):
        with torch.inference_mode():
            restored = restore(net, frozen.image(place)[None])
        pair = Protocol().pair(restored, frozen.clean(place)[None])
        assert found.columns["vif"][place] == pytest.approx(float(VIF().each(*pair)), rel=1e-4)
        assert found.columns["worst"][place] == pytest.approx(float((pair[0] - pair[1]).abs().max()), rel=1e-4)


def test_tables_and_ranks_know_it(measured: Path) -> None:
    record = Record("one", measured)
    (board,) = boards(Runs([record]))
    assert board.metrics == ["psnr", "ssim", "mse", "vif", "worst"]
    assert metric_of("worst").higher is False


def test_an_evaluation_measures_what_its_own_config_says(measured: Path, tmp_path: Path) -> None:
    """And it may be compared: an added metric is no part of the spec."""
    ckpt = measured / "checkpoints" / "best.ckpt"
    outcome = runs.run(tmp_path / "plain", "train=false", f"ckpt={ckpt}")
    assert outcome.status == "done", outcome.message
    (entry, other) = (
        json.loads((path / "result.json").read_text())["evaluations"][0] for path in (measured, tmp_path / "plain")
    )
    assert entry["spec"] == other["spec"]
    assert entry["metrics"]["test/psnr"] == other["metrics"]["test/psnr"]
    assert "test/vif" not in other["metrics"]


def test_a_metric_that_is_no_number_for_some_images_is_named(tmp_path: Path) -> None:
    outcome = runs.run(tmp_path, "max_steps=1", f"+metrics.mine={{_target_: {__name__}.Ratio}}")
    assert outcome.status == "done"
    with (tmp_path / "per_image.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    bad = [row["id"] for row in rows if row["mine"] in ("", "nan")]
    assert 0 < len(bad) < len(rows)
    assert (
        f"mine under gaussian_50: NaN for {len(bad)} of {len(rows)} images ({bad[0]}), so it has no mean"
        in outcome.message
    )
