"""The whole comparison: from folders to files."""

import json
from pathlib import Path

import pytest

import folders
import runs as real
from restorelab.compare.assemble import build
from restorelab.compare.write_comparison import write
from restorelab.config import composition
from restorelab.errors import ConfigError, DataError
from restorelab.report.charts.data import Bars, Boxes, HeatMap, Lines, Scatter
from restorelab.training import execute

SECTIONS = ["leaderboard", "significance", "cost", "curves", "images", "levels", "transfer", "importance"]


def grid(folder: Path, seeds: int = 3) -> None:
    for number, model in enumerate(("ae", "dual_ae")):
        for lr in (0.1, 0.01):
            for seed in range(seeds):
                mean = 25 + number + lr
                settings = folders.config(model, seed=seed, optimizer__lr=lr)
                folders.write(folder, settings, {"gaussian_10": mean + 4, "gaussian_50": mean}, parameters=10 + number,
                              macs=100 + number, history=folders.curve(mean))  # fmt: skip


def test_every_section_has_its_charts_and_tables(tmp_path: Path) -> None:
    grid(tmp_path)
    found = build([tmp_path], baseline="ae lr=0.01")
    assert [section.id for section in found.sections] == SECTIONS
    kinds = {section.id: {type(chart) for chart in section.charts} for section in found.sections}
    assert kinds == {
        "leaderboard": set(), "significance": set(), "cost": {Scatter}, "curves": {Lines}, "images": {Boxes},
        "levels": {Lines}, "transfer": {HeatMap}, "importance": {Bars},
    }  # fmt: skip
    assert [table.title for table in found.section("significance").tables] == [
        "PSNR (dB) against dual_ae lr=0.1", "PSNR (dB) against ae lr=0.01",
    ]  # fmt: skip
    assert next(iter(found.runs)) == "dual_ae lr=0.1"
    assert found.refused == []
    assert "border 0" in found.protocol
    assert "12 finished runs of 4 configurations (4 with 3 seeds)." in found.facts


def test_the_table_against_the_best_says_that_the_best_was_picked_on_these_images(tmp_path: Path) -> None:
    grid(tmp_path)
    first, second = build([tmp_path], baseline="ae lr=0.01").section("significance").tables
    assert any("chosen on these same images" in note for note in first.notes)
    assert not any("chosen on these same images" in note for note in second.notes)


def test_files(tmp_path: Path) -> None:
    grid(tmp_path / "runs")
    found = build([tmp_path / "runs"])
    page = write(found, tmp_path / "out")
    assert page == tmp_path / "out" / "index.html"
    assert "dual_ae lr=0.1" in page.read_text()
    written = {file.name for file in (tmp_path / "out" / "tables").iterdir()}
    assert {f"{name}.{kind}" for name in ("leaderboard", "significance", "importance", "transfer")
            for kind in ("csv", "md", "tex")} <= written  # fmt: skip
    assert len(written) == 3 * sum(len(section.tables) for section in found.sections)
    plain = json.loads((tmp_path / "out" / "leaderboard.json").read_text())
    assert [row["run"] for row in plain["boards"][0]["rows"]] == list(found.runs)


def test_tables_that_are_no_more_are_removed_and_others_files_stay(tmp_path: Path) -> None:
    grid(tmp_path / "runs")
    write(build([tmp_path / "runs"], baseline="ae lr=0.01"), tmp_path / "out")
    held = tmp_path / "out" / "tables"
    (held / "mine.csv").write_text("")
    before = {file.name for file in held.iterdir()}
    write(build([tmp_path / "runs"]), tmp_path / "out")
    gone = before - {file.name for file in held.iterdir()}
    assert gone == {f"significance-psnr-db-against-ae-lr-0-01.{kind}" for kind in ("csv", "md", "tex")}


def test_one_run_of_one_seed(tmp_path: Path) -> None:
    path = folders.write(tmp_path, folders.config(), {"gaussian_50": 25})
    found = build([path])
    assert [section.id for section in found.sections] == SECTIONS
    assert all(section.text or section.tables or section.charts for section in found.sections)
    write(found, tmp_path / "out")


def test_a_method_that_learns_nothing_alone(tmp_path: Path) -> None:
    folders.write(tmp_path, folders.config("median"), {"gaussian_50": 25}, parameters=0, macs=None)
    found = build([tmp_path])
    assert found.section("curves").charts == []
    assert "no curve" in found.section("curves").text[0]
    write(found, tmp_path / "out")


def test_a_mixture_of_all_kinds_is_no_exception(tmp_path: Path) -> None:
    grid(tmp_path / "grid", seeds=1)
    folders.write(tmp_path / "a", folders.config("median"), {"gaussian_50": 22}, parameters=0, macs=None)
    folders.write(tmp_path / "b", folders.config("cnn"), {"gaussian_50": 23}, spec="other", parameters=5)
    folders.write(tmp_path / "c", folders.config("nan"), {"gaussian_50": 23}, metrics={"test/psnr": None})
    folders.write(tmp_path / "d", {"name": "theirs", "seed": 0, "external": True}, {"gaussian_50": 30}, parameters=None)
    broken = folders.write(tmp_path / "e", folders.config("torn"), {"gaussian_50": 23})
    (broken / "per_image.csv").unlink()
    folders.fail(tmp_path / "f", "failed", folders.config("x"))
    path = folders.write(tmp_path / "g", folders.config("classifier"), {"gaussian_50": 1})
    (path / "result.json").write_text((path / "result.json").read_text().replace("test/psnr", "test/accuracy"))
    path = folders.write(tmp_path / "h", folders.config("strange"), {"gaussian_50": 1})
    result = json.loads((path / "result.json").read_text())
    result["evaluations"][0]["metrics"] = {"test/loss": 1.0}
    (path / "result.json").write_text(json.dumps(result))
    found = build([tmp_path])
    said = " | ".join(found.refused)
    for words in ("specs s-gaussian_50 and other-gaussian_50 differ", "failed: the loss is not finite", "strange"):
        assert words in said
    assert next(iter(found.runs)) == "theirs"
    write(found, tmp_path / "out")


def test_crossed_evaluations_are_in_the_map_and_not_in_the_leaderboard(tmp_path: Path) -> None:
    for model in ("ae", "dual_ae"):
        path = folders.write(tmp_path / "runs", folders.config(model), {"gaussian_50": 25}, place=model)
        other = folders.write(
            tmp_path / "more", folders.config(model), {"gaussian_90": 14, "impulse_30": 10}, place=model
        )
        result = json.loads((other / "result.json").read_text())
        (other / "result.json").write_text(json.dumps(result | {"skipped": {"blurred": "the sizes do not fit."}}))
        other.rename(path / "cross")
    found = build([tmp_path / "runs"])
    (chart,) = found.section("transfer").charts
    assert chart.columns == ["gaussian_50", "gaussian_90", "impulse_30"]
    assert chart.values[0][2] == pytest.approx(10, abs=0.2 + 3)
    assert "under blurred: the sizes do not fit." in " ".join(found.section("transfer").text)
    assert found.section("levels").charts[0].series[0].x == [50, 90]
    assert not any("impulse" in head for table in found.section("leaderboard").tables for head in table.head)


def test_names_that_are_not_there(tmp_path: Path) -> None:
    grid(tmp_path, seeds=1)
    with pytest.raises(ConfigError, match=r"Did you mean 'dual_ae lr=0\.1'"):
        build([tmp_path], baseline="dual_a lr=0.1")
    with pytest.raises(ConfigError, match="Did you mean 'psnr'"):
        build([tmp_path], metric="pnsr")
    with pytest.raises(ConfigError, match="Did you mean 'gaussian_50'"):
        build([tmp_path], evaluations=["gausian_50"])


def test_nothing_finished_says_what_became_of_them(tmp_path: Path) -> None:
    folders.fail(tmp_path, "x", folders.config())
    with pytest.raises(DataError, match=r"none of 1 runs can be compared.*the loss is not finite"):
        build([tmp_path])


def test_real_runs(tmp_path: Path) -> None:
    for seed in (0, 1):
        for features in (2, 4):
            said = (f"model.features={features}", f"seed={seed}", "max_steps=2", "evaluation=[gaussian_25,gaussian_50]")
            assert real.run(tmp_path / "runs" / f"{features}-{seed}", *said).status == "done"
    rest = [word for word in real.TINY if not word.startswith("model")]
    median = [*rest, "model=median", "evaluation=[gaussian_25,gaussian_50]", f"run_dir={tmp_path}/runs/median"]
    assert execute.execute(composition.compose(median)).status == "done"
    found = build([tmp_path / "runs"])
    held = {name: len(records) for name, records in found.runs.items()}
    assert held == {"dncnn features=2": 2, "dncnn features=4": 2, "median": 1}
    table = found.section("leaderboard").tables[0]
    row = next(row for row in table.rows if row[0].text == "dncnn features=2")
    wanted = sum(record.metric("gaussian_25", "psnr") for record in found.runs["dncnn features=2"]) / 2
    cells = dict(zip(table.head, row, strict=True))
    assert cells["gaussian_25\nPSNR (dB)"].value == pytest.approx(wanted)
    assert found.section("levels").charts[0].series[0].x == [25, 50]
    assert found.section("curves").charts
    assert found.refused == []
    write(found, tmp_path / "out")
