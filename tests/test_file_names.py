"""File names for any ids."""

import json
import re
from pathlib import Path
from typing import Any

import pytest

import runs
from restorelab.config import build, conf_files, schema
from restorelab.errors import ConfigError, DataError, UserError
from restorelab.exchange import manifest
from restorelab.file_names import file_names, refusal
from restorelab.report.run_page import page


def test_a_safe_id_stays_as_it_is():
    assert file_names(["a", "b-1_x.png"]) == ["a", "b-1_x.png"]


@pytest.mark.parametrize(
    "name",
    ["a/b", "../../etc/passwd", "a b", "ü", "", ".", "..", ".hidden", "-rf", "con", "NUL.png", "x" * 400, "a\0b"],
)
def test_any_other_becomes_safe(name: str):
    (found,) = file_names([name])
    assert re.fullmatch(r"[A-Za-z0-9_][A-Za-z0-9._-]{0,139}", found)
    assert found != name
    assert not re.fullmatch(r"(con|nul)(\..*)?", found, re.IGNORECASE)


def test_unique_also_where_case_does_not_count():
    ids = ["a/b", "a_b", "a b", "A_B", "x" * 300, "x" * 301, "y", "Y"]
    found = [name.casefold() for name in file_names(ids)]
    assert len(set(found)) == len(ids)


def test_the_name_does_not_depend_on_the_order():
    ids = ["a/b", "a_b", "c", "C"]
    assert dict(zip(ids, file_names(ids), strict=True)) == dict(zip(ids[::-1], file_names(ids[::-1]), strict=True))


def test_endings_of_images_are_left_out_and_names_stay_unique():
    found = file_names(["a.png", "b.JPG", "c/d.png", "e.tar", "f.png", "f.tif"], (".png", ".jpg", ".tif"))
    assert found[:2] == ["a", "b"]
    assert found[3] == "e.tar"
    assert re.fullmatch(r"c_d-[0-9a-f]{8}", found[2])
    assert len(set(found)) == 6
    assert all(re.fullmatch(r"f-[0-9a-f]{8}", name) for name in found[4:])


REFUSED = [
    "", ".", "..", "../x", "/etc/passwd", "a/b", "a\\b", "..\\x", "C:x", "a\0b", "a\nb", "\x1b[2J", "\u202ea", "-rf",
    ".hidden", " a", "a ", "a.", "con", "NUL", "aux.png", "com1", "x" * 121, "ü" * 121, "<b>", "a|b", "what?",
    "\ud800", 3, None,
]  # fmt: skip


@pytest.fixture(scope="module")
def composed() -> dict[str, Any]:
    return runs.settings(Path("run"))


@pytest.mark.parametrize("name", REFUSED)
def test_names_that_can_be_no_file(name: object, tmp_path: Path, composed: dict[str, Any]):
    """As names of evaluations and callbacks in a config, of a run, and in a set that is somebody else's."""
    assert refusal(name)
    key = name if isinstance(name, str) else str(name)
    if isinstance(name, str):
        for group in ("evaluation", "callbacks"):
            with pytest.raises(ConfigError, match=group):
                schema.check_names({**composed, group: {key: {}}})
        with pytest.raises(UserError, match="evaluation"):
            build.parts({**composed, "evaluation": {key: {}}})
    entry = {"name": "x", "folder": "x", "spec": "", "bits": "", "degradation": {}, "outside": 0, "images": []}
    image = {"id": "a", "group": "a", "file": name, "shape": [1, 8, 8], "input_shape": [1, 8, 8]}
    of_a_test_set = name == "a/b"  # SET/EVALUATION
    for wrong in ({"images": [image]}, *(() if of_a_test_set else ({"name": name}, {"folder": name}))):
        content = {"schema": 1, "part": "test", "clean": False, "protocol": {}, "config": {}, "restorelab": "0.1",
                   "evaluations": [{**entry, **wrong}]}  # fmt: skip
        (tmp_path / "manifest.json").write_text(json.dumps(content))
        with pytest.raises(DataError, match=r"manifest\.json: the name"):
            manifest.read(tmp_path)


@pytest.mark.parametrize("name", ["gaussian_50", "own@ae", "größe", "a b", "x.5", "noise=25,50", "日本"])
def test_names_that_people_use(name: str):
    assert refusal(name) is None


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/tmp/x", "a//b", "-x"])
def test_a_runs_name_stays_in_runs_dir(name: str, composed: dict[str, Any]):
    with pytest.raises(ConfigError, match=r"name: .* runs_dir"):
        schema.check_names({**composed, "name": name})
    schema.check_names({**composed, "name": "a/b"})


@pytest.mark.parametrize("group", ["study", "executor"])
def test_a_file_of_conf_is_not_looked_for_elsewhere(group: str):
    with pytest.raises(ConfigError, match="leads to another folder"):
        conf_files.find(group, "../../x")


def test_what_others_wrote_is_text_on_a_runs_page(tmp_path: Path):
    """The comparison's and the study's page have their own tests."""
    evil = "<img src=x onerror=alert(1)>'\"&"
    settings = {**runs.settings(tmp_path), "name": evil, "run_dir": evil}
    settings["choices"] = dict.fromkeys(settings["choices"], evil)
    metrics = {"test/psnr": 20.0, "input/psnr": 10.0, "test/ssim": 0.5, "input/ssim": 0.1, "test/mse": 0.1}
    entry = {"degradation": evil, "set": evil, "spec": evil, "bits": evil, "images": 3, "metrics": metrics,
             "protocol": {}, "capped": 0, "seconds": 1.0, "dead_pixels": None, "tuned": None,
             "image_seconds": None}  # fmt: skip
    result = {"parameters": 1, "seconds": 1.0, "images_per_second": None, "peak_memory": 1, "git": evil, "macs": 1,
              "versions": {evil: evil}, "evaluations": [entry], "device": evil, "host": evil, "model": evil,
              "macs_of": [1, 8, 8],
              "metrics": metrics, "objective": evil}  # fmt: skip
    text = page(settings, result, evil, {evil: evil}, evil, tmp_path / evil.replace("/", ""), {})
    assert "<img src=x" not in text
    assert "&lt;img src=x" in text
