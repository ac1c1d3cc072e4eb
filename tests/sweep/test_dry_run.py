"""What `dry=true` shows: costs by hand, times from runs whose seconds are known, and nothing where nothing is known."""

import json
import platform
import time
from pathlib import Path
from typing import Any

import pytest

import runs
from restorelab import duration
from restorelab.config import build
from restorelab.errors import DataError
from restorelab.sweep import dry_run, eta, expand, grid
from restorelab.sweep.planned import Planned
from restorelab.training import execute

REST = [o for o in runs.TINY if not o.startswith(("model", "trainer.max_epochs"))]
DNCNN = ["model=dncnn", "model.depth=3", "model.features=4"]


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def planned(*overrides: str, folder: str = "runs/sweeps/x") -> list[Planned]:
    return expand.plan(grid.expand([*REST, *overrides]), Path(folder))


def finish(
    one: Planned,
    *,
    seconds: float,
    rate: float | None,
    evaluations: float,
    rows: list[tuple[int, int, bool]],
    **more: Any,
) -> None:
    """Leave what a run leaves that took `seconds`. rows: (step, epoch, validated) of its metrics.csv."""
    one.folder.mkdir(parents=True)
    (one.folder / "config.yaml").write_text(json.dumps(one.settings))  # which is YAML too, and sooner written
    text = [f"{step},{epoch},0.1,0.5,{'20.0' if validated else ''}" for step, epoch, validated in rows]
    (one.folder / "metrics.csv").write_text("\n".join(["step,epoch,lr,train/loss,val/psnr", *text, ""]))
    result = {
        "model": one.settings["choices"]["model"], "seconds": seconds, "images_per_second": rate,
        "evaluations": [{"seconds": evaluations / len(one.settings["evaluation"])}] * len(one.settings["evaluation"]),
    } | more  # fmt: skip
    (one.folder / "result.json").write_text(json.dumps(result))


def times(made: list[Planned], *, trains: bool = True) -> list[float | None]:
    return [one and one.seconds for one in eta.expected(made, [trains] * len(made))]


def test_parameters_and_macs_are_those_of_each_network_on_its_images() -> None:
    made = planned(*DNCNN, "data.size=16,32", "noise=gaussian,impulse", "seed=0,1")
    # 1x3x3x4 + 4, 4x3x3x4 + 2x4, 4x3x3x1 + 1: 229 parameters; without biases and normalization 216 MACs a pixel
    costs = [(cost.parameters, cost.macs, cost.trains) for cost in dry_run.costs_of(made)]
    assert costs == [(229, 216 * side**2, True) for side in (16, 32) for _ in range(4)]
    (median,) = dry_run.costs_of(planned("model=median"))
    assert (median.parameters, median.macs, median.trains) == (0, None, False)
    evaluation = runs.composed([*REST, *DNCNN, "train=false", "run_dir=runs/a/b"])
    (evaluated,) = dry_run.costs_of([Planned("a", 0, evaluation)])
    assert (evaluated.parameters, evaluated.trains) == (229, False)
    (small,) = dry_run.costs_of(planned("model=identity", "model.scale=2", "downsample=avg_pool"))
    assert small.parameters == 0


@pytest.mark.slow
def test_equal_networks_are_counted_once(monkeypatch: pytest.MonkeyPatch) -> None:
    made = planned(*DNCNN, "data.size=16,32", "noise=gaussian,impulse,poisson", "seed=range(5)")
    built: list[str] = []
    original = build.make
    monkeypatch.setattr(build, "make", lambda path, node: built.append(path) or original(path, node))
    dry_run.costs_of(made)
    assert built.count("model") == 2


def test_of_what_nothing_is_known_nothing_is_said() -> None:
    made = planned(*DNCNN, "seed=0,1", "max_steps=10")
    text = dry_run.listing(made)
    assert text.splitlines()[1].split()[-4:-1] == ["?", "to", "do"]
    assert "time: ?; no finished run" in text
    assert not Path("runs").exists()


def test_a_run_like_a_finished_one_takes_as_long() -> None:
    first, second = planned(*DNCNN, "seed=0,1", "trainer.max_epochs=2")
    rows = [(6, 0, True), (10, 1, False), (12, 1, True)]
    finish(first, seconds=50.0, rate=8.0, evaluations=10.0, rows=rows)
    # 12 steps of 8 images at 8 images/s are 12 s; 10 s of evaluation; 28 s in between for two validations
    assert times([second]) == pytest.approx([50.0])


@pytest.mark.slow
def test_steps_validations_and_evaluations_are_scaled_each_by_its_own() -> None:
    (first,) = planned(*DNCNN, "trainer.max_epochs=2")
    finish(first, seconds=50.0, rate=8.0, evaluations=10.0, rows=[(6, 0, True), (12, 1, True)])
    (longer,) = planned(*DNCNN, "trainer.max_epochs=10", "seed=1")
    assert times([longer]) == pytest.approx([60 + 5 * 28 + 10.0])
    (cut,) = planned(*DNCNN, "trainer.max_epochs=10", "max_steps=18")
    assert times([cut]) == pytest.approx([18 + 1.5 * 28 + 10.0])
    (capped,) = planned(*DNCNN, "trainer.max_epochs=2", "max_steps=1000")  # 12 steps are in two epochs
    assert times([capped]) == pytest.approx([50.0])
    (limited,) = planned(*DNCNN, "trainer.max_epochs=10", "max_time=00:00:30")
    assert times([limited]) == pytest.approx([30 + 10.0])
    (rarely,) = planned(*DNCNN, "trainer.max_epochs=10", "trainer.validate_steps=20")
    assert times([rarely]) == pytest.approx([60 + 3 / 2 * 28 + 10.0])
    (crossed,) = planned(*DNCNN, "trainer.max_epochs=2", "evaluation=four_noises")
    assert times([crossed]) == pytest.approx([12 + 28 + 4 * 10.0])


def test_where_steps_an_epoch_are_unknown_only_steps_tell() -> None:
    (first,) = planned(*DNCNN, "max_steps=4")
    finish(first, seconds=20.0, rate=8.0, evaluations=6.0, rows=[(4, 0, True)])  # it ended within its first epoch
    assert times(planned(*DNCNN, "trainer.max_epochs=3")) == [None]
    assert times(planned(*DNCNN, "max_steps=8")) == pytest.approx([8 + 10 + 6.0])


def test_an_epoch_of_several_noises_is_no_epoch_of_one() -> None:
    (first,) = planned(*DNCNN, "trainer.max_epochs=2")
    finish(first, seconds=50.0, rate=8.0, evaluations=10.0, rows=[(6, 0, True), (12, 1, True)])
    assert times(planned(*DNCNN, "trainer.max_epochs=2", "noise=impulse")) == pytest.approx([50.0])
    assert times(planned(*DNCNN, "trainer.max_epochs=2", "noise=each")) == [None]


def test_a_run_too_short_to_have_a_rate_is_scaled_whole() -> None:
    (first,) = planned(*DNCNN, "max_steps=4")
    finish(first, seconds=20.0, rate=None, evaluations=6.0, rows=[(4, 0, True)])
    assert times(planned(*DNCNN, "max_steps=8")) == pytest.approx([2 * 14 + 6.0])


@pytest.mark.slow
def test_the_nearest_runs_tell_and_the_summary_says_which() -> None:
    alike, related, _ = planned(*DNCNN, "noise=gaussian,impulse,poisson", "max_steps=4", "seed=0")
    for one, seconds in ((alike, 20.0), (related, 40.0)):
        finish(one, seconds=seconds, rate=8.0, evaluations=6.0, rows=[(4, 0, True)])
    again = planned(*DNCNN, "noise=gaussian,impulse,poisson", "max_steps=4", "seed=1")
    assert times(again) == pytest.approx([20.0, 40.0, 30.0])  # of another noise both tell: their median
    text = dry_run.listing([alike, *again], workers=2)
    assert "4 runs, 1 done" in text
    assert "time: 1 min 30 s of work, 45 s with 2 at a time" in text
    assert "2 as finished runs of the same model, data, degradation, loss and threads took" in text
    assert "1 as finished runs of the same model and data took" in text
    assert times(planned("model=dncnn", "model.depth=4", "max_steps=4")) == [None]
    assert times(planned(*DNCNN, "data.size=32", "max_steps=4")) == [None]
    assert times(planned(*DNCNN, "data.batch_size=4", "max_steps=4")) == [None]
    assert times(planned(*DNCNN, "trainer.precision=bf16-mixed", "max_steps=4")) == [None]


@pytest.mark.parametrize("folder", ["runs/some_study", "runs/sweeps/another"])
def test_runs_of_other_sweeps_and_studies_tell_too(folder: str) -> None:
    (first,) = planned(*DNCNN, "max_steps=4", folder=folder)
    finish(first, seconds=20.0, rate=8.0, evaluations=6.0, rows=[(4, 0, True)])
    assert times(planned(*DNCNN, "max_steps=4", "seed=1")) == pytest.approx([20.0])


def test_another_machines_run_and_a_damaged_one_tell_nothing() -> None:
    first, second, third, fourth = planned(*DNCNN, "max_steps=4", "seed=range(4)")
    facts: dict[str, Any] = {"seconds": 20.0, "rate": 8.0, "evaluations": 6.0, "rows": [(4, 0, True)]}
    finish(first, **facts, host="elsewhere")
    finish(second, **facts)
    (second.folder / "result.json").write_text("{")
    finish(third, **facts)
    (third.folder / "config.yaml").write_text("a: 1")
    assert times([fourth]) == [None]
    finish(fourth, **facts, host=platform.node())
    assert times(planned(*DNCNN, "max_steps=4", "seed=9")) == pytest.approx([20.0])


def test_a_run_that_only_evaluates_takes_no_time_to_train() -> None:
    (first,) = planned(*DNCNN, "max_steps=4")
    finish(first, seconds=20.0, rate=8.0, evaluations=6.0, rows=[(4, 0, True)])
    settings = runs.composed([*REST, *DNCNN, "train=false", "run_dir=runs/sweeps/x/b", "evaluation=four_noises"])
    assert times([Planned("b", 0, settings)], trains=False) == pytest.approx([4 * 6.0])


def test_what_learns_nothing_takes_its_tuning_and_its_evaluations() -> None:
    first, second = planned("model=median", "seed=0,1")
    finish(first, seconds=20.0, rate=None, evaluations=6.0, rows=[])
    assert times([second], trains=False) == pytest.approx([20.0])


def test_the_listing_says_how_far_each_run_is() -> None:
    made = planned(*DNCNN, "max_steps=4", "seed=range(5)")
    finish(made[0], seconds=20.0, rate=8.0, evaluations=6.0, rows=[(4, 0, True)])
    for one, name in ((made[1], "failure.json"), (made[2], "config.yaml")):
        one.folder.mkdir(parents=True)
        (one.folder / name).write_text("{}")
    states = [dry_run.state(one) for one in made]
    assert states == ["done", "failed", "begun", "to do", "to do"]
    text = dry_run.listing(made)
    rows = text.splitlines()[1:6]
    for one, row, word in zip(made, rows, states, strict=True):
        assert f"  {word}" in row
        assert row.endswith(f"  {one.folder}")
        assert row.startswith(f"{one.name}  {one.seed}")
        assert "4 steps" in row
        assert ("20 s" in row) == (word != "done")
    assert "5 runs, 1 done" in text


def test_a_real_run_foretells_its_like() -> None:
    first, second = planned(*DNCNN, "trainer.max_epochs=2", "seed=0,1")
    assert execute.execute(first.settings).status == "done"
    took = json.loads((first.folder / "result.json").read_text())["seconds"]
    assert times([second]) == pytest.approx([took])
    (run,) = eta.find([second])
    assert (run.steps, run.epoch, run.validations) == (2 * 6, 6, 2)  # 44 training images in batches of 8


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.44, "0.4 s"), (9.94, "9.9 s"), (9.96, "10 s"), (59.4, "59 s"), (60, "1 min 00 s"), (3599, "59 min 59 s"),
     (3600, "1 h 00 min"), (7500, "2 h 05 min"), (200_000, "2 d 08 h")],
)  # fmt: skip
def test_durations(seconds: float, text: str) -> None:
    assert duration.words(seconds) == text


def test_a_missing_dataset_is_found_once_and_named() -> None:
    made = planned("data=mnist", "data.root=/nowhere", "model=mnist_conv_ae", "seed=0,1")
    with pytest.raises(DataError, match=r"run .*: MNIST was looked for in /nowhere"):
        dry_run.find_data(made)
    for one in made:
        finish(one, seconds=1.0, rate=1.0, evaluations=1.0, rows=[])
    dry_run.find_data(made)  # what is done needs no data
    dry_run.find_data(planned("seed=0,1"))


@pytest.mark.slow
def test_a_thousand_runs_are_listed_in_seconds() -> None:
    made = planned(*DNCNN, "max_steps=range(1,5)", "seed=range(250)")
    for one in made[:300]:
        finish(one, seconds=20.0, rate=8.0, evaluations=6.0, rows=[(4, 0, True)])
    began = time.process_time()
    text = dry_run.listing(made)
    assert time.process_time() - began < 8
    assert len(text.splitlines()) > 1000
