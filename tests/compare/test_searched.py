"""What the page says of a search: its own choice, by validation."""

import json
from pathlib import Path
from typing import Any

import pytest

import folders
from restorelab.compare import searched
from restorelab.compare.assemble import build
from restorelab.runs.find import find

VALUES = {0: 20.0, 1: 24.0, 2: 22.0, 3: 25.0, 4: 12.0, 5: None}
STATES = {4: "pruned", 5: "failed"}


def write(folder: Path, metric: str = "val/psnr", **changed: Any) -> Path:
    """Six trials; the test images would choose another one than the validation."""
    trials = []
    for number, value in VALUES.items():
        state, rate = STATES.get(number, "done"), 10.0 ** -(number + 1)
        if state == "done":
            settings = folders.config("ae", optimizer__lr=rate)
            path = folders.write(folder, settings, {"gaussian_50": 30 - number}, place=f"lr_{rate}")
        run = path.name if state == "done" else f"gone-{number}"
        trials.append({"number": number, "state": state, "value": value, "swept": {"optimizer.lr": rate}, "run": run})
    told = {"metric": metric, "higher": metric == "val/psnr", "trials": trials, **changed}
    (folder / "sweep.json").write_text(json.dumps({"schema": 1, "sessions": [], "runs": {}, "search": told}))
    return folder


def test_the_choice_is_the_validations_and_not_the_leaderboards(tmp_path: Path) -> None:
    found = build([write(tmp_path)])
    section = found.section("search")
    assert section is not None
    assert [one.id for one in found.sections].index("search") == 2
    chosen = "Chosen: lr=0.0001 (optimizer.lr 0.0001), trial 3 of 6 (4 done, 1 pruned, 1 failed)"
    assert section.text[0].startswith(chosen)
    assert next(iter(found.runs)) == "lr=0.1"  # by the test images
    (table,) = section.tables
    assert table.head == ["", "trial", "state", "val PSNR (dB)", "lr"]
    assert [row[1].text for row in table.rows] == ["3", "1", "2", "0", "4", "5"]
    assert [row[3].text for row in table.rows] == ["25.00", "24.00", "22.00", "20.00", "12.00", "-"]
    assert [row[3].mark for row in table.rows] == ["best", "", "", "", "", ""]
    assert table.rows[4][0].text == "trial 4"


def test_the_best_so_far_is_joined(tmp_path: Path) -> None:
    runs = find([write(tmp_path)]).runs
    (found,) = searched.find(runs)
    drawn = searched.chart(found)
    assert drawn is not None
    assert [(dot.x, dot.front) for dot in drawn.dots] == [(0, True), (1, True), (2, False), (3, True), (4, False)]


def test_of_a_loss_the_least_is_chosen(tmp_path: Path) -> None:
    (found,) = searched.find(find([write(tmp_path, "val/mse")]).runs)
    assert found.best is not None
    assert found.best.number == 0
    assert [trial.number for trial in found.leaders] == [0]


@pytest.mark.parametrize("content", [{"search": None}, {"search": {"metric": "val/psnr"}}, {}])
def test_what_is_no_search_has_no_such_section(tmp_path: Path, content: dict[str, Any]) -> None:
    (write(tmp_path) / "sweep.json").write_text(json.dumps(content))
    assert build([tmp_path]).section("search") is None


def test_a_search_in_which_nothing_was_done_chooses_nothing(tmp_path: Path) -> None:
    trials = [{"number": n, "state": "pruned", "value": 1.0, "swept": {"a": n}, "run": None} for n in range(3)]
    (found,) = searched.find(find([write(tmp_path, trials=trials)]).runs)
    assert searched.text(found) == "None of 3 trials was done."
