"""The comparison on one self-contained page: no network, readable without a script, on paper and on a phone."""

import html
from collections.abc import Sequence
from importlib import resources
from typing import TYPE_CHECKING

from restorelab import __version__
from restorelab.compare.crops import Crops
from restorelab.compare.figures import anchor, button, figure
from restorelab.compare.gallery import gallery
from restorelab.compare.sortable import search, sortable
from restorelab.report.charts import draw
from restorelab.report.charts.data import Bars, Boxes, Chart, Scatter
from restorelab.report.charts.look import Looks
from restorelab.runs.naming import counted
from restorelab.runs.record import Runs

if TYPE_CHECKING:
    from restorelab.compare.comparison import Comparison, Section

PICTURES = "pictures"
"""The anchor of the pictures."""

BEFORE = ("leaderboard", "significance")
"""Sections that stand before the pictures, where they are there."""

STYLES = ("page.css", "charts.css", "pictures.css")
SCRIPTS = ("page.js", "runs.js", "table.js", "charts.js", "pictures.js")
"""Files in `assets`, in the order in which they are put into the page."""

LONG, MANY = 3, 12
"""Refused runs up to which they are listed at once; runs beyond which the list of them has a filter."""


def page(comparison: "Comparison", crops: Crops | None) -> str:
    """The whole page as HTML."""
    looks = looks_of(comparison)
    sections = [(section.id, section.title, _section(section, looks)) for section in comparison.sections]
    if crops is not None:
        place = max((i + 1 for i, (name, _, _) in enumerate(sections) if name in BEFORE), default=min(1, len(sections)))
        lead = "<p>The same part of the same test image through every model, each pixel as the model gave it.</p>"
        sections.insert(place, (PICTURES, "Pictures", lead + gallery(crops, looks)))
    body = "".join(_part(number, *section) for number, section in enumerate(sections, start=1))
    titles = [(name, title) for name, title, _ in sections]
    meta = "<meta name=viewport content='width=device-width, initial-scale=1'>"
    return (
        f"<!doctype html><html lang=en><head><meta charset=utf-8><title>{html.escape(comparison.title)}</title>"
        f"{meta}<meta name=color-scheme content='light dark'>"
        f"<script>{asset('theme.js')}</script><style>{''.join(map(asset, STYLES))}</style></head>"
        f"<body><a class=skip href='#main'>Skip to the comparison</a>{_side(titles, looks, comparison.runs)}"
        f"<main id=main tabindex=-1>{_head(comparison)}{body}"
        f"<footer><p>restorelab {html.escape(__version__)}. This page needs no network.</p></footer></main>"
        f"{_help()}<div id=tip role=status aria-live=polite hidden></div>"
        f"<script>{''.join(map(asset, SCRIPTS))}</script></body></html>"
    )


def _part(number: int, name: str, title: str, content: str) -> str:
    name = html.escape(name)
    link = f"<a href='#{name}'><span class=number>{number}</span>{html.escape(title)}</a>"
    return (
        f"<section class=part id='{name}' aria-labelledby='{name}-h'><h2 id='{name}-h'>{link}</h2>{content}</section>"
    )


def asset(name: str) -> str:
    """A file that is put into the page."""
    return resources.files("restorelab.compare").joinpath("assets", name).read_text(encoding="utf-8")


def looks_of(comparison: "Comparison") -> Looks:
    """Looks of the runs, a colour a model where that tells them apart, and of what else the charts name."""
    groups = {name: _model(comparison.runs, name) for name in comparison.runs}
    named = [label for section in comparison.sections for chart in section.charts for label in draw.labels(chart)]
    return Looks(list(comparison.runs), named, groups)


def _model(runs: Runs, name: str) -> str:
    choices = runs[name][0].config.get("choices") or {}
    return str(choices.get("model") or name)


def _head(comparison: "Comparison") -> str:
    facts = "".join(f"<li>{html.escape(fact)}</li>" for fact in comparison.facts)
    return (
        f"<header class=head><p class=eyebrow>Comparison of {counted(len(comparison.runs), 'configuration')}</p>"
        f"<h1>{html.escape(comparison.title)}</h1><ul class=facts>{facts}</ul>"
        f"<p class=protocol><b>Protocol.</b> {html.escape(comparison.protocol)}</p>"
        f"{_refused(comparison.refused)}</header>"
    )


def _refused(reasons: Sequence[str]) -> str:
    if not reasons:
        return ""
    said = f"<ul>{''.join(f'<li>{html.escape(reason)}</li>' for reason in reasons)}</ul>"
    shown = " open" if len(reasons) <= LONG else ""
    return f"<details class=refused{shown}><summary>What is not compared, and why</summary>{said}</details>"


def _section(section: "Section", looks: Looks) -> str:
    text = "".join(f"<p>{html.escape(sentence)}</p>" for sentence in section.text)
    board = section.id == BEFORE[0]
    tables = "".join(
        sortable(
            table,
            looks,
            f"{section.id}-{anchor(table.title)}-{number}",
            filtered=board and len(table.rows) > 3,
            titled=len(section.tables) > 1 or table.title != section.title,
        )
        for number, table in enumerate(section.tables)
    )
    charts = "".join(
        f"<div class='charts{' pairs' if paired else ''}'>{found}</div>" for paired, found in _arranged(section, looks)
    )
    return text + tables + charts or "<p class=missing>There is nothing here.</p>"


def _arranged(section: "Section", looks: Looks) -> list[tuple[bool, str]]:
    """The charts in their order; several small ones that follow each other stand side by side."""
    found: list[tuple[bool, list[str]]] = []
    for number, chart in enumerate(section.charts):
        small = _small(chart) and sum(_small(other) for other in section.charts) > 1
        if not found or found[-1][0] != small:
            found.append((small, []))
        found[-1][1].append(figure(chart, looks, f"{section.id}-{anchor(chart.title)}-{number}"))
    return [(small and len(figures) > 1, "".join(figures)) for small, figures in found]


def _small(chart: Chart) -> bool:
    return isinstance(chart, Scatter | Boxes | Bars)


def _side(titles: Sequence[tuple[str, str]], looks: Looks, runs: Runs) -> str:
    """Contents, all runs, and the switch of light and dark."""
    links = "".join(
        f"<li><a href='#{html.escape(name)}'><span class=number>{number}</span>{html.escape(title)}</a></li>"
        for number, (name, title) in enumerate(titles, start=1)
    )
    listed = "".join(f"<li>{button(name, looks)}</li>" for name in runs)
    field = search("Filter runs") if len(runs) > MANY else ""
    return (
        "<div class=side><div class=top>"
        "<button type=button class=menu aria-expanded=false aria-controls=drawer>Contents and runs</button>"
        "<span class=keys><button type=button id=theme class=icon aria-label='Light or dark'></button>"
        "<button type=button id=help-button class=icon aria-label='Keyboard help'>?</button></span></div>"
        f"<div id=drawer><nav aria-label=Contents><ol>{links}</ol></nav>"
        "<section class=runs aria-label=Runs><p class=lead>Runs "
        f"<button type=button id=clear hidden>show all</button></p>{field}<ul class=legend>{listed}</ul>"
        "</section></div></div>"
    )


def _help() -> str:
    keys = {
        "1 … 9": "go to a section", "j, k": "the next section, the one before", "/": "filter the leaderboard",
        "t": "light or dark", "Esc": "show all runs again, close",
        "← →": "move the slider (with Shift in tens), the next image or tab, step through a chart's values",
        "f": "flip between the two pictures", "+ -": "zoom into the crops; drag or Shift with the arrows moves them",
        "?": "this help",
    }  # fmt: skip
    rows = "".join(f"<dt>{html.escape(key)}</dt><dd>{html.escape(what)}</dd>" for key, what in keys.items())
    return (
        "<dialog id=help aria-labelledby=help-h><h2 id=help-h>Keys</h2>"
        f"<dl>{rows}</dl><p class=notes>Point at a run to see it everywhere; press it in a legend to isolate it.</p>"
        "<form method=dialog><button>Close</button></form></dialog>"
    )
