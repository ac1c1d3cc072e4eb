"""The page in a real browser: what a reader does with mouse and keys, and what must never happen."""

from pathlib import Path
from typing import Any

import pytest

from compare import page_material
from compare.browsing import SIDE, Opened
from compare.page_material import comparison, crops, names
from restorelab.compare.comparison_page import page as made
from restorelab.report.table import Cell, Table
from restorelab.runs.record import Runs
from restorelab.study import study_page


def test_it_asks_the_network_for_nothing(opened: Opened, file: Path) -> None:
    for key in "jjjjkt?":
        opened.tab.keyboard.press(key)
    opened.tab.keyboard.press("Escape")
    opened.tab.locator(".tabs [role=tab]").last.click()
    assert {url for url in opened.asked if not url.startswith("data:image/webp;base64,")} == {file.as_uri()}
    assert not opened.wrong


@pytest.mark.slow
def test_light_and_dark_follow_the_system_until_chosen_and_are_remembered(browser: Any, file: Path) -> None:
    opened = Opened(browser, file, color_scheme="dark")
    ground = "getComputedStyle(document.body).backgroundColor"
    dark = opened.run(ground)
    opened.tab.keyboard.press("t")
    light = opened.run(ground)
    assert light != dark
    opened.tab.reload()
    assert opened.run(ground) == light
    opened.tab.locator("#theme").click()
    assert opened.run(ground) == dark
    assert not opened.wrong
    opened.context.close()
    other = Opened(browser, file, color_scheme="light")
    assert other.run(ground) == light
    other.context.close()


@pytest.mark.slow
def test_a_run_stands_out_everywhere(opened: Opened) -> None:
    button = opened.tab.locator(".side .legend button[data-run='2']")
    opacity = (
        "run => +getComputedStyle(document.querySelector(`#curves .drawing.wide .run[data-run='${run}']`)).opacity"
    )
    settled = "() => document.getAnimations().every(a => a.playState === 'finished')"
    assert opened.run(opacity, "1") == 1
    button.hover()
    opened.tab.wait_for_function(settled)
    assert opened.run(opacity, "1") < 0.2
    assert opened.run(opacity, "2") == 1
    opened.tab.mouse.move(700, 20)
    opened.tab.wait_for_function(settled)
    assert opened.run(opacity, "1") == 1
    button.focus()
    opened.tab.keyboard.press("Enter")
    assert button.get_attribute("aria-pressed") == "true"
    opened.tab.wait_for_function(settled)
    assert opened.run(opacity, "1") < 0.2
    marked = "run => getComputedStyle(document.querySelector(`#leaderboard tr[data-run='${run}'] td`)).backgroundColor"
    assert opened.run(marked, "2") != opened.run(marked, "1")
    opened.tab.keyboard.press("Escape")
    assert button.get_attribute("aria-pressed") == "false"
    opened.tab.wait_for_function(settled)
    assert opened.run(opacity, "1") == 1


@pytest.mark.slow
def test_values_are_said_where_one_points_and_by_the_arrow_keys(opened: Opened) -> None:
    tip = opened.tab.locator("#tip")
    mark = opened.tab.locator("#pareto .drawing:visible .mark").first
    mark.scroll_into_view_if_needed()
    mark.hover()
    assert tip.inner_text().startswith("ae-gaussian\nPSNR (dB): ")
    chart = opened.tab.locator("#curves .drawings").first
    chart.scroll_into_view_if_needed()
    chart.focus()
    opened.tab.keyboard.press("ArrowRight")
    opened.tab.keyboard.press("ArrowRight")
    said = str(tip.text_content()).splitlines()
    assert said[0] == "step 100"
    first = opened.run("JSON.parse(document.querySelector('#curves figure').dataset.series)[0]")
    assert f"{first['name']}  {first['y'][first['x'].index(100)]:g}" in said
    opened.tab.keyboard.press("Escape")
    assert tip.is_hidden()


@pytest.mark.slow
def test_keys_lead_through_the_page_and_explain_themselves(opened: Opened) -> None:
    opened.tab.keyboard.press("Tab")
    assert opened.run("document.activeElement.className") == "skip"
    opened.tab.keyboard.press("3")
    assert opened.run("document.activeElement.closest('section').id") == "pictures"
    opened.tab.keyboard.press("j")
    assert opened.run("document.activeElement.closest('section').id") == "pareto"
    opened.tab.keyboard.press("k")
    assert opened.run("document.activeElement.closest('section').id") == "pictures"
    opened.tab.keyboard.press("?")
    assert opened.tab.locator("#help").is_visible()
    opened.tab.keyboard.press("Escape")
    assert opened.tab.locator("#help").is_hidden()


@pytest.mark.slow
def test_long_names_break_where_they_may(browser: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    long = [f"{name}-optimizer.lr=0.00{n}-model.features=96-loss=charbonnier" for n, name in enumerate(names(3))]
    monkeypatch.setattr(page_material, "names", lambda count: long[:count])
    file = tmp_path / "long.html"
    file.write_text(made(comparison(tmp_path / "runs", 3), crops(long, SIDE, ("gaussian_50",))))
    opened = Opened(browser, file, viewport={"width": 360, "height": 780})
    assert opened.run("document.documentElement.scrollWidth") == 360
    room = "document.querySelector('#leaderboard tbody th').getBoundingClientRect().width"
    assert opened.run(room) < 180  # half of the window is left for the numbers
    opened.context.close()


@pytest.mark.slow
@pytest.mark.parametrize("width", [360, 768, 1440])
def test_nothing_sticks_out_of_any_window(browser: Any, file: Path, width: int) -> None:
    opened = Opened(browser, file, viewport={"width": width, "height": 780})
    assert opened.run("document.documentElement.scrollWidth") == width
    shown = "[...d.querySelectorAll('.drawing')].filter(c => c.offsetParent).length"
    drawn = f"[...document.querySelectorAll('.drawings')].map(d => {shown})"
    assert set(opened.run(drawn)) == {1}
    small = "[...document.querySelectorAll('.chart')].filter(c => c.offsetParent ?? c.getBoundingClientRect().width)"
    letters = f"Math.min(...{small}.map(c => 12 * c.getBoundingClientRect().width / c.viewBox.baseVal.width))"
    assert opened.run(letters) >= 10  # pixels of the smallest chart's letters
    if width == 360:
        opened.tab.locator(".menu").click()
        assert opened.tab.locator(".side nav a").first.is_visible()
        opened.tab.keyboard.press("Escape")
        assert opened.tab.locator(".side nav a").first.is_hidden()
    assert not opened.wrong
    opened.context.close()


def test_it_is_whole_without_a_script(browser: Any, file: Path) -> None:
    opened = Opened(browser, file, java_script_enabled=False)
    assert opened.tab.locator(".case").count() == 8
    assert opened.tab.locator(".case:visible").count() == 8
    assert opened.tab.locator(".drawing:visible svg").count() == opened.tab.locator("figure").count()
    assert opened.tab.locator("#theme, .strip, .pair").locator("visible=true").count() == 0
    opened.context.close()


@pytest.mark.slow
def test_other_pages_share_the_frame_and_its_scripts(browser: Any, tmp_path: Path) -> None:
    """A study's page: no legend of runs, a table that is not sorted, and one that is wider than the window."""
    wide = Table("Wide", ["", *(f"column {n}" for n in range(20))], [[Cell("a")] * 21], ordered=True)
    page = tmp_path / "study.html"
    page.write_text(study_page.page({"title": "t", "runs": {"a": ["x=1"]}}, Runs([]), {"wide": wide}, {}, {}))
    opened = Opened(browser, page, viewport={"width": 700, "height": 900})
    assert opened.tab.locator(".more:visible").count() == 1
    opened.tab.locator("#runs th[data-column='0'] button").click()
    opened.tab.keyboard.press("t")
    opened.tab.locator(".menu").click()
    opened.tab.locator("nav ul a").click()
    assert not opened.wrong
    opened.context.close()
