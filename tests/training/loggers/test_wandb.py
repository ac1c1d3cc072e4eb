"""W&B offline: what a run hands over is read back from W&B's own file, with W&B's own reader."""

import json
import subprocess
import sys
from dataclasses import fields
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

import runs
from restorelab.config.schema import GROUPS, Train
from restorelab.errors import UserError
from restorelab.training.loggers.run_loggers import RunLoggers
from restorelab.training.loggers.run_start import RunStart
from restorelab.training.loggers.wandb_run import HOW, shown
from training.loggers import offline

NODE = {"_target_": "restorelab.training.loggers.wandb.WandB"}


def made(run_dir: Path) -> Path:
    (offline,) = (run_dir / "wandb").glob("offline-run-*")
    return offline


@pytest.fixture(scope="module")
def done(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("sweep") / "dncnn-s0-12345678"
    outcome = runs.run(
        folder, "pictures=4", "logger=wandb", "callbacks=default", "callbacks.panels.every=1", "trainer.max_epochs=1",
        "logger.wandb.group=a_sweep", "logger.wandb.name=dncnn-s0-12345678", "logger.wandb.tags=[mine]",
        "optimizer.lr=0.002",
    )  # fmt: skip
    assert outcome.status == "done", outcome.message
    assert f"restorelab sync {folder}" in outcome.message
    return folder


def test_config_metrics_and_state_arrive(done: Path) -> None:
    kept = offline.summary(made(done))
    result = json.loads((done / "result.json").read_text())
    assert kept["config"]["choices"]["model"] == "dncnn"
    assert kept["config"]["data"]["batch_size"] == 8
    values = kept["summary"]
    for name, value in result["metrics"].items():
        assert values[name] == pytest.approx(value)
    assert {"val/psnr", "train/loss"} <= values.keys()


@pytest.mark.slow
def test_dashboard_can_group_and_draw_axes_at_once(done: Path) -> None:
    (record,) = [entry["run"] for entry in offline.records(made(done)) if entry["type"] == "run"]
    assert record["run_group"] == "a_sweep"
    assert record["display_name"] == "dncnn-s0-12345678"
    assert record["job_type"] == "train"
    assert {"mine", "model=dncnn", "noise=gaussian"} <= set(record["tags"])
    assert not any(tag.startswith(("logger=", "callbacks=", "trainer=")) for tag in record["tags"])
    config = offline.summary(made(done))["config"]
    # Axes and groupings are plain values: of the choices at the top, of parameters by their names on the command line.
    assert config["model_name"] == "dncnn"
    assert config["noise_name"] == "gaussian"
    assert config["seed"] == 0
    assert config["optimizer"]["lr"] == 0.002
    assert config["model"]["depth"] == 3


def test_no_choice_hides_a_key_of_the_config() -> None:
    config = {field.name: {} for field in fields(Train)} | {"choices": dict.fromkeys(GROUPS, "x")}
    assert {key: value for key, value in shown(config).items() if key in config} == config
    assert shown(config).keys() - config.keys() == {f"{group}_name" for group in GROUPS if group not in HOW}


def test_runs_of_a_sweep_stand_in_one_folder_by_name(done: Path) -> None:
    link = done.parent / "wandb" / "run-dncnn-s0-12345678"
    assert link.resolve() == made(done)
    assert not link.readlink().is_absolute()  # a sweep that is moved takes it along
    assert offline.summary(link)["exit_code"] == 0


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
    kept = offline.summary(made(tmp_path / "run"))
    assert kept["summary"]["status"] == "failed"
    assert kept["exit_code"] == 1


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="finds the service as Linux shows it")
@pytest.mark.slow
def test_run_outlives_the_service(tmp_path: Path) -> None:
    code = """
import logging, os, signal, sys, time
from pathlib import Path
from restorelab.training.loggers.run_loggers import RunLoggers
from restorelab.training.loggers.run_start import RunStart
logging.basicConfig()
node = {"_target_": "restorelab.training.loggers.wandb.WandB", "mode": "offline"}
loggers = RunLoggers()
loggers.begin({"wandb": node}, RunStart({}, Path(sys.argv[1]), "name"))
core = []
for place in Path("/proc").glob("[0-9]*/cmdline"):
    try:
        words = place.read_bytes().split(b"\\0")
    except OSError:
        continue
    if b"wandb-core" in words[0] and str(os.getpid()).encode() in words:
        core.append(place.parent.name)
os.kill(int(core[0]), signal.SIGKILL)
time.sleep(0.5)
for step in range(5):
    loggers.log({"train/loss": 1.0}, step)
loggers.finish({"test/psnr": 20.0}, failed=False)
print("done", loggers.describe())
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    said = subprocess.run(command, capture_output=True, text=True, timeout=120, check=False, env=offline.alone())
    assert "done" in said.stdout, said.stderr
    assert said.stderr.count("logger.wandb: stopped") == 1
    assert "'wandb': 'stopped (" in said.stdout


def test_start_that_fails_is_a_clear_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    def refuse(**rest: object) -> None:
        raise wandb.errors.CommError("the server is on holiday")

    monkeypatch.setattr(wandb, "init", refuse)
    with pytest.raises(UserError, match=r"on holiday.*logger\.wandb\.mode=offline.*logger=csv"):
        RunLoggers().begin({"wandb": NODE}, RunStart({}, tmp_path, "name"))


@pytest.mark.parametrize("name", ["WANDB_MODE", "WANDB_DISABLED"])
def test_disabled_starts_and_writes_nothing(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import wandb

    monkeypatch.setenv(name, "disabled" if name == "WANDB_MODE" else "1")
    monkeypatch.setenv("WANDB_API_KEY", "x" * 40)
    monkeypatch.setattr(wandb, "init", lambda **rest: pytest.fail("W&B was started"))
    loggers = RunLoggers()
    loggers.begin({"wandb": {**NODE, "mode": "online"}}, RunStart({}, tmp_path, "name"))
    loggers.log({"train/loss": 1.0}, 1)
    loggers.named["wandb"].experiment.log({"mine": 1.0})  # what a callback of one's own may do
    loggers.named["wandb"].log_hyperparams({"mine": 1.0})
    loggers.image("x", np.zeros((2, 2, 3), np.uint8), 1)
    loggers.finish({}, failed=False)
    assert not list(tmp_path.iterdir())
    assert name in loggers.describe()["wandb"]
    assert "stopped" not in loggers.describe()["wandb"]


def test_wandb_dir_is_heeded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_DIR", str(tmp_path / "elsewhere"))
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    (tmp_path / "elsewhere").mkdir()
    loggers = RunLoggers()
    loggers.begin({"wandb": NODE}, RunStart({}, tmp_path / "run", "name"))
    loggers.finish({}, failed=False)
    assert len(list((tmp_path / "elsewhere" / "wandb").glob("offline-run-*"))) == 1
    assert not list((tmp_path / "run" / "wandb").glob("offline-run-*"))
    assert f"restorelab sync {tmp_path / 'elsewhere'}" in loggers.describe()["wandb"]


def test_setting_that_wandb_does_not_know_is_a_clear_error(tmp_path: Path) -> None:
    code = """
import sys
from pathlib import Path
from restorelab.errors import UserError
from restorelab.training.loggers.run_start import RunStart
from restorelab.training.loggers.wandb_run import open_run
try:
    open_run(RunStart({}, Path(sys.argv[1]), "name"))
except UserError as error:
    print(error)
"""
    command = [sys.executable, "-c", code, str(tmp_path)]
    environment = offline.alone() | {"WANDB_MODE": "onlne"}
    said = subprocess.run(command, capture_output=True, text=True, timeout=60, check=True, env=environment).stdout
    assert "mode" in said
    assert "'onlne'" in said
    assert "logger=csv" in said
