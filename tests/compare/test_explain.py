"""Two runs of one network that differ in how they were measured: the steps account for all of the difference."""

from pathlib import Path

import numpy as np
import pytest

import runs
from restorelab.compare import explain
from restorelab.errors import ConfigError
from restorelab.runs.record import Record

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
    own = explain.conventions(a.config, a.evaluation("gaussian_25"))
    wanted = explain.conventions(b.config, b.evaluation("gaussian_25_unclipped"))
    measured = explain.MeasuredAnew(a, "gaussian_25")
    assert measured.psnr(own) == pytest.approx(a.metric("gaussian_25", "psnr"), abs=1e-4)
    steps = list(explain.explain(measured, own, wanted))
    assert [step.key for step in steps] == ["noise_clip", "seed", "quantize", "border"]
    assert steps[-1].psnr == pytest.approx(b.metric("gaussian_25_unclipped", "psnr"), abs=1e-4)
    assert explain.run([str(place / "a"), str(place / "b")]) == 0
    said = capsys.readouterr().out
    assert "noise clipped to [0, 1]: True -> False" in said
    assert float(said.split("unexplained")[1].split()[0]) == pytest.approx(0, abs=1e-3)


def test_pooling_averages_the_squared_error_over_all_images(place: Path) -> None:
    a = Record("a", place / "a")
    own = explain.conventions(a.config, a.evaluation("gaussian_25"))
    by_image = a.per_image("gaussian_25").columns["mse"]  # patches of one size, so that all weigh alike
    pooled = explain.MeasuredAnew(a, "gaussian_25").psnr(explain.replace(own, pooled=True))
    assert pooled == pytest.approx(float(-10 * np.log10(by_image.mean())), abs=1e-4)


def test_a_printed_number_has_the_conventions_that_are_given(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert explain.run([str(place / "a"), "published=30", "protocol=literature", "pooled=true"]) == 0
    said = capsys.readouterr().out
    for words in ("noise clipped", "rounded to 8 bits", "pooled over the set", "unexplained", "another seed"):
        assert words in said


def test_wrong_words_are_refused(place: Path) -> None:
    with pytest.raises(ConfigError, match="expected two runs"):
        explain.run([str(place / "a")])
    with pytest.raises(ConfigError, match=r"published=high: expected a PSNR"):
        explain.run([str(place / "a"), "published=high"])
    with pytest.raises(ConfigError, match="color=yuv"):
        explain.run([str(place / "a"), "published=30", "color=yuv"])
