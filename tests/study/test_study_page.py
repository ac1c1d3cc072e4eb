"""The page of a study: self-contained, complete, safe, and frank about being a stand-in."""

import base64
import io
import re
from collections.abc import Mapping
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.figure import Figure
from PIL import Image

from restorelab.errors import DataError
from restorelab.judge.claims.judged import Judged
from restorelab.report.table import Cell, Table
from restorelab.runs.deviations import stand_in
from restorelab.runs.record import Record, Runs
from restorelab.study.study_page import Drawn, drawn, fitted, heading, page
from synthetic import groups, write

STUDY = {
    "title": "Digits <1998>",
    "report": {"name": "A report & its author", "source": "2019"},
    "data": "mnist",
    "seeds": [0, 1],
    "runs": {"conv": ["experiment=mnist_ae/conv", "noise.sigma=25"], "mlp": ["experiment=mnist_ae/mlp"]},
    "notes": ["The report leaves sigma open."],
}
TABLE = Table("Losses", ["", "e\nPSNR"], [[Cell("conv"), Cell("25.00", "± 0.10", 25.0, 0.1)]], ["seeds: <2>"])
VERDICTS = ("holds", "tie", "undecided", "reversed", "underpowered", "not judged")


class Tags(HTMLParser):
    """Every tag with its attributes, and the text outside of styles and scripts."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self._style = False
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: Any) -> None:
        self.tags.append((tag, dict(attrs)))
        self._style = tag in ("style", "script")

    def handle_endtag(self, tag: str) -> None:
        self._style = self._style and tag not in ("style", "script")

    def handle_data(self, data: str) -> None:
        self.text += "" if self._style else data

    def values(self, name: str) -> list[str]:
        return [str(attrs[name]) for _, attrs in self.tags if name in attrs]


def made(folder: Path, name: str, seed: int, config: Mapping[str, Any] | None = None, **result: Any) -> Record:
    record = write(folder, name, seed, {"e": {}}, of=groups(5, 1), history={"step": [50.0, 100.0]}, **result)
    usual = {"choices": {"data": "mnist"}, "data": {"batch_size": 8, "size": 28, "limit": None}, "accumulate": 2}
    (record.path / "config.yaml").write_text(yaml.safe_dump(record.config | usual | dict(config or {})))
    return Record(name, record.path)


@pytest.fixture
def runs(tmp_path: Path) -> Runs:
    return Runs([made(tmp_path, "conv", seed, git="abc123") for seed in (0, 1)])


def claim(verdict: Any, **other: Any) -> Judged:
    return Judged(f"finding {verdict}", "bootstrap", verdict, "+1.0 dB [0.5, 1.5]", 3, **other)


def written(runs: Runs, **parts: Any) -> str:
    return page(STUDY, runs, parts.get("tables", {}), parts.get("figures", {}), parts.get("claims", {}), ["A fact."])


class Draws:
    """A figure of a study that draws a line, or fails."""

    caption = 'A "line" & more'

    def __init__(self, fails: Exception | None = None) -> None:
        self.fails = fails

    def __call__(self, runs: Runs) -> Figure:
        if self.fails:
            raise self.fails
        figure = Figure(figsize=(4, 2), dpi=100)
        figure.subplots().plot([0, 1], color="red")
        return figure


def test_it_is_self_contained(runs: Runs) -> None:
    figures = {"loss_curves": drawn(Draws(), runs)}
    claims = {verdict: claim(verdict) for verdict in VERDICTS}
    text = written(runs, tables={"losses": TABLE}, figures=figures, claims=claims)
    assert re.findall(r"https?://[^'\" ]+", text) == ["http://www.w3.org/2000/svg"]  # a name, not an address
    assert not re.search(r"@import|url\((?!#)|fetch\(|XMLHttpRequest|import\(", text)
    tags = Tags(text)
    assert not {"link", "iframe"} & {tag for tag, _ in tags.tags}
    assert not any(attrs.get("src") for tag, attrs in tags.tags if tag == "script")
    sources = tags.values("src")
    assert sources
    assert all(source.startswith("data:image/png;base64,") for source in sources)
    picture = Image.open(io.BytesIO(base64.b64decode(sources[0].partition(",")[2])))
    assert picture.size == (400, 200)
    assert all(link.startswith(("#", "data:text/")) for link in tags.values("href"))


def test_every_part_has_an_anchor_and_every_link_a_target(runs: Runs) -> None:
    figures = {"loss_curves": drawn(Draws(), runs), "grid": Drawn("c", "Why not.")}
    text = written(runs, tables={"losses": TABLE}, figures=figures, claims={"skips_help": claim("holds")})
    tags = Tags(text)
    anchors = tags.values("id")
    assert len(anchors) == len(set(anchors))
    assert {"finding-skips_help", "tables-losses-0", "figure-loss_curves", "figure-grid", "runs"} <= set(anchors)
    assert {link[1:] for link in tags.values("href") if link.startswith("#")} <= set(anchors)


def test_it_holds_what_it_was_given(runs: Runs) -> None:
    claims = {v: claim(v, p=0.012, corrected=0.0001) if v == "holds" else claim(v) for v in VERDICTS}
    tags = Tags(written(runs, tables={"losses": TABLE}, claims=claims))
    for piece in ("Digits <1998>", "A report & its author", "The report leaves sigma open.", "A fact.",
                  "25.00", "± 0.10",
                  "seeds: <2>", "p 0.012, corrected < 0.001", "+1.0 dB [0.5, 1.5]", "3 seeds",
                  "experiment=mnist_ae/conv noise.sigma=25", "conv-0 @ abc123", "100 steps of 16 images"):  # fmt: skip
        assert piece in tags.text, piece
    chips = [attrs["class"] for tag, attrs in tags.tags if tag == "span" and "chip" in str(attrs.get("class"))]
    assert chips == [f"chip {verdict.replace(' ', '-')}" for verdict in VERDICTS]
    assert "not done" in tags.text.partition("experiment=mnist_ae/mlp")[2]  # of mlp, which has no run


def test_it_escapes_what_others_wrote(runs: Runs, tmp_path: Path) -> None:
    evil = "<img src=x onerror=alert(1)>'\"&"
    table = Table(evil, [evil, f"{evil}\n{evil}"], [[Cell(evil), Cell(evil, evil, 1.0, note=evil)]], [evil])
    record = made(tmp_path / "more", "conv", 7, {"choices": {"data": evil}}, git=evil)
    study = {**STUDY, "title": evil, "report": {"name": evil, "source": evil}, "notes": [evil], "runs": {evil: [evil]}}
    text = page(
        study, Runs([record]), {evil: table}, {evil: Drawn(evil, evil), "b": Drawn(evil, b"\x89PNG" + bytes(40))},
        {evil: Judged(evil, evil, "holds", evil, 1)}, [evil],
    )  # fmt: skip
    tags = Tags(text)
    assert [attrs.get("src", "")[:10] for tag, attrs in tags.tags if tag == "img"] == ["data:image"]
    assert not any("onerror" in attrs for _, attrs in tags.tags)
    assert tags.text.count(evil) >= 15
    assert {attrs["alt"] for tag, attrs in tags.tags if tag == "img"} == {evil}


def test_a_figure_that_cannot_be_drawn_says_why(runs: Runs) -> None:
    failed = drawn(Draws(DataError("run x: it did not train.")), runs)
    assert failed == Drawn(Draws.caption, "run x: it did not train.")
    text = written(runs, figures={"grid": failed})
    assert "run x: it did not train." in text
    assert "<img" not in text
    with pytest.raises(ZeroDivisionError):  # an error of ours is no reason to print
        drawn(Draws(ZeroDivisionError()), runs)


def test_a_page_that_would_be_too_large_loses_colors_first_where_it_counts() -> None:
    def picture(side: int, channels: int) -> Drawn:
        array = np.random.default_rng(0).integers(0, 256, (side, side, channels)).astype(np.uint8)
        buffer = io.BytesIO()
        Image.fromarray(array.squeeze()).save(buffer, "png")
        return Drawn("c", buffer.getvalue())

    figures = {"small": picture(50, 3), "large": picture(200, 3), "gray": picture(250, 1), "none": Drawn("c", "why")}
    whole = sum(len(one.content) for one in figures.values() if isinstance(one.content, bytes))
    assert fitted(figures, whole) == figures
    kept = fitted(figures, whole - 1)
    assert [name for name in figures if kept[name] != figures[name]] == ["large"]
    assert [name for name in figures if fitted(figures, 1)[name] != figures[name]] == ["small", "large"]


def test_tables_can_be_taken_along(runs: Runs) -> None:
    tags = Tags(written(runs, tables={"losses": TABLE}))
    files = {attrs["download"]: str(attrs["href"]) for tag, attrs in tags.tags if tag == "a" and "download" in attrs}
    taken = {name: base64.b64decode(link.partition(",")[2]).decode() for name, link in files.items()}
    own = {name.rpartition(".")[2]: text for name, text in taken.items() if name.startswith("tables-losses-0")}
    assert own == {"csv": TABLE.to_csv(), "md": TABLE.to_markdown(), "tex": TABLE.to_latex()}


def test_a_reproduction_has_no_banner_and_a_stand_in_has_one(runs: Runs, tmp_path: Path) -> None:
    assert "stand-in" not in Tags(written(runs)).text
    other = made(tmp_path / "b", "conv", 2, {"choices": {"data": "faces"}, "data": {"batch_size": 8, "size": 100}})
    text = Tags(written(Runs([*runs["conv"], other]))).text
    assert "A stand-in, not a reproduction." in text
    assert "the report used mnist, these runs faces; 5 test images of 100x100 pixels" in text
    assert "100 steps of 8 to 16 images" in text or "100 steps of 16 images" in text


def test_what_makes_a_stand_in(tmp_path: Path) -> None:
    def reasons(**config: Any) -> str:
        folder = tmp_path / str(len(list(tmp_path.iterdir())))
        return " ".join(stand_in(STUDY, Runs([made(folder, "conv", 0, config)])))

    assert reasons() == ""
    assert "only 500 images of mnist" in reasons(data={"batch_size": 8, "limit": 500})
    used = {**STUDY, "report": {**STUDY["report"], "images": 500}}
    record = made(tmp_path / "used", "conv", 0, {"data": {"batch_size": 8, "limit": 500}})
    assert stand_in(used, Runs([record])) == []  # as many as the report used
    assert "conv in the short variant, 100 steps" in reasons(length="short")
    assert "debug=true" in reasons(debug=True)
    assert stand_in(STUDY, Runs([])) == []


def test_a_page_without_anything_is_still_a_page() -> None:
    text = page(STUDY, Runs([]), {}, {}, {})
    assert text.startswith("<!doctype html>")
    assert "not done" in text


def test_it_serves_light_dark_and_narrow_screens(runs: Runs) -> None:
    text = written(runs, tables={"losses": TABLE}, figures={"a": drawn(Draws(), runs)})
    assert "width=device-width" in text
    assert "light-dark(" in text
    assert "@media (max-width: 40rem)" in text
    tags = Tags(text)
    scrolling = sum(tag == "div" and attrs.get("class") == "scroll" for tag, attrs in tags.tags)
    assert scrolling == 3
    assert scrolling == sum(tag in ("table", "img") for tag, _ in tags.tags)


def test_headings() -> None:
    assert heading("loss_curves") == "Loss curves"
    assert heading("PSNR") == "PSNR"
