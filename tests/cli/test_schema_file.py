"""`restorelab schema`: every shipped config is valid by it, and mistakes are not."""

import copy
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from restorelab.cli import main
from restorelab.config.schema import conf_dir


@pytest.fixture(scope="module")
def validator(tmp_path_factory: pytest.TempPathFactory) -> Any:
    file = tmp_path_factory.mktemp("schema") / "conf.schema.json"
    assert main.main(["schema", f"out={file}"]) == 0
    schema = json.loads(file.read_text())
    jsonschema.Draft7Validator.check_schema(schema)
    return jsonschema.Draft7Validator(schema)


def test_every_shipped_config_is_valid(validator: Any) -> None:
    files = sorted(conf_dir().rglob("*.yaml"))
    assert len(files) > 100
    for file in files:
        errors = [error.message for error in validator.iter_errors(yaml.safe_load(file.read_text()))]
        assert not errors, f"{file}: {errors[:2]}"


@pytest.mark.parametrize(
    ("file", "path", "value"),
    [
        ("noise/gaussian", ("sgma",), 3),
        ("noise/gaussian", ("clip",), "yes"),
        ("noise/impulse", ("per",), "elements"),
        ("noise/each", ("noises", "gaussian", "sgma"), 3),
        ("model/dncnn", ("depth",), 1.5),
        ("data/folder", ("source", "groups"), "file"),
        ("optimizer/adam", ("lr",), "fast"),
        ("train", ("seed",), "abc"),
        ("train", ("defaults", 1, "model"), "dncn"),
    ],
)
def test_a_mistake_is_not_valid(validator: Any, file: str, path: tuple[Any, ...], value: Any) -> None:
    content = yaml.safe_load((conf_dir() / f"{file}.yaml").read_text())
    assert validator.is_valid(content)
    changed = copy.deepcopy(content)
    node = changed
    for key in path[:-1]:
        node = node[key]
    node[path[-1]] = value
    assert not validator.is_valid(changed)


def test_keys_say_what_they_decide(validator: Any) -> None:
    properties = validator.schema["else"]["properties"]
    assert properties["max_steps"]["description"].startswith("end training after so many optimizer steps")
    (adam,) = [case["then"] for case in validator.schema["$defs"]["node"]["allOf"]
               if case["if"]["properties"]["_target_"]["const"] == "torch.optim.Adam"]  # fmt: skip
    assert "learning rate" in adam["properties"]["lr"]["description"]


def test_another_option_is_refused(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    assert main.main(["schema", f"file={tmp_path / 'x.json'}"]) == 2
    assert not list(tmp_path.iterdir())
