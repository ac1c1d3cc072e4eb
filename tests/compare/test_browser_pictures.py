"""The page's pictures in a real browser: compared, chosen and enlarged."""

import pytest

from compare.browsing import SIDE, Opened


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
    assert same == 4  # the ramp's first color is (0, 0, 4)
    assert other > 200
    assert wide == SIDE
