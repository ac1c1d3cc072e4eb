"""Runs that an earlier version made are read with the names that their parts have now."""

from importlib import import_module
from pathlib import Path

import pytest
import yaml

from restorelab.config.run_config import MOVED, read_config


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
