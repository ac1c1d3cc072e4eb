"""Two runs of one network that differ in how they were measured: the steps account for all of the difference."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

import runs
from restorelab.compare import conventions, explain
from restorelab.compare.remeasured import MeasuredAnew
from restorelab.errors import ConfigError
from restorelab.runs.record import Record
from restorelab.training import execute

PLAIN = ("noise=gaussian", "trainer.max_epochs=1", "data.test=4")
A = ("evaluation=gaussian_25",)
B = ("evaluation=gaussian_25_unclipped", "protocol.quantize=true", "protocol.border=3", "eval_seed=7")


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("explained")
    for name, own in (("a", A), ("b", B)):
        outcome = runs.run(folder / name, *PLAIN, *own)
        assert outcome.status == "done", outcome.message
    return folder


def test_the_steps_lead_from_one_run_to_the_other(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Both trained alike, so that nothing is left unexplained."""
    a, b = (Record(name, place / name) for name in ("a", "b"))
    own = conventions.of_run(a.config, a.evaluation("gaussian_25"))
    wanted = conventions.of_run(b.config, b.evaluation("gaussian_25_unclipped"))
    measured = MeasuredAnew(a, "gaussian_25")
    assert measured.mean(own) == pytest.approx(a.metric("gaussian_25", "psnr"), abs=1e-4)
    steps = list(explain.explain(measured, own, wanted))
    assert [step.key for step in steps] == ["noise_clip", "seed", "quantize", "border"]
    assert steps[-1].mean == pytest.approx(b.metric("gaussian_25_unclipped", "psnr"), abs=1e-4)
    assert explain.run([str(place / "a"), str(place / "b")]) == 0
    said = capsys.readouterr().out
    assert "noise clipped to [0, 1]: True -> False" in said
    assert float(said.split("unexplained")[1].split()[0]) == pytest.approx(0, abs=1e-3)


def test_pooling_averages_the_squared_error_over_all_images(place: Path) -> None:
    a = Record("a", place / "a")
    own = conventions.of_run(a.config, a.evaluation("gaussian_25"))
    by_image = a.per_image("gaussian_25").columns["mse"]  # patches of one size, so that all weigh alike
    pooled = MeasuredAnew(a, "gaussian_25").mean(replace(own, pooled=True))
    assert pooled == pytest.approx(float(-10 * np.log10(by_image.mean())), abs=1e-4)


def test_a_printed_number_has_the_conventions_that_are_given(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.run([str(place / "a"), "published=30", "protocol=literature", "pooled=true"]) == 0
    said = capsys.readouterr().out
    for words in ("noise clipped", "rounded to 8 bits", "pooled over the set", "unexplained", "another seed"):
        assert words in said


def test_what_changed_since_a_run_was_measured_is_no_convention(
    place: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here the recorded mean, as on another machine; the step of the border is the same as without that."""
    a = Record("a", place / "a")
    own = conventions.of_run(a.config, a.evaluation("gaussian_25"))
    measured = MeasuredAnew(a, "gaussian_25")
    step = measured.mean(replace(own, border=3)) - measured.mean(own)
    monkeypatch.setattr(Record, "metric", lambda record, evaluation, name: measured.mean(own) - 1)
    assert explain.run([str(place / "a"), "published=30", "border=3", "seed=0"]) == 0
    lines = {line.partition("  ")[0].strip(): line.split()[-1] for line in capsys.readouterr().out.splitlines()}
    assert float(lines["A measured again here"]) == pytest.approx(1, abs=1e-3)
    assert float(lines["border in pixels: 0 -> 3"]) == pytest.approx(step, abs=1e-3)


def test_wrong_words_are_refused(place: Path) -> None:
    with pytest.raises(ConfigError, match="expected two runs"):
        explain.run([str(place / "a")])
    for number in ("high", "nan"):
        with pytest.raises(ConfigError, match=rf"published={number}: expected a number"):
            explain.run([str(place / "a"), f"published={number}"])
    with pytest.raises(ConfigError, match="color=yuv"):
        explain.run([str(place / "a"), "published=30", "color=yuv"])
    with pytest.raises(ConfigError, match=r"metric=sim: .*ssim"):
        explain.run([str(place / "a"), "published=30", "metric=sim"])


def test_the_window_of_ssim_has_a_step(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Of 7x7 pixels of equal weights, with sample covariances (Wang et al., TIP 2004, equation 13)."""
    a = Record("a", place / "a")
    own = conventions.of_run(a.config, a.evaluation("gaussian_25"))
    measured = MeasuredAnew(a, "gaussian_25", "ssim")
    assert measured.mean(own) == pytest.approx(a.metric("gaussian_25", "ssim"), abs=1e-5)

    def by_hand(restored: torch.Tensor, clean: torch.Tensor) -> float:
        x, y = (image[0].double().clamp(0, 1).numpy() for image in (restored, clean))
        windows = [np.lib.stride_tricks.sliding_window_view(image, (7, 7)).reshape(-1, 49) for image in (x, y)]
        mean_x, mean_y = (window.mean(axis=1) for window in windows)
        var_x, var_y = (window.var(axis=1, ddof=1) for window in windows)
        cov = ((windows[0] - mean_x[:, None]) * (windows[1] - mean_y[:, None])).sum(axis=1) / 48
        light = (2 * mean_x * mean_y + 1e-4) / (mean_x**2 + mean_y**2 + 1e-4)
        return float((light * (2 * cov + 9e-4) / (var_x + var_y + 9e-4)).mean())

    expected = np.mean([by_hand(x, y) for x, y in zip(*measured.restored(own), strict=True)])
    assert measured.mean(replace(own, ssim="uniform")) == pytest.approx(float(expected), abs=1e-6)
    assert explain.run([str(place / "a"), "metric=ssim", "published=0.8", "ssim=uniform", "seed=0"]) == 0
    said = capsys.readouterr().out
    assert f"window of SSIM: gaussian -> uniform  {expected:.5f}" in " ".join(said.split()).replace(
        " uniform ", " uniform  "
    )


def test_resizing_has_a_step(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """Bicubic enlargement, which learns nothing, of images that two kernels made smaller: all of it is explained."""
    plain = [override for override in runs.TINY if not override.startswith("model")]
    for name in ("bicubic", "avg_pool"):
        own = ["model=bicubic", "noise=none", "data.test=4", f"downsample={name}", "downsample.factor=2"]
        outcome = execute.execute(runs.composed([*plain, f"run_dir={tmp_path / name}", *own]))
        assert outcome.status == "done", outcome.message
    assert explain.run([str(tmp_path / "bicubic"), str(tmp_path / "avg_pool")]) == 0
    said = capsys.readouterr().out
    assert "resizing: Bicubic clip=True factor=2 data.size=64 by none -> AvgPool factor=2" in said
    assert float(said.split("unexplained")[1].split()[0]) == pytest.approx(0, abs=1e-3)
    target = Record("b", tmp_path / "avg_pool").metric("own", "psnr")
    assert abs(target - Record("a", tmp_path / "bicubic").metric("own", "psnr")) > 0.05
    assert explain.run([str(tmp_path / "bicubic"), f"published={target}", "downsample=avg_pool", "seed=0"]) == 0
    assert float(capsys.readouterr().out.split("unexplained")[1].split()[0]) == pytest.approx(0, abs=1e-3)
