"""The reference of the documentation: complete, with every default as the config file has it."""

import re
import sys
from collections.abc import Iterator
from html import unescape
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorelab.config.schema import conf_dir

ROOT = Path(__file__).resolve().parents[2]
sys.path.append(str(ROOT / "docs"))

import notebook_page  # noqa: E402
import reference_pages  # noqa: E402

ROW = re.compile(r"^\| `([^`]+)` \| (?:`(.*?)`)? ?\| (.*?) \| (.*) \|$")


def leaves(node: dict[str, Any], prefix: str) -> Iterator[tuple[str, Any]]:
    """Every key of a config and its value; mappings that hold keys are named by their target."""
    for key, value in node.items():
        if key in ("_target_", "_partial_", "defaults", "hydra"):
            continue
        if isinstance(value, dict) and value:
            yield from [(f"{prefix}{key}", value["_target_"])] if "_target_" in value else []
            yield from leaves(value, f"{prefix}{key}.")
        else:
            yield f"{prefix}{key}", value


def rows(text: str) -> dict[str, tuple[Any, str, str]]:
    """Default, type and comment by key, of the tables of a page."""
    matches = [ROW.match(line) for line in text.splitlines() if line.startswith("| `")]
    assert all(matches)
    return {m[1]: (yaml.safe_load((m[2] or "").replace("\\|", "|")), unescape(m[3]), m[4]) for m in matches if m}


@pytest.mark.parametrize("group", reference_pages.groups())
def test_every_key_of_a_group_is_there_with_its_default_and_a_comment(group: str) -> None:
    sections = dict(re.findall(r"^## (\S+)\n((?:(?!^## ).*\n)*)", reference_pages.group_page(group), re.MULTILINE))
    files = sorted((conf_dir() / group).rglob("*.yaml"))
    assert list(sections) == [file.relative_to(conf_dir() / group).with_suffix("").as_posix() for file in files]
    for file, section in zip(files, sections.values(), strict=True):
        table = rows(section)
        expected = dict(leaves(yaml.safe_load(file.read_text()) or {}, f"{group}."))
        assert expected.keys() <= table.keys(), file
        for key, value in expected.items():
            assert table[key][0] == value, key
        assert not [key for key, (_, _, comment) in table.items() if not comment.strip()], f"{file}: add a YAML comment"


@pytest.mark.parametrize("name", ["train", "sweep"])
def test_every_key_of_a_run_and_a_sweep_is_there(name: str) -> None:
    table = rows(reference_pages.keys_page(name, "", ""))
    expected = dict(leaves(yaml.safe_load((conf_dir() / f"{name}.yaml").read_text()), ""))
    assert {key: default for key, (default, _, _) in table.items()} == expected
    assert all(kind and comment for _, kind, comment in table.values())


def test_types_and_ranges_are_those_of_the_schema() -> None:
    table = rows(reference_pages.keys_page("train", "", ""))
    assert table["seed"][1] == "a whole number, 0 to 4294967295"
    assert table["clip"][1] == "a number or null"
    noise = rows(reference_pages.group_page("noise"))
    assert noise["noise.per"][1] == "'element' or 'pixel'"


def test_every_experiment_and_study_is_there() -> None:
    for group, title in (("experiment", "Experiments"), ("study", "Studies"), ("verify", "Certificates")):
        page = reference_pages.named_page(group, title, "{}")
        names = {
            file.relative_to(conf_dir() / group).with_suffix("").as_posix()
            for file in (conf_dir() / group).rglob("*.yaml")
        }
        assert set(re.findall(r"^## (\S+)$", page, re.MULTILINE)) == names


def test_a_certificate_shows_its_published_numbers() -> None:
    page = reference_pages.named_page("verify", "", "{}")
    section = page.partition("## dncnn_25\n")[2].partition("\n## ")[0]
    assert "| `set12` | `gaussian_25_unclipped` | 30.44 |" in section
    assert "agrees within 0.05 dB" in section
    assert "license: MIT" in section
    assert page.count("| Test set |") == len(list((conf_dir() / "verify").glob("*.yaml")))


def test_a_comment_keeps_its_code_and_escapes_the_rest() -> None:
    assert reference_pages.text("of `a_b|c` or <x> in [0, 1]") == r"of `a_b\|c` or &lt;x&gt; in \[0, 1\]"


def test_the_notebook_shows_its_outputs() -> None:
    page = notebook_page.markdown(ROOT / "docs" / "tutorials" / "notebook.ipynb")
    assert page.startswith("# From a notebook\n")
    assert page.count("data:image/png;base64,") == 1
    assert "'done'" in page
