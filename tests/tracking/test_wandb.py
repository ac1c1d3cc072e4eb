"""W&B offline: what a run hands over is read back from W&B's own file, with W&B's own reader."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import runs
from restorelab.tracking.wandb import WandB

ONLINE = {"WANDB_API_KEY": "x" * 40}


def read_back(run_dir: Path) -> dict[str, Any]:
    (offline,) = (run_dir / "wandb").glob("offline-run-*")
    wandb = Path(sys.executable).with_name("wandb")
    command = [str(wandb), "leet", "inspect", "--summary", "--json", str(offline)]
    return json.loads(subprocess.run(command, capture_output=True, text=True, check=True, timeout=60).stdout)


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wandb") / "run"
    outcome = runs.run(folder, "logger=wandb", "callbacks=default", "callbacks.panels.every=1", "trainer.max_epochs=1")
    assert outcome.status == "done", outcome.message
    assert "wandb sync" in outcome.message
    return folder


def test_config_metrics_and_state_arrive(done: Path) -> None:
    kept = read_back(done)
    result = json.loads((done / "result.json").read_text())
    assert kept["config"]["choices"]["model"] == "dncnn"
    assert kept["config"]["data"]["batch_size"] == 8
    values = kept["summary"]
    for name, value in result["metrics"].items():
        assert values[name] == pytest.approx(value)
    assert {"val/psnr", "train/loss"} <= values.keys()


def test_pictures_arrive_and_are_not_black(done: Path) -> None:
    files = sorted((done / "wandb").glob("offline-run-*/files/media/images/**/*.png"))
    assert {file.name.split("_")[0] for file in files} == {"panel", "gaussian", "curves"}
    for file in files:
        pixels = np.asarray(Image.open(file).convert("L"))
        assert pixels.std() > 20
        assert pixels.max() == 255


def test_failed_run_is_marked_failed(tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", "logger=wandb", "optimizer.lr=1e30")
    assert outcome.status == "failed"
    kept = read_back(tmp_path / "run")
    assert kept["summary"]["status"] == "failed"
    assert kept["exit_code"] == 1


@pytest.mark.parametrize(
    ("mode", "environment", "expected"),
    [
        ("auto", {}, "offline"),
        ("auto", ONLINE, "online"),
        ("offline", ONLINE, "offline"),
        ("online", {}, "online"),
        ("online", {"WANDB_MODE": "offline"}, "offline"),
    ],
)
def test_mode(
    mode: str, environment: dict[str, str], expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_MODE", "WANDB_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert WandB(mode=mode)._choose_mode()[0] == expected


def test_login_in_netrc_is_seen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("WANDB_MODE", "WANDB_API_KEY", "NETRC"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    (tmp_path / ".netrc").write_text("machine api.wandb.ai login user password " + "x" * 40 + "\n")
    (tmp_path / ".netrc").chmod(0o600)
    mode, reason = WandB()._choose_mode()
    assert mode == "online"
    assert "api.wandb.ai" in reason
