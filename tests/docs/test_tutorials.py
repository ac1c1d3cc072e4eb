"""Every tutorial is executed from its own text, top to bottom, in one empty folder.

A block `sh` holds commands, `python` a script, and a block with a title is a file that the reader writes. Commands of
restorelab are executed in this process; a comment `fails` above a block says that its commands end with exit status 2.
Other blocks are not executed.
"""

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from restorelab.cli.main import main

TUTORIALS = Path(__file__).resolve().parents[2] / "docs" / "tutorials"
BLOCK = re.compile(r"^(?:<!-- (fails) -->\n)?```(\w+)([^\n]*)\n(.*?)^```$", re.DOTALL | re.MULTILINE)
EXECUTED = ("first-run", "your-own-photographs", "your-own-parts", "sweep-overnight", "papers-table")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("PYTHONPATH", f"{tmp_path}:{Path(__file__).resolve().parents[2] / 'src'}")
    return tmp_path


def execute(status: int, kind: str, options: str, content: str) -> None:
    title = re.search(r'title="(.+?)"', options)
    if title:
        file = Path(title[1])
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(content)
    elif kind == "python":
        subprocess.run([sys.executable, "-c", content], check=True)
    elif kind == "sh":
        for line in content.splitlines():
            if line.startswith("restorelab "):
                assert main(shlex.split(line)[1:]) == status, line
            else:
                subprocess.run(["bash", "-ec", line], check=True)


@pytest.mark.slow
@pytest.mark.parametrize("name", EXECUTED)
def test_a_tutorial_works_from_top_to_bottom(name: str, folder: Path) -> None:
    blocks = BLOCK.findall((TUTORIALS / f"{name}.md").read_text())
    assert len([kind for _, kind, _, _ in blocks if kind == "sh"]) >= 3
    for fails, kind, options, content in blocks:
        execute(2 if fails else 0, kind, options, content)
    assert list(folder.rglob("result.json"))


@pytest.mark.slow
def test_the_notebook_works_from_top_to_bottom(folder: Path) -> None:
    nbformat = pytest.importorskip("nbformat", reason="make docs installs what executes notebooks")
    nbclient = pytest.importorskip("nbclient", reason="make docs installs what executes notebooks")
    notebook = nbformat.read(TUTORIALS / "notebook.ipynb", as_version=4)
    stored = [cell.outputs for cell in notebook.cells if cell.cell_type == "code"]
    nbclient.NotebookClient(notebook, timeout=600, resources={"metadata": {"path": str(folder)}}).execute()
    made = [
        [o for o in cell.outputs if o.get("name") != "stderr"] for cell in notebook.cells if cell.cell_type == "code"
    ]
    assert [len(outputs) for outputs in made] == [len(outputs) for outputs in stored]
    assert made[0][0].data["text/plain"] == "'done'"
    assert made[-1] == stored[-1]


def test_every_page_of_the_tutorials_is_executed_or_says_why_not() -> None:
    pages = {file.stem for file in TUTORIALS.glob("*.md")} - {"index", "cluster"}
    assert pages == set(EXECUTED)
    assert "not executed: it needs one" in (TUTORIALS / "index.md").read_text()
