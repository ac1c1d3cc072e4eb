"""The page as text: whole, safe, self-contained and small; what it shows is what it was given."""

import base64
import dataclasses
import io
import math
import re
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from compare.page_material import EVALUATIONS, MODELS, NOISES, comparison, crops, leaderboard, names, runs
from restorelab.compare.comparison import Comparison
from restorelab.compare.comparison_page import PICTURES, looks_of, page
from restorelab.report.charts.data import Bars, Lines, Series
from restorelab.report.gallery import Case, Gallery, GalleryView, Tile
from restorelab.report.page import Section
from restorelab.report.table import Cell, Table
from restorelab.runs.record import Runs

EVIL = "<img src=x onerror=alert(1)>'\"&</script>"


class Tags(HTMLParser):
    """Every tag with its attributes, and the text outside of styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._inside = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        self._inside = tag

    def handle_endtag(self, tag: str) -> None:
        self._inside = ""

    def handle_data(self, data: str) -> None:
        self.text += "" if self._inside in ("style", "script") else data

    def of(self, *kinds: str) -> list[dict[str, str | None]]:
        return [attrs for tag, attrs in self.tags if tag in kinds]

    def values(self, name: str) -> list[str]:
        return [str(attrs[name]) for _, attrs in self.tags if attrs.get(name)]


@pytest.fixture(scope="module")
def many(tmp_path_factory: pytest.TempPathFactory) -> str:
    return page(comparison(tmp_path_factory.mktemp("runs"), 24), crops(names(24)))


@pytest.fixture(scope="module")
def tags(many: str) -> Tags:
    return Tags(many)


def empty(folder: Path, *sections: Section, **other: Any) -> Comparison:
    return Comparison("t", runs(folder, 2), list(sections), "protocol", **other)


def test_it_needs_nothing_from_outside(many: str, tags: Tags) -> None:
    without = re.sub(r"data:[a-z/]+;[^'\"]*", "", many)
    assert re.findall(r"https?://[^'\" ]+", without) == ["http://www.w3.org/2000/svg"]  # a name, not an address
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|import\(", without)
    assert not {"link", "iframe", "object", "embed"} & {tag for tag, _ in tags.tags}
    assert all(not attrs.get("src") for attrs in tags.of("script"))
    assert all(value.startswith("data:image/webp;base64,") for value in tags.values("src"))
    assert all(value.startswith(("#", "data:text/plain")) for value in tags.values("href"))


def test_24_runs_under_4_evaluations_with_pictures_stay_small(many: str) -> None:
    assert len(many) < 6e6  # the limit is 15 MB; noise, which most of it is, does not compress
    pictures = re.findall(r"data:image/webp;base64,[^'\"]+", many)
    assert len(pictures) >= 4 * 4 * 26
    assert (
        len(set(pictures)) == len(pictures) - 3 * 4 * 1 - 3 * 4
    )  # each once, but the photographs come in 4 evaluations


def test_anchors_are_unique_and_every_reference_has_its_target(tags: Tags) -> None:
    found = tags.values("id")
    assert len(found) == len(set(found))
    wanted = {link[1:] for link in tags.values("href") if link.startswith("#")}
    for name in ("aria-controls", "aria-labelledby"):
        wanted |= set(tags.values(name))
    assert wanted <= set(found)
    clips = {value[5:-1] for value in tags.values("clip-path")}
    assert clips <= set(found)


def test_sections_stand_in_their_order_with_the_pictures_behind_the_significance(tags: Tags) -> None:
    parts = [attrs["id"] for attrs in tags.of("section") if attrs.get("class") == "part"]
    assert parts == ["leaderboard", "significance", PICTURES, "pareto", "curves", "boxes", "levels", "importance"]
    assert [link[1:] for link in tags.values("href") if link[1:] in parts][: len(parts)] == parts


def test_it_says_what_it_was_told(tags: Tags) -> None:
    for words in ("Six autoencoders under four noises", "PSNR capped at 100 dB", "512 faces",
                  "Comparison of 24 configurations",
                  "old_ae-gaussian (seed 0): measured on other images", "Holm's correction", "± 0.04",
                  "bm3d-gaussian is left out", "the crops show 64"):  # fmt: skip
        assert words in tags.text, words
    assert "Best in each column in bold." in tags.text


def test_a_run_has_one_number_in_tables_charts_legends_and_pictures(tags: Tags) -> None:
    rows = [attrs for attrs in tags.of("tr") if attrs.get("data-run")]
    assert {int(str(row["data-run"])) for row in rows} == set(range(24))
    tiles = [attrs for attrs in tags.of("li") if attrs.get("data-run")]
    number = {str(tile["data-name"]): str(tile["data-run"]) for tile in tiles}
    assert number == {name: str(place) for place, name in enumerate(names(24))}
    buttons = {str(attrs["data-run"]) for attrs in tags.of("button") if attrs.get("data-run")}
    assert buttons == {str(place) for place in range(24)}


def test_models_have_colors_and_noises_have_dashes(tmp_path: Path) -> None:
    looks = looks_of(comparison(tmp_path, 24))
    assert {looks[f"{m}-{n}"].color for m in MODELS for n in NOISES} == set(range(6))
    assert all(len({looks[f"{m}-{n}"].dash for n in NOISES}) == 4 for m in MODELS)
    assert looks["optimizer.lr"].color is None


def test_tables_can_be_taken_along(tags: Tags) -> None:
    files = {str(a["download"]): str(a["href"]) for a in tags.of("a") if a.get("download")}
    table = leaderboard(names(24))
    own = {name.rpartition(".")[2]: base64.b64decode(link.partition("base64,")[2]).decode()
           for name, link in files.items() if name.startswith("leaderboard")}  # fmt: skip
    assert own["csv"] == table.to_csv()
    assert own["md"] == table.to_markdown()
    assert set(own) == {"csv", "md", "tex"}


def test_what_sorting_reads_is_the_number_and_not_its_text(tmp_path: Path) -> None:
    rows = [
        [Cell("a"), Cell("1.2 M", value=1.2e6), Cell("-")],
        [Cell("b"), Cell("900 k", value=np.float64(9e5)), Cell("no")],
    ]
    found = Tags(page(empty(tmp_path, Section("s", "S", [Table("T", ["", "size", "why"], rows)])), None))
    cells = [attrs for attrs in found.of("td") if attrs.get("data-column")]
    assert [cell.get("data-v") for cell in cells] == ["1200000.0", "", "900000.0", "no"]
    assert [attrs.get("aria-sort") for attrs in found.of("th") if attrs.get("data-column")] == ["none"] * 3
    assert "text" in str(cells[1]["class"])
    assert "text" not in str(cells[0]["class"])


def test_the_line_under_a_number_is_longest_for_the_best(tmp_path: Path) -> None:
    psnr = [Cell("20", value=20.0), Cell("30", value=30.0, mark="best"), Cell("25", value=25.0), Cell("-")]
    mse = [Cell("4", value=4.0), Cell("1", value=1.0, mark="both"), Cell("3", value=3.0), Cell("nan", value=math.nan)]
    rows = [[Cell(f"r{n}"), psnr[n], mse[n], Cell("1", value=1.0)] for n in range(4)]
    found = Tags(page(empty(tmp_path, Section("s", "S", [Table("T", ["", "PSNR", "MSE", "n"], rows)])), None))
    styles = [cell.get("style") for cell in found.of("td") if cell.get("data-column")]
    assert styles[0::3] == ["--f:0.000", "--f:1.000", "--f:0.500", None]
    assert styles[1::3] == ["--f:0.000", "--f:1.000", "--f:0.333", None]
    assert set(styles[2::3]) == {None}


def test_heads_of_two_lines_span_their_columns(tags: Tags) -> None:
    groups = [attrs for attrs in tags.of("th") if attrs.get("class") == "group"]
    assert [(g["data-group"], g["colspan"]) for g in groups[:4]] == [(name, "3") for name in EVALUATIONS]


def test_pictures_are_kept_bit_by_bit(tmp_path: Path) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (20, 30, 3)).astype(np.uint8)
    buffer = io.BytesIO()
    Image.fromarray(pixels).save(buffer, "webp", lossless=True)
    tile = Tile("ae-gaussian", buffer.getvalue(), 31.416, 0.9)
    case = Case(EVIL, "Hardest: 3 dB", buffer.getvalue(), (300, 200), (30, 50, 30, 20), tile, tile,
                [tile, dataclasses.replace(tile, label=EVIL)])  # fmt: skip
    found = Tags(
        page(
            empty(tmp_path),
            Gallery([GalleryView(EVIL, [case], [EVIL]), GalleryView("other", [], ["its dataset is gone"])]),
        )
    )
    source = next(str(attrs["src"]) for attrs in found.of("img") if "31.42 dB" in str(attrs.get("alt")))
    kept = Image.open(io.BytesIO(base64.b64decode(source.partition(",")[2])))
    assert np.array_equal(np.asarray(kept.convert("RGB")), pixels)
    box = next(str(attrs["style"]) for attrs in found.of("i") if attrs.get("class") == "box")
    assert box == "left:10.00%;top:25.00%;width:10.00%;height:10.00%"
    assert "its dataset is gone" in found.text
    assert found.text.replace("\n", "").count(EVIL) >= 4
    assert {attrs["data-name"] for attrs in found.of("li") if attrs.get("data-name")} == {"ae-gaussian", EVIL}
    assert not any("onerror" in attrs for _, attrs in found.tags)


def test_it_escapes_what_others_wrote(tmp_path: Path) -> None:
    table = Table(EVIL, [EVIL, f"{EVIL}\n{EVIL}"], [[Cell(EVIL), Cell(EVIL, EVIL, 1.0, note=EVIL)]], [EVIL])
    chart = Lines(EVIL, EVIL, EVIL, [Series(EVIL, [1, 2], [1, 2])], caption=EVIL)
    section = Section("s", EVIL, [table], [chart], [EVIL])
    found = Tags(page(Comparison(EVIL, runs(tmp_path, 1), [section], EVIL, [EVIL], [EVIL]), Gallery([], [EVIL])))
    assert not found.of("img")
    assert not any("onerror" in attrs for _, attrs in found.tags)
    assert len(found.of("script")) == 2
    assert found.text.count(EVIL) >= 12


def test_refused_runs_are_folded_where_they_are_many(tmp_path: Path) -> None:
    def shown(count: int) -> list[dict[str, str | None]]:
        found = Tags(page(empty(tmp_path / str(count), refused=["why"] * count), None))
        return [attrs for attrs in found.of("details") if "refused" in str(attrs.get("class"))]

    assert shown(0) == []
    assert "open" in shown(2)[0]
    assert "open" not in shown(9)[0]


def test_what_is_not_there_is_said(tmp_path: Path) -> None:
    sections = [
        Section("a", "A"),
        Section("b", "B", text=["No run was crossed."]),
        Section("c", "C", charts=[Bars("t", "x", [])]),
    ]
    found = Tags(page(empty(tmp_path, *sections), None))
    assert "There is nothing here." in found.text
    assert "No run was crossed." in found.text
    assert "Nothing was measured for this chart." in found.text
    assert PICTURES not in found.values("id")


@pytest.mark.parametrize("count", [1, 2])
def test_few_runs_are_no_special_case(tmp_path: Path, count: int) -> None:
    found = Tags(page(comparison(tmp_path, count), crops(names(count), 32, ("gaussian_50",))))
    assert f"Comparison of {count} configuration{'s' if count > 1 else ''}" in found.text
    assert not [attrs for attrs in found.of("div") if attrs.get("class") == "tabs"]


def test_no_runs_at_all_still_make_a_page(tmp_path: Path) -> None:
    nothing = Comparison("Nothing", Runs([]), [], "protocol", refused=["a: not finished"])
    assert "a: not finished" in Tags(page(nothing, Gallery([], ["There are no runs to take pictures of."]))).text


def test_200_runs_are_written_in_seconds(tmp_path: Path) -> None:
    base = comparison(tmp_path, 24)
    steps = [float(s) for s in range(400)]
    series = [Series(f"run-{n}", steps, [n + s / 400 for s in steps]) for n in range(200)]
    section = Section("curves", "Curves", charts=[Lines("c", "step", "PSNR", series)])
    text = page(dataclasses.replace(base, sections=[section]), None)
    assert len(text) < 4e6
    assert len(Tags(text).values("data-series")) == 1
