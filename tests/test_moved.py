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
