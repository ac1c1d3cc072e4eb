"""Crossing: real runs under each other's evaluations, against runs that were measured under them from the start."""

import csv
import json
import shutil
from pathlib import Path

import numpy as np
import pytest

import runs
from restorelab.compare import cross as module
from restorelab.compare.cross import cross, cross_one, plan
from restorelab.compare.significance import against
from restorelab.errors import ConfigError, DataError
from restorelab.runs.comparable import boards
from restorelab.runs.record import Record, Runs

REST = ("trainer.max_epochs=1", "data.test=8")
MEDIAN = ("model=median", "model.kernel=null", "noise=impulse")


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("crossed")
    for name, overrides in {
        "gaussian": ["noise=gaussian"],
        "poisson": ["noise=poisson", "evaluation=own"],
        "filter": [*MEDIAN, "~model.depth", "~model.features"],
        "color": ["noise=speckle", "data.channels=3", "model.channels=3"],
    }.items():
        tiny = [o for o in runs.TINY if name != "filter" or not o.startswith("model")]
        chosen = [o for o in overrides if not o.startswith("~")]
        settings = runs.composed([*tiny, *REST, *chosen, f"run_dir={folder / name}", f"name={name}"])
        outcome = runs.execute.execute(settings)
        assert outcome.status == "done", outcome.message
    return folder


@pytest.fixture
def folder(made: Path, tmp_path: Path) -> Path:
    """Copies that a test may cross."""
    shutil.copytree(made, tmp_path / "runs")
    return tmp_path / "runs"


def folders(folder: Path) -> list[Path]:
    return [folder / name for name in ("gaussian", "poisson", "filter", "color")]


def columns(record: Record, evaluation: str) -> dict[str, np.ndarray]:
    return record.under(evaluation).per_image(evaluation).columns


def test_each_run_under_the_evaluations_of_those_on_its_images(folder: Path):
    before = {path: path.read_bytes() for path in folder.glob("*/*.*")}
    assert cross(folders(folder)) == {}
    found = {path.name: Record(path.name, path) for path in folders(folder)}
    assert found["gaussian"].crossed.evaluations == ["impulse_30", "own"]
    assert found["filter"].crossed.evaluations == ["gaussian_50", "own"]
    assert found["poisson"].crossed.evaluations == ["impulse_30", "gaussian_50"]
    assert found["color"].crossed is None  # on other images than all the others
    assert {path: path.read_bytes() for path in before} == before
    # the same images for all: what the input measures is equal, and so are the hashes
    for evaluation in ("gaussian_50", "impulse_30", "own"):
        three = [found[name].under(evaluation) for name in ("gaussian", "poisson", "filter")]
        assert len({(r.evaluation(evaluation)["spec"], r.evaluation(evaluation)["bits"]) for r in three}) == 1
        given = [r.per_image(evaluation).columns["input_psnr"] for r in three]
        np.testing.assert_array_equal(given[0], given[1])
        np.testing.assert_array_equal(given[0], given[2])


def test_equal_to_a_run_that_was_measured_so_itself(folder: Path, tmp_path: Path):
    cross(folders(folder))
    crossed = Record("gaussian", folder / "gaussian")
    said = ["noise=impulse", "train=false", f"ckpt={folder / 'gaussian' / 'checkpoints' / 'best.ckpt'}", *REST]
    assert runs.run(tmp_path / "itself", *said).status == "done"
    itself = Record("itself", tmp_path / "itself")
    for name, values in itself.per_image("impulse_30").columns.items():
        np.testing.assert_allclose(columns(crossed, "impulse_30")[name], values, rtol=1e-7, err_msg=name)
    one, other = itself.evaluation("impulse_30"), crossed.under("impulse_30").evaluation("impulse_30")
    assert one.keys() == other.keys()
    assert one["metrics"] == pytest.approx(other["metrics"], rel=1e-6)
    assert crossed.under("gaussian_50") is crossed  # its own stays its own


def test_what_has_open_parameters_is_tuned_for_each_evaluation(folder: Path, tmp_path: Path):
    cross(folders(folder))
    tiny = [o for o in runs.TINY if not o.startswith("model")]
    settings = runs.composed([*tiny, *REST, *MEDIAN, "noise=gaussian", f"run_dir={tmp_path / 'itself'}"])
    assert runs.execute.execute(settings).status == "done"
    own = Record("itself", tmp_path / "itself").evaluation("gaussian_50")
    crossed = Record("filter", folder / "filter")
    assert crossed.under("gaussian_50").evaluation("gaussian_50")["tuned"] == own["tuned"]
    assert own["tuned"] != crossed.evaluation("impulse_30")["tuned"]  # or the test would not see whose values are used
    assert crossed.under("gaussian_50").metric("gaussian_50", "psnr") == pytest.approx(own["metrics"]["test/psnr"])
    net = crossed.under("gaussian_50").net("gaussian_50")
    assert net.settings["kernel"] == own["tuned"]["kernel"]


def test_again_measures_nothing_and_more_levels_are_added(folder: Path, monkeypatch: pytest.MonkeyPatch):
    run = folder / "gaussian"
    first = plan([run], ["gaussian_10"])
    assert list(first[run]) == ["gaussian_10"]
    assert cross_one(run, first[run]).measured == ["gaussian_10"]
    written = {path: path.read_bytes() for path in (run / "cross").iterdir()}
    times = {path: path.stat().st_mtime_ns for path in (run / "cross").iterdir()}
    with monkeypatch.context() as patched:
        patched.setattr(module.write_results, "evaluated", None)  # calling it would raise
        assert cross_one(run, first[run]).measured == []
    assert {path: path.stat().st_mtime_ns for path in times} == times
    assert cross([run], ["gaussian_10", "gaussian_75"]) == {}
    record = Record("gaussian", run)
    assert record.crossed.evaluations == ["gaussian_10", "gaussian_75"]
    old = written[run / "cross" / "per_image.csv"].decode()
    assert (run / "cross" / "per_image.csv").read_text().startswith(old)
    psnr = [record.under(e).metric(e, "psnr") for e in ("gaussian_10", "gaussian_50", "gaussian_75")]
    inputs = [record.under(e).metric(e, "input_psnr") for e in ("gaussian_10", "gaussian_50", "gaussian_75")]
    assert inputs == sorted(inputs, reverse=True)
    assert len(set(psnr)) == 3


def test_another_degradation_of_a_known_name_is_measured_anew(folder: Path):
    run = folder / "gaussian"
    noise = {"_target_": "restorelab.degradations.noise.Gaussian", "sigma": 10, "clip": True}
    cross_one(run, {"mine": {"noise": noise}, "other": {"noise": noise}})
    before = Record("gaussian", run).crossed
    kept = before.per_image("other").columns["psnr"].tolist()
    assert cross_one(run, {"mine": {"noise": {**noise, "sigma": 30}}}).measured == ["mine"]
    after = Record("gaussian", run).crossed
    assert sorted(after.evaluations) == ["mine", "other"]
    assert after.metric("mine", "input_psnr") < before.metric("mine", "input_psnr") - 3
    assert after.per_image("other").columns["psnr"].tolist() == kept
    with (run / "cross" / "per_image.csv").open() as stream:
        assert len(list(csv.DictReader(stream))) == 2 * after.evaluation("mine")["images"]  # no row of what was before


def test_a_kill_between_two_files_leaves_what_can_be_read(folder: Path, monkeypatch: pytest.MonkeyPatch):
    from restorelab.compare import cross_folder

    run = folder / "gaussian"
    noise = {"_target_": "restorelab.degradations.noise.Gaussian", "sigma": 10, "clip": True}
    cross_one(run, {"mine": {"noise": noise}, "other": {"noise": noise}})
    whole = cross_folder.write_json

    def killed(file: Path, content: dict) -> None:
        if "mine" in [entry["degradation"] for entry in content["evaluations"]]:
            raise KeyboardInterrupt
        whole(file, content)

    monkeypatch.setattr(cross_folder, "write_json", killed)
    with pytest.raises(KeyboardInterrupt):
        cross_one(run, {"mine": {"noise": {**noise, "sigma": 30}}})
    found = Record("gaussian", run).crossed
    assert found.evaluations == ["other"]  # "mine" of before is gone, "mine" of now was not finished
    assert found.per_image("other").columns["psnr"].mean() == pytest.approx(found.metric("other", "psnr"), rel=1e-6)
    monkeypatch.undo()
    assert cross_one(run, {"mine": {"noise": {**noise, "sigma": 30}}}).measured == ["mine"]


def test_two_meanings_of_a_name_are_told_apart(folder: Path):
    config = (folder / "gaussian" / "config.yaml").read_text()
    (folder / "gaussian" / "config.yaml").write_text(config.replace("gaussian_50:", "own:"))
    found = plan(folders(folder))
    assert {"own@gaussian", "own@poisson"} <= found[folder / "filter"].keys()
    assert "own" not in found[folder / "filter"]
    assert found[folder / "filter"]["own@gaussian"]["noise"]["_target_"].endswith("Gaussian")
    assert found[folder / "filter"]["own@poisson"]["noise"]["_target_"].endswith("Poisson")


def test_what_a_network_cannot_take_is_skipped_and_said(folder: Path):
    down = {"downsample": {"_target_": "restorelab.degradations.downsample.AvgPool", "factor": 2}}
    done = cross_one(folder / "gaussian", {"smaller": down, "gaussian_50": down})
    assert done.measured == []
    assert "64x64 images degraded to 32x32" in done.skipped["smaller"]
    assert "another degradation of this name" in done.skipped["gaussian_50"]
    crossed = Record("gaussian", folder / "gaussian").crossed
    assert crossed.evaluations == []
    assert crossed.result["skipped"] == done.skipped


def test_crossed_evaluations_are_compared_like_others(folder: Path):
    cross(folders(folder))
    records = [Record(name, folder / name).under("impulse_30") for name in ("filter", "gaussian")]
    (board,) = boards(Runs(records), "psnr", ["impulse_30"])
    (result,) = against(board, ["gaussian"])
    found = result.verdicts["filter", "impulse_30"]
    ours, theirs = (record.metric("impulse_30", "psnr") for record in records)
    assert found.difference == pytest.approx(ours - theirs)
    assert found.verdict == "underpowered"  # the network has one seed: what it learned is known here too


def test_a_changed_dataset_and_what_is_no_run_are_refused(folder: Path):
    run = folder / "gaussian"
    result = json.loads((run / "result.json").read_text())
    result["evaluations"][0]["spec"] = "0" * 16
    (run / "result.json").write_text(json.dumps(result))
    assert "has changed since" in cross([run], ["gaussian_10"])[run]
    assert not (run / "cross").exists()
    (run / "result.json").unlink()
    assert cross([run], ["gaussian_10"]) == {}  # unfinished: passed over
    with pytest.raises(DataError, match="not a finished run"):
        cross_one(run, {"gaussian_10": {}})
    with pytest.raises(ConfigError, match="Did you mean 'gaussian_1"):
        cross([folder / "filter"], ["gaussian_11"])
