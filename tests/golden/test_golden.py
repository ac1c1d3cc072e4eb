"""What a user sees of a comparison, a study and a run is what it was; `pytest --update-golden` declares a difference.

The captures hold no version, time, machine or folder, and numbers to five digits, so that they are the same anywhere.
"""

import csv
import difflib
import json
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import yaml
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_hex
from matplotlib.figure import Figure

from golden import dom, material
from restorelab.config.dotted import leaves

HELD = Path(__file__).parent / "captures"
Check = Callable[[str, str], None]
CAPTURES = (
    "comparison.html.txt", "comparison.tables.txt", "comparison.leaderboard.json", "comparison.terminal.txt",
    "pictures.html.txt", "study.html.txt", "study.tables.txt", "study.findings.json", "study.findings.md",
    "study.figures.txt", "run.untrained.html.txt", "run.trained.html.txt", "run.figures.txt", "run.files.txt",
)  # fmt: skip
MEASURED = ("restoring", "whole run", "peak memory", "device", "commit", "versions")
"""Facts of a run's page that differ from machine to machine."""
MADE = r"(?<!input: )\b\d+\.\d+ dB.*|(?<=mean error ).*"
"""What a panel says of restored images."""


@pytest.fixture(scope="module")
def check(request: pytest.FixtureRequest) -> Check:
    """Compares a text with the capture of a name, or writes it."""

    def compare(name: str, text: str) -> None:
        assert name in CAPTURES
        file = HELD / name
        if request.config.getoption("--update-golden"):
            HELD.mkdir(exist_ok=True)
            file.write_text(text)
        held = file.read_text() if file.is_file() else ""
        if text != held:
            changes = list(difflib.unified_diff(held.splitlines(), text.splitlines(), "held", "now", lineterm="", n=2))
            shown = "\n".join(line[:200] for line in changes[:80])
            pytest.fail(f"{name} differs; is that meant, declare it by --update-golden.\n{shown}\n"
                        f"({len(changes)} lines of difference)", pytrace=False)  # fmt: skip

    return compare


@pytest.fixture(scope="module")
def drawn() -> Iterator[list[Figure]]:
    """The figures that were drawn."""
    figures: list[Figure] = []
    draw = FigureCanvasAgg.draw

    def record(self: FigureCanvasAgg) -> None:
        figures.append(self.figure)
        draw(self)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(FigureCanvasAgg, "draw", record)
        yield figures


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("untrained")
    material.untrained(folder)
    return folder


def plain(value: Any, *places: str) -> str:
    """Plain data as JSON, numbers to five digits, folders by name; a list of numbers on one line."""

    def steady(node: Any) -> Any:
        if isinstance(node, float):
            return float(dom.rounded(node))
        if isinstance(node, dict):
            return {key: steady(one) for key, one in node.items()}
        if isinstance(node, list):
            return [steady(one) for one in node]
        return dom.steady(node, *places) if isinstance(node, str) else node

    text = json.dumps(steady(value), indent=1, ensure_ascii=False)
    return re.sub(r"\[[^][{}]*\]", lambda found: " ".join(found.group().split()), text) + "\n"


def tables(folder: Path) -> str:
    files = sorted(folder.iterdir())
    return "\n".join(f"== {file.name}\n{dom.steady(file.read_text()).rstrip()}" for file in files) + "\n"


def described(figure: Figure, *, trained: bool = False) -> str:
    """A figure's size, words, lines and what else it holds: nothing that depends on a font, or on what was trained."""
    wide, high = figure.get_size_inches() * figure.dpi
    title = figure.get_suptitle().replace("\n", " | ")
    lines = [f"figure {wide:.0f}x{high:.0f} {title}".rstrip()]
    texts = [text.get_text() for text in figure.texts if text.get_text() and text.get_text() != figure.get_suptitle()]
    lines += [f" text {re.sub(MADE, '#', text) if trained else text!r}" for text in texts]
    lines += [f" legend {[text.get_text() for text in legend.get_texts()]}" for legend in figure.legends]
    for axis in figure.axes:
        words = " / ".join([axis.get_title(), axis.get_xlabel(), axis.get_ylabel()])
        lines.append(f" axis {words} {axis.get_xscale()} {axis.get_yscale()}")
        legend = axis.get_legend()
        lines += [f"  legend {[text.get_text() for text in legend.get_texts()]}"] if legend else []
        for line in axis.lines:
            points = np.asarray(line.get_xydata(), dtype=float)
            values = "" if trained or len(points) > 12 else " ".join(f"{x:.4g},{y:.4g}" for x, y in points)
            look = f"{to_hex(line.get_color())} {line.get_linestyle()}"
            label = "" if str(line.get_label()).startswith("_") else f"{line.get_label()} "
            lines.append(f"  line {label}{look} {len(points)} points {values}".rstrip())
        lines += [f"  image {image.get_array().shape}" for image in axis.images]  # type: ignore[union-attr]
        lines += [f"  {len(axis.patches)} patches, {len(axis.collections)} collections"]
    lines.append(f" images {[image.get_array().shape for image in figure.images]}")  # type: ignore[attr-defined]
    return "\n".join(lines) + "\n"


def masked(page: str, *, trained: bool) -> str:
    """The lines of a run's page without what was measured on this machine, and without what training came to."""
    lines = dom.lines(re.sub(r"<pre>.*?</pre>", "<pre>config.yaml</pre>", page, flags=re.S)).splitlines()
    for place, line in enumerate(lines):
        fact = lines[place - 1].strip()
        if fact.startswith("<dt>") and fact[5:].startswith(MEASURED):
            lines[place] = f"{line.partition('<dd>')[0]}<dd> measured"
        elif trained and ("<td" in line or "<a download" in line):
            lines[place] = re.sub(r"<td .*> [-+]?\d+\.\d+$", "<td> measured", re.sub(r"sha256 \w+", "measured", line))
    return "\n".join(lines) + "\n"


def test_comparison(check: Check, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    material.sweep(tmp_path / "sweep")
    out = tmp_path / "out"
    material.compared(tmp_path / "sweep", out, "pictures=0", "baseline=median")
    printed = re.sub(r"\(\d+\.\d s\)", "(SECONDS)", dom.steady(capsys.readouterr().out, str(tmp_path)))
    check("comparison.html.txt", dom.lines((out / "index.html").read_text(), str(tmp_path)))
    check("comparison.tables.txt", tables(out / "tables"))
    check("comparison.leaderboard.json", plain(json.loads((out / "leaderboard.json").read_text()), str(tmp_path)))
    check("comparison.terminal.txt", printed)


def test_pictures_of_a_comparison(check: Check, untrained: Path, tmp_path: Path) -> None:
    material.compared(untrained, tmp_path, "pictures=1")
    text = dom.lines((tmp_path / "index.html").read_text(), str(tmp_path))
    start = text.index(' id="pictures">')
    check("pictures.html.txt", text[text.rindex("\n", 0, start) + 1 : text.index("\n   <section", start) + 1])


def test_study(check: Check, drawn: list[Figure], tmp_path: Path) -> None:
    drawn.clear()
    page = material.study(tmp_path / "runs", tmp_path / "out")
    check("study.html.txt", dom.lines(page.read_text(), str(tmp_path)))
    check("study.tables.txt", tables(page.parent / "tables"))
    check("study.findings.json", plain(json.loads((page.parent / "findings.json").read_text()), str(tmp_path)))
    check("study.findings.md", dom.steady((page.parent / "findings.md").read_text(), str(tmp_path)))
    files = sorted(file.name for file in (page.parent / "figures").iterdir())
    check("study.figures.txt", "\n".join([*files, *map(described, drawn)]))


def test_a_run_that_learns_nothing(check: Check, untrained: Path) -> None:
    check("run.untrained.html.txt", masked((untrained / "identity" / "report.html").read_text(), trained=False))


def test_a_trained_run(check: Check, drawn: list[Figure], tmp_path: Path) -> None:
    drawn.clear()
    run = material.trained(tmp_path / "run")
    check("run.trained.html.txt", masked((run / "report.html").read_text(), trained=True))
    check("run.figures.txt", "\n".join(described(figure, trained=True) for figure in drawn))
    files = sorted(str(file.relative_to(run)) for file in run.rglob("*") if file.is_file())
    heads = {name: next(csv.reader((run / name).open())) for name in ("metrics.csv", "per_image.csv")}
    config = yaml.safe_load((run / "config.yaml").read_text())
    result = json.loads((run / "result.json").read_text())
    parts = {
        "files": files, **heads, "config.yaml": list(leaves(config)),
        "result.json": [f"{key}: {kind}" for key, kind in kinds(result)],
    }  # fmt: skip
    check("run.files.txt", "\n".join(f"== {name}\n" + "\n".join(lines) for name, lines in parts.items()) + "\n")


def kinds(node: Any, path: str = "") -> Iterator[tuple[str, str]]:
    """Each key of result.json with its type, or its value where that is the same everywhere."""
    if isinstance(node, Mapping):
        for key, value in node.items():
            yield from kinds(value, f"{path}.{key}" if path else key)
    elif isinstance(node, list) and node and isinstance(node[0], Mapping):
        for number, value in enumerate(node):
            yield from kinds(value, f"{path}[{number}]")
    else:
        own = re.match(r"peak_memory|versions|host|device|images_per_second|.*(seconds|test/|capped|dead_pixels)", path)
        yield (
            path,
            "str, or None outside of a checkout"
            if path == "git"
            else type(node).__name__
            if own
            else plain(node).strip(),
        )


def test_the_captures_are_those_that_are_compared_and_small() -> None:
    assert sorted(file.name for file in HELD.iterdir()) == sorted(CAPTURES)
    assert sum(file.stat().st_size for file in HELD.iterdir()) < 320_000
