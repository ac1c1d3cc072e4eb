"""One browser and one page for all tests that click."""

import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compare.browsing import RUNS, SIDE, Opened
from compare.page_material import comparison, crops, names
from restorelab.compare.comparison_page import page as made


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
    found = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome")
    if not found:
        pytest.skip("no chromium or google-chrome on the PATH")
    with api.sync_playwright() as playwright:
        running = playwright.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"])
        yield running
        running.close()


@pytest.fixture(scope="session")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("page")
    target = folder / "index.html"
    pictures = crops(names(RUNS), SIDE, ("gaussian_50", "impulse_30"))
    target.write_text(made(comparison(folder / "runs", RUNS), pictures))
    return target


@pytest.fixture(scope="session")
def tab(browser: Any, file: Path) -> Iterator[Opened]:
    found = Opened(browser, file, viewport={"width": 1300, "height": 900})
    yield found
    found.context.close()


@pytest.fixture
def opened(tab: Opened, file: Path) -> Iterator[Opened]:
    """The page anew, in the one tab that most tests share."""
    tab.run("localStorage.clear()")
    tab.asked.clear()
    tab.tab.mouse.move(0, 0)
    tab.tab.goto(file.as_uri())
    yield tab
    assert not tab.wrong
