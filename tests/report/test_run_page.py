"""A run's page: in words that are true of this run, with its evaluation sets and times as a reader needs them."""

import csv
import json
import re
from pathlib import Path

import pytest
import torch

import runs
from restorelab.config import composition
from restorelab.metrics.protocol import Protocol
from restorelab.report import evaluations, panels
from restorelab.report.run_page import degradation
from restorelab.training import evaluation, execute, write_results


def words(run: Path) -> str:
    """The page's text without its markup and pictures, with single blanks."""
    aside = r"<style>.*?</style>|<script>.*?</script>|<details class=.source.*?</details>|<wbr>"
    content = re.sub(aside, "", (run / "report.html").read_text(), flags=re.S)
    return " ".join(re.sub(r"<[^>]*>", " ", content).split())


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page") / "trained"
    assert runs.run(folder, "max_steps=4", "pictures=4", "evaluation=[gaussian_50,impulse_30]").status == "done"
    return folder


def test_a_trained_run_says_how_it_trained_even_where_its_rate_could_not_be_measured(done: Path) -> None:
    assert json.loads((done / "result.json").read_text())["images_per_second"] is None
    assert "training 4 optimizer steps of 8 images; too few batches to measure the rate" in words(done)


def test_evaluation_sets_are_a_table_of_words(done: Path) -> None:
    text = words(done)
    for entry in json.loads((done / "result.json").read_text())["evaluations"]:
        strength = {"gaussian_50": "noise: Gaussian, sigma 50", "impulse_30": "noise: Impulse, amount 0.3"}
        row = f"{entry['degradation']} {entry['images']} of the test set {strength[entry['degradation']]}"
        assert row in text
        assert f"{entry['spec']} {entry['bits']}" in text
    assert "{" not in text.partition("Evaluation sets")[2].partition("Configuration")[0]


def test_color_is_named_only_where_there_is_color(done: Path) -> None:
    assert "gray images" in words(done)
    assert "RGB" not in words(done)
    assert "color as RGB" in Protocol().describe(3)
    assert "BT.601" in Protocol(color="y").describe(3)
    assert "BT.601" not in Protocol(color="y").describe(1)
    assert "all 4 channels" in Protocol().describe(4)


def test_the_caption_says_how_images_were_chosen(done: Path) -> None:
    assert "the image with the most detail is shown" in words(done)


def test_an_evaluated_checkpoint_says_what_trained_it(done: Path, tmp_path: Path) -> None:
    ckpt = done / "checkpoints" / "best.ckpt"
    assert runs.run(tmp_path / "e", "train=false", "pictures=4", f"ckpt={ckpt}").status == "done"
    trained = (
        "which run dncnn-photos-gaussian (seed 0) trained on data photos, noise gaussian in 4 optimizer steps of 8"
    )
    assert f"training none here: {ckpt} is evaluated, {trained} images" in words(tmp_path / "e")


def test_what_learns_nothing_says_so(tmp_path: Path) -> None:
    rest = [*(one for one in runs.TINY if not one.startswith("model")), "pictures=4"]
    settings = composition.compose([*rest, "model=mean_color", f"run_dir={tmp_path / 'm'}"])
    assert execute.execute(settings).status == "done"
    assert "training nothing to learn" in words(tmp_path / "m")


def test_a_time_has_its_quartiles(done: Path) -> None:
    entry = json.loads((done / "result.json").read_text())["evaluations"][0]
    low, middle, high = entry["image_seconds"]
    assert 0 < low <= middle <= high
    said = f"{1000 * middle:.3g} ms an image (median batch; quartiles {1000 * low:.3g} to {1000 * high:.3g} ms)"
    assert f"restoring under gaussian_50 {said}" in words(done)


def test_panels_show_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The network of the panels is given its input as the protocol says."""
    rows: list[panels.PanelRow] = []
    draw = write_results.panel
    monkeypatch.setattr(write_results, "panel", lambda given, *rest: draw(rows.__iadd__(given), *rest))
    rest = [*(one for one in runs.TINY if not one.startswith("model")), "pictures=4"]
    own = ["data.limit=24", "data.val=2", "data.test=3", "evaluation=own", "noise.sigma=90", "noise.clip=false"]
    settings = runs.composed([*rest, *own, "model=identity", "protocol.clip_input=true", f"run_dir={tmp_path / 'r'}"])
    assert execute.execute(settings).status == "done"
    with (tmp_path / "r" / "per_image.csv").open(newline="") as stream:
        tested = [row["id"] for row in csv.DictReader(stream)]
    assert [row.title for row in rows] == tested[:4]  # of at most four images, all
    assert len({float(row.clean.double().mean()) for row in rows}) == len(rows) > 1
    assert all(float(row.degraded.max()) > 1.2 for row in rows)
    assert all(float(row.restored.max()) == 1.0 for row in rows)


def test_degradations_in_words() -> None:
    node = {"_target_": "restorelab.degradations.noise.Gaussian", "sigma": [5, 10], "clip": True, "region": None}
    stages = {"blur": {"_target_": "x.NoBlur"}, "noise": node}
    assert degradation(stages) == "noise: Gaussian, sigma [5, 10], clip true, region none"
    assert degradation({"blur": {"_target_": "x.NoBlur"}}) == "none: the images are degraded already"


@pytest.mark.parametrize(
    ("psnr", "mark"), [(20.06, "better"), (19.94, "worse"), (20.04, ""), (19.96, ""), (None, None)]
)
def test_a_gain_is_green_a_loss_is_not_and_little_is_neither(psnr: float | None, mark: str | None) -> None:
    row = evaluations.cells("gaussian_50", 3, {"test/psnr": psnr, "input/psnr": 20.0})
    assert (row["gain"].mark if "gain" in row else None) == mark


@pytest.mark.parametrize(
    ("taken", "calls"),
    [
        (0.001, 6),  # one batch is repeated until five are timed beside the first
        (0.5, 4),  # within a second there is no room for more than three
        (2.0, 2),  # 3 s hold one more, and that is no spread
    ],
)
def test_one_batch_is_repeated_for_a_spread_as_long_as_that_is_quick(
    taken: float, calls: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    now = [0.0]
    monkeypatch.setattr(evaluation.time, "perf_counter", lambda: now[0])
    seen = []

    def net(degraded: torch.Tensor) -> torch.Tensor:
        seen.append(len(degraded))
        now[0] += taken
        return degraded

    clock = evaluation._Clock(net, torch.device("cpu"))
    clock(torch.zeros(4, 1, 2, 2))
    clock.repeat()
    assert seen == [4] * calls
    spread = clock.quartiles()
    assert spread == (pytest.approx((taken / 4,) * 3) if calls > 3 else None)
    assert clock.seconds(10) == pytest.approx(10 * taken / 4)
