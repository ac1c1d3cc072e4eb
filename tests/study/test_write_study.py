"""What a study leaves: why runs are not there, the overrides that were used, and what is not judged."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml

import folders
from restorelab.config import trust
from restorelab.judge.claims import Better
from restorelab.report import pareto
from restorelab.runs.comparable import boards
from restorelab.runs.record import Record, Runs
from restorelab.runs.run_folder import RunFolder
from restorelab.study import plan, write_study
from restorelab.study.figures.box_plots import Boxes
from restorelab.study.figures.learning_curves import Curves
from restorelab.study.figures.noises import Noises
from restorelab.study.figures.present import present
from restorelab.study.plan import Study
from restorelab.study.study_page import drawn
from restorelab.sweep.planned import Planned
from synthetic import write

ABSENT = {"lost": "it is not done (failed: the loss is not finite)", "far": "it was left out"}
CURVE = {"step": [1.0, 2.0], "epoch": [0.0, 1.0], "train/loss": [2.0, 1.0], "val/loss": [2.0, 1.5]}


def record(folder: Path, name: str, seed: int = 0) -> Record:
    made = write(folder, name, seed, {"noise": {"mse": np.linspace(0.1, 0.2, 120)}}, history=CURVE)
    more = {"choices": {"data": "mnist"}, "data": {"batch_size": 8, "limit": None}}
    (made.path / "config.yaml").write_text(yaml.safe_dump(made.config | more))
    return Record(name, made.path)


def planned(made: Record, *overrides: str) -> Planned:
    return Planned(made.name, made.seed, {"run_dir": str(made.path)}, overrides=overrides)


def unfinished(folder: Path, name: str, message: str = "") -> Planned:
    run = Planned(name, 0, {"run_dir": str(folder / name)}, overrides=(f"model={name}",))
    run.folder.mkdir(parents=True)
    if message:
        RunFolder(run.folder).failure.write_text(json.dumps({"status": "failed", "message": message}))
    return run


def test_curves_and_boxes_show_the_runs_that_are_there_and_name_the_others(tmp_path: Path) -> None:
    runs = Runs([record(tmp_path, name) for name in ("a", "b")], ABSENT)
    for figure in (Curves("Loss.", ["a", "lost", "b", "far"], [["train/loss"]]), Boxes("E.", ["far", "a"], "noise")):
        made = drawn(figure, runs)
        assert isinstance(made.content, bytes)
        assert "far (left out)" in made.caption
    narrower, words = present(Curves("c", ["a", "lost", "b", "far"]), runs)
    assert narrower.runs == ["a", "b"]
    assert words == "Not shown: lost (not done (failed: the loss is not finite)), far (left out)."
    assert present(Curves("c", ["a", "b"]), runs)[1] == ""
    assert "none of its runs is there: far (left out)." in str(drawn(Curves("c", ["far"]), runs).content)
    assert "no finished run is called 'c'" in str(
        drawn(Boxes("c", ["a", "c"], "noise"), runs).content
    )  # not of the study


def test_samples_by_noise_leave_out_the_rows_of_absent_runs() -> None:
    figure = Noises("c", ["x", "y"], runs={"x": "a", "y": "far"})
    narrower, words = present(figure, Runs([], {"far": "it was left out"}))
    assert (narrower.runs, words) == ({"x": "a"}, "Not shown: far (left out).")


@pytest.fixture
def study() -> Study:
    claim = {"_target_": "restorelab.judge.claims.better.Better", "finding": "f", "better": "a", "than": "b"}
    trust.note(claim)  # as reading a study's file does
    return Study("s", "T", {"name": "n", "source": "s"}, "mnist", {name: [f"model={name}"] for name in ("a", "b", "c")},
                 claims={"one": claim})  # fmt: skip


def findings(folder: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((folder / "findings.json").read_text())
    return found


def test_a_study_whose_runs_all_failed_says_so_and_judges_nothing(study: Study, tmp_path: Path) -> None:
    runs = [unfinished(tmp_path, name, f"no memory for {name}.\nmore") for name in ("a", "b")]
    page = write_study.write(study, runs, tmp_path / "out").read_text()
    one = findings(tmp_path / "out")["one"]
    assert (one["verdict"], one["seeds"], one["p"]) == ("not judged", 0, None)
    assert one["numbers"] == "run a: it is not done (failed: no memory for a)."
    assert "None of the 2 runs is done: nothing is judged." in page
    assert "Not finished: a (seed 0): not done (failed: no memory for a); b (seed 0): not done" in page
    assert "Left out: c." in page
    assert ">left out</td>" in page
    assert "underpowered" not in page.partition("</style>")[2]


def test_the_page_prints_the_overrides_that_were_used(study: Study, tmp_path: Path) -> None:
    runs = [planned(record(tmp_path, name), f"model={name}", "optimizer.lr=0.5") for name in ("a", "b")]
    page = write_study.write(study, runs, tmp_path / "out").read_text()
    rows = {row.partition('data-v="')[2].partition('"')[0]: row for row in page.split("<tr ")}
    assert ">model=a optimizer.lr=0.5</td>" in rows["a"]
    assert ">model=c</td>" in rows["c"]
    assert ">left out</td>" in rows["c"]
    assert findings(tmp_path / "out")["one"]["verdict"] == "underpowered"
    assert "Settings: optimizer.lr=0.5 in place of the report" in page  # so it is a stand-in
    same = [planned(record(tmp_path / "same", "a"), "model=a", "data.root=/x", "threads=2", "logger=csv")]
    assert write_study._runs(study, same).stand_in == []


def test_of_overrides_of_one_key_the_last_is_used() -> None:
    given = ["model=a", "optimizer.lr=1", "~callbacks.panels", "optimizer.lr=2", "model.depth=3", "model=b"]
    assert plan._effective(given) == ["~callbacks.panels", "optimizer.lr=2", "model.depth=3", "model=b"]


def test_a_stand_in_is_told_to_what_judges(study: Study, tmp_path: Path) -> None:
    runs = write_study._runs(study, [planned(record(tmp_path, "a"))])
    assert runs.stand_in == []
    (tmp_path / "a-0" / "config.yaml").write_text((tmp_path / "a-0" / "config.yaml").read_text().replace("mnist", "x"))
    runs = write_study._runs(study, [planned(Record("a", tmp_path / "a-0"))])
    assert runs.stand_in[0].startswith("Data: the report used mnist, these runs x")
    assert Better("f", "a", "c")(runs).numbers == "run c: it was left out."


def test_a_study_shows_quality_against_cost_where_it_asks_for_it(study: Study, tmp_path: Path) -> None:
    """The charts of a comparison: `b` costs more than `a` and is worse, so only `a` and `c` are on the front."""
    records = []
    for name, psnr, size in (("a", 25, 100), ("b", 24, 200), ("c", 26, 300)):
        config, more = folders.config(name), {"parameters": size, "macs": 1000 * size}
        records.append(Record(name, folders.write(tmp_path, config, {"gaussian_50": psnr}, **more)))
    runs = [planned(record, f"model={record.name}") for record in records]
    assert "Quality and cost" not in write_study.write(study, runs, tmp_path / "out").read_text()
    page = write_study.write(replace(study, cost=True), runs, tmp_path / "out").read_text()
    section = page.split('id="cost"')[1].split('id="runs"')[0]
    assert " and parameters" in section
    assert " and MACs" in section
    (board,) = boards(Runs(records))
    chart = next(chart for chart in pareto.charts(board) if chart.x_label == "parameters")
    assert {dot.label for dot in chart.dots if dot.front} == {"a", "c"}
