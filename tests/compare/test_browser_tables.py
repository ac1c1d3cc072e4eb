"""The page's tables in a real browser: sorted, filtered, and never cut without a word."""

import re
from pathlib import Path
from typing import Any

import pytest

from compare.browsing import RUNS, Opened
from compare.page_material import names


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
