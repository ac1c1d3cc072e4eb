"""The comparison of a sweep as a W&B run of its own: typed columns, one run however often it is made."""

import json
import logging
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from restorelab.report.table import Cell, Table
from restorelab.training.loggers import wandb_leaderboard, wandb_sync
from training.loggers import offline
from training.loggers.server import KEY, serving

NODE = {"_target_": "restorelab.training.loggers.wandb.WandB", "project": "p", "group": "a_sweep", "mode": "offline"}
WANDB = {"other": {"_target_": "tests.NoLogger"}, "wandb": NODE}

TABLE = Table(
    "Leaderboard",
    ["model", "gaussian_50\nPSNR", "parameters", "gaussian_50\nPSNR"],
    [
        [Cell("dncnn"), Cell("29.1", "± 0.2", 29.125, 0.25, note="three seeds"), Cell("0.1M", value=91488), Cell("-")],
        [Cell("median", "k=3"), Cell("-"), Cell("0", value=0), Cell("-")],
    ],
)


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home that nothing should be left in."""
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    monkeypatch.delenv("WANDB_DATA_DIR", raising=False)
    (tmp_path / "home").mkdir()
    return tmp_path


def made(sweep: Path) -> Path:
    (only,) = sweep.glob("wandb/offline-run-*")
    return only


def test_numbers_are_numbers_and_names_differ() -> None:
    columns, rows = wandb_leaderboard.typed(TABLE)
    assert columns == ["model", "gaussian_50 PSNR", "gaussian_50 PSNR std", "parameters", "gaussian_50 PSNR 2"]
    assert rows == [["dncnn", 29.125, 0.25, 91488.0, "-"], ["median (k=3)", None, None, 0.0, "-"]]


def test_offline_run_holds_the_tables_and_the_page(home: Path) -> None:
    sweep = home / "sweep"
    page = sweep / "index.html"
    sweep.mkdir()
    page.write_text("<h1>who won</h1>")
    where = wandb_leaderboard.log_leaderboard([TABLE, TABLE], sweep, WANDB, page)
    assert where == str(made(sweep))
    (record,) = [entry["run"] for entry in offline.records(made(sweep)) if entry["type"] == "run"]
    assert (record["run_group"], record["job_type"]) == ("a_sweep", "comparison")
    assert record["display_name"] == "a_sweep comparison"
    kept = offline.summary(made(sweep))
    assert kept["exit_code"] == 0
    assert {"leaderboard", "Leaderboard", "page"} <= kept["summary"].keys()
    (file, _) = sorted(made(sweep).glob("files/media/table/*.json"))
    stored = json.loads(file.read_text())
    assert stored["columns"] == wandb_leaderboard.typed(TABLE)[0]
    assert stored["data"] == wandb_leaderboard.typed(TABLE)[1]
    (html,) = made(sweep).glob("files/media/html/*.html")
    assert "who won" in html.read_text()
    assert (made(sweep) / "files" / "requirements.txt").is_file()  # the sweep's runs have none
    # What W&B stages of a table stays with the sweep, or uploading from another machine would miss it.
    assert not [file for file in (home / "home").rglob("*") if file.is_file() and file.suffix != ".log"]
    assert "WANDB_DATA_DIR" not in os.environ


@pytest.mark.slow
def test_no_service_stays_behind(home: Path) -> None:
    code = """
import os, sys, yaml
from pathlib import Path
from restorelab.report.table import Cell, Table
from restorelab.training.loggers.wandb_leaderboard import log_leaderboard
table = Table("t", ["model"], [[Cell("ae")]])
where = log_leaderboard([table], Path(sys.argv[1]), yaml.safe_load(sys.argv[2]))
print(where is not None, "WANDB_SERVICE" in os.environ)
"""
    command = [sys.executable, "-c", code, str(home), json.dumps(WANDB)]
    said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=120, env=offline.alone()).stdout
    assert said.split() == ["True", "False"]


@pytest.mark.slow
def test_again_offline_replaces_and_uploads_as_one_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sweep = home / "sweep"
    sweep.mkdir()
    wandb_leaderboard.log_leaderboard([TABLE], sweep, WANDB)
    wandb_leaderboard.log_leaderboard([TABLE], sweep, WANDB)
    made(sweep)  # there is only one
    moved = Path(shutil.move(sweep, home / "moved"))
    with serving() as server:
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        assert wandb_sync.run([str(moved)]) == 0
        wandb_leaderboard.log_leaderboard([TABLE], moved, WANDB)
        assert wandb_sync.run([str(moved)]) == 0
        assert len(server.runs) == 1
        assert [name for name in server.files if name.startswith("media/table/leaderboard")]


def test_other_loggers_are_left_alone(home: Path) -> None:
    for loggers in ({}, {"tensorboard": {"_target_": "restorelab.training.loggers.tensorboard.TensorBoard"}}):
        assert wandb_leaderboard.log_leaderboard([TABLE], home, loggers) is None
    assert not list(home.glob("wandb"))


def test_trouble_is_a_warning(home: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture) -> None:
    import wandb

    def refuse(**rest: object) -> None:
        raise wandb.errors.CommError("the server is on holiday")

    monkeypatch.setattr(wandb, "init", refuse)
    monkeypatch.setattr(logging.getLogger("restorelab"), "propagate", True)
    assert wandb_leaderboard.log_leaderboard([TABLE], home, WANDB) is None
    assert "the leaderboard was not logged (the server is on holiday)" in caplog.text
