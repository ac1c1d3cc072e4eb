"""A study on one self-contained page: claims, tables, figures and what was run, as sections of `report.page`."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from matplotlib.figure import Figure

from restorelab.errors import UserError
from restorelab.judge.claims.judged import Judged
from restorelab.judge.verdict_rule import MEANING
from restorelab.report.charts.data import Chart
from restorelab.report.charts.look import Looks
from restorelab.report.page import Part, Png, Section, render
from restorelab.report.png import palette, png
from restorelab.report.table import Cell, Table
from restorelab.report.table_cells import p_text
from restorelab.runs.deviations import length, stand_in
from restorelab.runs.record import Record, Runs
from restorelab.study.figures.present import present

MOST = 10_000_000
"""The most bytes of all PNGs of a page, which take a third more as text."""


class Drawing(Protocol):
    """The interface of a study's figure."""

    @property
    def caption(self) -> str: ...  # noqa: D102
    def __call__(self, runs: Runs) -> Figure: ...  # noqa: D102


@dataclass(frozen=True)
class Drawn:
    """A figure that is drawn: its PNG, or in words why there is none."""

    caption: str
    content: bytes | str


def drawn(drawing: Drawing, runs: Runs) -> Drawn:
    """Draw a figure of the runs that are there, and name the others; what they lack for it becomes its content."""
    try:
        narrower, left_out = present(drawing, runs)
        return Drawn(f"{drawing.caption} {left_out}".strip(), png(narrower(runs)))
    except UserError as error:
        return Drawn(drawing.caption, str(error))


def fitted(figures: Mapping[str, Drawn], most: int = MOST) -> dict[str, Drawn]:
    """The figures, of which the largest colored ones lose colors until all PNGs together are at most `most` bytes."""
    kept = dict(figures)
    pictures = {name: figure.content for name, figure in kept.items() if isinstance(figure.content, bytes)}
    for name in sorted(pictures, key=lambda name: len(pictures[name]), reverse=True):
        if sum(map(len, pictures.values())) <= most:
            break
        pictures[name] = palette(pictures[name])
        kept[name] = replace(kept[name], content=pictures[name])
    return kept


def page(
    study: Mapping[str, Any],
    runs: Runs,
    tables: Mapping[str, Table],
    figures: Mapping[str, Drawn],
    claims: Mapping[str, Judged],
    facts: Sequence[str] = (),
    beside: str | None = None,
    costs: Sequence[Chart] = (),
) -> str:
    """The page's HTML.

    study: the keys of its YAML: `title`, `report` (`name`, `source`), `data`, `runs`, `seeds`, `notes`. tables,
    figures, claims: by name, in order. facts: sentences about what was run. beside: the page, relative to this one, on
    which the same runs are compared. costs: charts of quality and cost.
    """
    sections = []
    if claims:
        sections.append(Section("findings", "Findings", parts=[_findings(claims)]))
    if tables:
        sections.append(Section("tables", "Tables", list(tables.values()), index=True))
    if figures:
        pictures = [
            Part("png", Png(_anchor("figure", name), heading(name), figure.caption, figure.content))
            for name, figure in fitted(figures).items()
        ]
        sections.append(Section("figures", "Figures", parts=pictures, index=True))
    if costs:
        sections.append(Section("cost", "Quality and cost", charts=list(costs)))
    sections.append(Section("runs", "Runs", [_runs(study["runs"], runs)]))
    report = study.get("report") or {}
    words = [str(value) for key, value in report.items() if key not in ("hardware", "images")]
    if report.get("hardware"):
        words.append(f"on {report['hardware']['name']}")
    return render(
        "study", str(study["title"]), sections, Looks(list(runs)) if costs else None,
        report=words, stand_in=runs.stand_in or stand_in(study, runs),
        facts=[*facts, *(study.get("notes") or [])], beside=beside, runs_done=len(runs),
    )  # fmt: skip


def heading(name: str) -> str:
    """Make a heading of a name in the YAML file: `loss_curves` becomes "Loss curves"."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _anchor(kind: str, name: str) -> str:
    return f"{kind}-{re.sub(r'[^a-zA-Z0-9_-]+', '-', name)}"


def _findings(claims: Mapping[str, Judged]) -> Part:
    verdicts = {judged.verdict for judged in claims.values()}
    meanings = [(verdict, meaning) for verdict, meaning in MEANING.items() if verdict in verdicts]
    entries = [(_anchor("finding", name), judged, _support(judged)) for name, judged in claims.items()]
    return Part("findings", (entries, meanings))


def _support(judged: Judged) -> str:
    """Describe what a verdict rests on: seeds and p values."""
    facts = [f"{judged.seeds} seed{'' if judged.seeds == 1 else 's'}"] if judged.seeds else []
    if judged.p is not None:
        corrected = "" if judged.corrected is None else f", corrected {p_text(judged.corrected)}"
        facts.append(f"p {p_text(judged.p)}{corrected}")
    return "; ".join(facts)


def _runs(planned: Mapping[str, Any], runs: Runs) -> Table:
    """A row a run: what was asked, with which seeds it is there, on which data and how long."""
    rows = []
    for name in dict.fromkeys([*planned, *runs]):
        row = [name, " ".join(map(str, planned.get(name) or ()))]
        if name in runs:
            records = runs[name]
            row += [", ".join(str(record.seed) for record in records)]
            row += [str(records[0].config["choices"].get("data", "-")), length(records)]
            row += [", ".join(map(_folder, records))]
        else:
            row += [runs.absent.get(name, "not done").removeprefix("it was ").removeprefix("it is "), "", "", ""]
        rows.append([Cell(text) for text in row])
    return Table("Runs", ["", "overrides used", "seeds", "data", "length", "folder"], rows)


def _folder(record: Record) -> str:
    commit = record.result.get("git")
    return f"{record.path.name}{f' @ {commit}' if commit else ''}"
