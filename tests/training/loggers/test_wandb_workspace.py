"""The saved workspace: what its spec asks the dashboard to show, and what is said where it cannot be saved."""

import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorelab.errors import ConfigError, UserError
from restorelab.training.loggers import wandb_workspace
from training.loggers.server import KEY, serving


@pytest.fixture
def sweep(tmp_path: Path) -> Path:
    """Four runs of two models, two learning rates, as far as a config tells."""
    folder = tmp_path / "a_sweep"
    for model, lr in [("ae", 0.1), ("ae", 0.2), ("dncnn", 0.1), ("dncnn", 0.2)]:
        run = folder / f"{model}-{lr}"
        run.mkdir(parents=True)
        said = {"group": "the_group", "project": "denoise", "name": run.name}
        logger = {"_target_": "restorelab.tracking.wandb.WandB", **said}  # as version 0.1 wrote it
        if model == "dncnn":
            logger = {"wandb": {"_target_": "restorelab.training.loggers.wandb.WandB", **said}}
        config = {
            "name": run.name, "run_dir": str(run), "seed": 0, "model": {"_target_": model, "depth": len(model)},
            "optimizer": {"lr": lr, "betas": [0.9, 0.99]}, "evaluation": {"gaussian_50": {}},
            "logger": logger,
            "choices": {"model": model, "noise": "gaussian", "logger": model},
        }  # fmt: skip
        (run / "config.yaml").write_text(yaml.safe_dump(config))
    return folder


def spec(content: wandb_workspace.Content) -> dict[str, Any]:
    pytest.importorskip("wandb_workspaces")
    whole: Any = wandb_workspace.build(content, "team")
    return whole._spec


def test_columns_are_what_differs(sweep: Path) -> None:
    content = wandb_workspace.read([str(sweep), "name=mine"])
    assert content.columns == ("model_name", "optimizer.lr")  # not the depth, which follows from the model
    assert content.groups == ("the_group",)
    assert (content.project, content.name, content.evaluations) == ("denoise", "mine", ("gaussian_50",))


@pytest.mark.slow
def test_spec_groups_compares_and_shows(sweep: Path) -> None:
    whole = spec(wandb_workspace.read([str(sweep)]))
    assert (whole["entity"], whole["project"], whole["displayName"]) == ("team", "denoise", "the_group")
    section = whole["spec"]["section"]
    (runs,) = section["runSets"]
    assert runs["grouping"] == [
        {"section": "run", "name": "group"},
        {"section": "config", "name": "model_name.value"},
        {"section": "config", "name": "optimizer.value.lr"},
    ]
    filters = {(entry["key"]["name"], entry["op"], str(entry["value"])) for entry in runs["filters"]["filters"]}
    assert filters == {("jobType", "!=", "comparison"), ("group", "IN", "['the_group']")}
    panels = {panel["viewType"]: panel["config"] for part in section["panelBankConfig"]["sections"]
              for panel in part["panels"]}  # fmt: skip
    axes = [column["accessor"] for column in panels["Parallel Coordinates Plot"]["columns"]]
    assert axes == ["config:model_name.value", "config:optimizer.value.lr", "summary:test/psnr"]
    assert panels["Scatter Plot"]["xAxis"] == "summary:parameters"
    assert panels["Scatter Plot"]["yAxis"] == "summary:test/psnr"
    assert panels["Bar Chart"]["groupBy"] == "model_name.value"
    every = [panel for part in section["panelBankConfig"]["sections"] for panel in part["panels"]]
    assert {panel["config"].get("xAxis") for panel in every if "History" in panel["viewType"]} == {"step"}
    media = [key for panel in every for key in panel["config"].get("mediaKeys", [])]
    assert media == ["val/panel", "test/gaussian_50", "curves"]


def test_group_that_is_no_folder_gets_the_usual_columns() -> None:
    content = wandb_workspace.read(["elsewhere", "project=p", "entity=team"])
    assert (content.groups, content.columns, content.entity) == (("elsewhere",), wandb_workspace.COLUMNS, "team")


@pytest.mark.parametrize(("argument", "match"), [("projct=x", "Did you mean 'project'"), ("{empty}", "no run in")])
def test_wrong_arguments(argument: str, match: str, tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=match):
        wandb_workspace.read([argument.format(empty=tmp_path)])


def test_without_the_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "wandb_workspaces", None)
    monkeypatch.setitem(sys.modules, "wandb_workspaces.reports.v2", None)
    with pytest.raises(UserError, match=r"pip install 'restorelab\[workspace\]'"):
        wandb_workspace.run([])


def test_without_a_key(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("wandb_workspaces")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    monkeypatch.delenv("WANDB_API_KEY", raising=False)
    with pytest.raises(UserError, match="no API key"):
        wandb_workspace.run(["entity=team"])


@pytest.mark.slow
def test_it_is_saved(sweep: Path, tmp_path: Path) -> None:
    """In a process of its own: W&B keeps the first server it meets."""
    pytest.importorskip("wandb_workspaces")
    import os
    import subprocess

    code = "import sys; from restorelab.training.loggers.wandb_workspace import run; sys.exit(run(sys.argv[1:]))"
    with serving() as server:
        said = subprocess.run(
            [sys.executable, "-c", code, str(sweep)], capture_output=True, text=True, check=False, timeout=120,
            env=os.environ | {"WANDB_BASE_URL": server.url, "WANDB_API_KEY": KEY, "HOME": str(tmp_path)},
        )  # fmt: skip
        assert said.returncode == 0, said.stderr
        (view,) = server.views
        assert (view["entityName"], view["projectName"], view["displayName"]) == ("team", "denoise", "the_group")
        assert "/team/denoise?nw=" in said.stdout
