"""Runs that an earlier version made are read with the names that their parts have now."""

from importlib import import_module
from pathlib import Path

import pytest
import yaml

import runs
from restorelab.config.run_config import MOVED, read_config
from restorelab.config.schema import require_whole


@pytest.mark.parametrize(("old", "new"), MOVED.items())
def test_a_config_of_an_earlier_version_names_what_there_is(old: str, new: str, tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text(yaml.safe_dump({"a": {"b": [{"_target_": old, "x": 1}]}}))
    assert read_config(tmp_path)["a"] == {"b": [{"_target_": new, "x": 1}]}
    module, _, name = new.rpartition(".")
    assert hasattr(import_module(module), name)


@pytest.mark.parametrize("module", ["restorelab.tracking", "restorelab.training.loggers"])
def test_the_one_logger_of_an_earlier_version_gets_a_name(module: str, tmp_path: Path) -> None:
    def read(logger: dict[str, str]) -> object:
        (tmp_path / "config.yaml").write_text(yaml.safe_dump({"logger": logger}))
        return read_config(tmp_path)["logger"]

    assert read({"_target_": f"{module}.tracker.CsvOnly"}) == {}
    wandb = {"_target_": "restorelab.training.loggers.wandb.WandB", "project": "p"}
    assert read({"_target_": f"{module}.wandb.WandB", "project": "p"}) == {"wandb": wandb}
    assert read({"wandb": wandb}) == {"wandb": wandb}


KEYS_0_2_0 = {
    "model", "data", "blur", "downsample", "noise", "jpeg", "evaluation", "loss", "objective", "optimizer", "scheduler",
    "trainer", "protocol", "metrics", "logger", "callbacks", "name", "run_dir", "runs_dir", "data_dir", "resume",
    "train", "ckpt", "transfer", "length", "short", "seed", "split_seed", "eval_seed", "threads", "max_steps",
    "max_time", "accumulate", "clip", "pictures", "debug", "trust", "choices", "sessions",
}  # fmt: skip
"""Keys at the root of a config that version 0.2.0 wrote."""


def test_a_config_of_version_0_2_0_is_whole(tmp_path: Path) -> None:
    """A key that is added later gets the value that says what runs did before it was there."""
    config = {key: value for key, value in runs.settings(tmp_path).items() if key in KEYS_0_2_0}
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    require_whole(read_config(tmp_path), tmp_path / "config.yaml")
