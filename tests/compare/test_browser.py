"""The page in a real browser: what a reader does with mouse and keys, and what must never happen."""

import re
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compare import page_material
from compare.page_material import comparison, crops, names
from restorelab.compare.comparison_page import page as made
from restorelab.report.table import Cell, Table
from restorelab.runs.record import Runs
from restorelab.study import study_page

RUNS = 6
SIDE = 32

api = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
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


class Opened:
    """A tab of the browser, with all that it asked for and all that it complained about."""

    def __init__(self, browser: Any, file: Path, **options: Any) -> None:
        self.context = browser.new_context(reduced_motion="reduce", **options)
        self.asked: list[str] = []
        self.wrong: list[str] = []
        self.tab = self.context.new_page()
        self.tab.on("request", lambda request: self.asked.append(request.url))
        self.tab.on("console", lambda message: self.wrong.append(message.text))
        self.tab.on("pageerror", lambda error: self.wrong.append(str(error)))
        self.tab.goto(file.as_uri())

    def run(self, script: str, *values: Any) -> Any:
        return self.tab.evaluate(script, *values)

    def column(self, number: int) -> list[str]:
        cells = "#leaderboard tbody tr:not([hidden])"
        return self.run(f"[...document.querySelectorAll('{cells}')].map(r => r.cells[{number}].dataset.v)")


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


def test_it_asks_the_network_for_nothing(opened: Opened, file: Path) -> None:
    for key in "jjjjkt?":
        opened.tab.keyboard.press(key)
    opened.tab.keyboard.press("Escape")
    opened.tab.locator(".tabs [role=tab]").last.click()
    assert {url for url in opened.asked if not url.startswith("data:image/webp;base64,")} == {file.as_uri()}
    assert not opened.wrong


@pytest.mark.slow
def test_a_heading_sorts_down_up_and_back(opened: Opened) -> None:
    head = opened.tab.locator("#leaderboard th[data-column='1']")
    before = opened.column(1)
    numbers = sorted((float(v) for v in before if v), reverse=True)
    assert [float(v) for v in before if v] != numbers
    head.locator("button").click()
    assert head.get_attribute("aria-sort") == "descending"
    assert opened.column(1) == [repr(v) for v in numbers] + [""] * before.count("")  # what is missing stands last
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "ascending"
    assert opened.column(1) == [repr(v) for v in numbers[::-1]] + [""] * before.count("")
    head.locator("button").press("Enter")
    assert head.get_attribute("aria-sort") == "none"
    assert opened.column(1) == before
    opened.tab.locator("#leaderboard th[data-column='0'] button").click()
    # The browser's own order of words, in which an underscore comes before a hyphen.
    assert opened.column(0) == sorted(names(RUNS), key=lambda name: name.replace("_", "!"))


@pytest.mark.slow
def test_the_filter_and_the_chips_take_away_rows_and_columns(opened: Opened) -> None:
    opened.tab.keyboard.press("/")
    opened.tab.keyboard.type("SEP gauss")
    assert opened.column(0) == ["ae_sep-gaussian"]
    opened.tab.keyboard.press("Escape")
    assert len(opened.column(0)) == RUNS
    shown = "[...document.querySelectorAll('#leaderboard th')].filter(h => h.offsetParent).map(h => h.textContent)"
    opened.tab.locator("#leaderboard .chip[data-group=impulse_30]").click()
    opened.tab.locator("#leaderboard .chip[data-head=MSE]").click()
    heads = opened.run(shown)
    assert "impulse_30" not in heads
    assert heads.count("MSE") == 0
    assert heads.count("PSNR") == 3
    visible = "[...document.querySelector('#leaderboard tbody tr').cells].filter(c => c.offsetParent).length"
    assert opened.run(visible) == 1 + 3 * 2 + 3
    groups = "[...document.querySelectorAll('th.group')].filter(h => h.offsetParent)"
    assert opened.run(f"{groups}.map(h => h.colSpan)") == [2] * 3


@pytest.mark.slow
def test_a_table_wider_than_the_page_says_so_and_goes_there(opened: Opened) -> None:
    more = opened.tab.locator("#leaderboard .more")
    assert more.is_visible()
    assert re.fullmatch(r"\d+ more columns →", more.text_content() or "")
    cells = opened.run("document.querySelector('#leaderboard tbody tr').cells.length")
    opened.tab.locator("#leaderboard .chip[data-head=SSIM]").click()  # the fewer columns, the fewer out of sight
    opened.tab.locator("#leaderboard .chip[data-head=MSE]").click()
    opened.tab.wait_for_function("document.querySelector('#leaderboard .more').hidden")
    opened.tab.locator("#leaderboard .chip[data-head=SSIM]").click()
    opened.tab.locator("#leaderboard .chip[data-head=MSE]").click()
    opened.tab.wait_for_function("!document.querySelector('#leaderboard .more').hidden")
    for _ in range(cells):
        if not more.is_visible():
            break
        more.click()
        opened.tab.wait_for_timeout(50)
    assert not more.is_visible()
    last = opened.tab.locator("#leaderboard tbody tr").first.locator("td").last
    box, scroll = last.bounding_box(), opened.tab.locator("#leaderboard .scroll").bounding_box()
    assert box["x"] + box["width"] <= scroll["x"] + scroll["width"] + 1


@pytest.mark.slow
@pytest.mark.parametrize("width", [390, 1000, 1400])
def test_no_table_is_cut_without_saying_so(width: int, browser: Any, file: Path) -> None:
    opened = Opened(browser, file, viewport={"width": width, "height": 800})
    cut = "[...document.querySelectorAll('.scroll')].filter(s => s.offsetParent && s.scrollWidth > s.clientWidth + 4)"
    silent = ".filter(s => s.previousElementSibling.className !== 'more' || s.previousElementSibling.hidden)"
    assert opened.run(f"{cut}.length") >= 1
    assert opened.run(f"{cut}{silent}.length") == 0
    assert not opened.wrong
    opened.context.close()


@pytest.mark.slow
def test_the_slider_moves_the_clip_by_keys_and_by_mouse(opened: Opened) -> None:
    handle = opened.tab.locator(".case:visible .handle")
    clip = "getComputedStyle(document.querySelector('.case:not([hidden]) .layer.b')).clipPath"
    assert opened.run(clip) == "inset(0px 0px 0px 50%)"
    handle.focus()
    opened.tab.keyboard.press("ArrowRight")
    opened.tab.keyboard.press("Shift+ArrowRight")
    assert opened.run(clip) == "inset(0px 0px 0px 61%)"
    assert handle.get_attribute("aria-valuenow") == "61"
    opened.tab.keyboard.press("Home")
    assert opened.run(clip) == "inset(0px 0px 0px 0%)"
    assert "100 % " in str(handle.get_attribute("aria-valuetext"))
    opened.tab.keyboard.press("f")
    assert opened.run(clip) == "inset(0px 0px 0px 100%)"
    stage = opened.tab.locator(".case:visible .stage")
    stage.scroll_into_view_if_needed()
    box = stage.bounding_box()
    opened.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + 20)
    opened.tab.mouse.down()
    opened.tab.mouse.move(box["x"] + box["width"] / 4, box["y"] + 30)
    opened.tab.mouse.up()
    assert int(str(handle.get_attribute("aria-valuenow"))) == 25
    opened.tab.mouse.move(box["x"] + box["width"] / 2, box["y"] + 30)
    assert int(str(handle.get_attribute("aria-valuenow"))) == 25  # let go


@pytest.mark.slow
def test_pictures_are_chosen_by_tab_tile_and_list(opened: Opened) -> None:
    source = "document.querySelector('.case:not([hidden]) .layer.{} img').src"
    tile = "document.querySelector('.case:not([hidden]) .tile[data-name={}] img').src"
    assert opened.run(source.format("a")) == opened.run(tile.format("degraded"))
    opened.tab.locator(".case:visible .tile[data-name=ae-poisson] button").click()
    assert opened.run(source.format("b")) == opened.run(tile.format("ae-poisson"))
    opened.tab.locator(".case:visible .tile[data-name=truth] button").click(modifiers=["Shift"])
    assert opened.run(source.format("a")) == opened.run(tile.format("truth"))
    opened.tab.locator(".case:visible select[data-side=left]").select_option("ae-gaussian")
    assert opened.run(source.format("a")) == opened.run(tile.format("ae-gaussian"))
    strip = opened.tab.locator(".view:visible .strip [role=tab]")
    strip.first.focus()
    opened.tab.keyboard.press("ArrowRight")
    assert opened.tab.locator(".case:visible").count() == 1
    assert opened.tab.locator(".case:visible code").inner_text() == "chelsea.png"
    assert strip.nth(1).get_attribute("aria-selected") == "true"


@pytest.mark.slow
def test_zoom_holds_for_all_crops_and_errors_are_those_of_the_pixels(opened: Opened) -> None:
    case = opened.tab.locator(".case:visible")
    case.locator("[data-zoom='2']").click()
    images = "document.querySelectorAll('.view:not([hidden]) .case:not([hidden]) :is(.frame, .layer) img')"
    scales = opened.run(f"[...{images}].map(image => new DOMMatrix(getComputedStyle(image).transform).a)")
    assert set(scales) == {2}
    case.locator("[data-show=errors]").click()
    opened.tab.wait_for_selector(".case:not([hidden]) .tile.restored canvas")
    # Black is no error: against itself; an image of another has some.
    lit = """() => {
      const data = (c) => c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
      const brightest = (c) => Math.max(...data(c).filter((_, k) => k % 4 < 3));
      const same = document.createElement('canvas'), truth = document.querySelector('.tile.truth img');
      differ(same, truth, truth, 6);
      return [brightest(same), brightest(document.querySelector('.tile.input canvas')), same.width]; }"""
    same, other, wide = opened.run(lit)
    assert same == 4  # the ramp's first colour is (0, 0, 4)
    assert other > 200
    assert wide == SIDE


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
