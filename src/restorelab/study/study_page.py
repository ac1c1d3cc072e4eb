"""A study on one self-contained page: claims, tables, figures and what was run, for a browser without a network."""

import base64
import html
import re
from collections.abc import Container, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

from matplotlib.figure import Figure

from restorelab import __version__
from restorelab.errors import UserError
from restorelab.judge.claims.judged import MEANING, Judged
from restorelab.report.png import palette, png
from restorelab.report.run_page import STYLE
from restorelab.report.table import Table
from restorelab.runs.deviations import length, stand_in
from restorelab.runs.record import Record, Runs
from restorelab.study.figures.present import present

MORE = """
body { max-width: 84rem }
p, ul, .claim, .banner { max-width: 66rem }
h1 { line-height: 1.25 } h2 { font-size: 1.25rem; margin-top: 2.6rem } h3 { font-size: 1.02rem; margin: 1.8rem 0 .5rem }
a { color: inherit } nav { margin: 1rem 0; font-size: .92rem; line-height: 1.9 } nav a { margin-right: 1rem }
h2 a, h3 a { text-decoration: none } h3 a:hover { text-decoration: underline }
:root { --bad: #a32020; --chip: #fff; --amber: #7a5200; --blue: #24558f }
.banner { border: 1px solid var(--amber); border-left-width: 6px; border-radius: 6px; padding: .7rem 1rem;
  margin: 1rem 0; background: color-mix(in srgb, var(--amber) 9%, var(--ground)) }
.banner p { color: var(--ink) } .banner ul { margin: .3rem 0 0; padding-left: 1.2rem }
ul.facts { color: var(--soft); padding-left: 1.2rem; margin: .4rem 0 }
.claim { border-top: 1px solid var(--line); padding: .8rem 0; display: grid; grid-template-columns: 8rem 1fr;
  gap: 0 1rem }
.claim:last-child { border-bottom: 1px solid var(--line) }
.claim b { font-weight: 600; color: var(--ink) } .claim p { margin: .15rem 0; overflow-wrap: anywhere }
.claim .numbers { font-variant-numeric: tabular-nums; color: var(--ink) }
.chip { display: inline-block; border-radius: 1rem; padding: .05rem .7rem; font-size: .85rem; font-weight: 600;
  color: var(--chip); background: var(--soft); align-self: start; justify-self: start }
.holds { background: var(--good) } .reversed { background: var(--bad) } .underpowered { background: var(--amber) }
.tie { background: var(--blue) }
th { vertical-align: bottom } th.group { text-align: center; border-bottom: 1px solid var(--line) }
table { font-size: .9rem; border-collapse: separate; border-spacing: 0 } th, td { padding: .3rem .5rem }
td small, th small { color: var(--soft) } td small.gap { visibility: hidden }
td sup { display: inline-block; width: 0; color: var(--soft); line-height: 0; font-size: .7em }
thead tr + tr th:first-child { text-align: right }
td:first-child, tr:first-child th:first-child { position: sticky; left: 0; background: var(--ground); z-index: 1 }
td:first-child sup { width: auto; margin-left: .15em }
td.best, td.both { color: var(--good) } td u { text-underline-offset: .2em }
td.better { color: var(--good) } td.worse, tr.report td.worse { color: var(--bad) }
tr.report td { color: var(--soft) } tr.report td:first-child { padding-left: 1.6rem }
.notes { font-size: .88rem; color: var(--soft); margin: .4rem 0 0 } ol.notes { padding-left: 1.4rem }
.downloads { font-size: .85rem }
figure { margin: 0 } figcaption { color: var(--soft); font-size: .92rem; margin-top: .4rem; max-width: 60rem }
figure .scroll img { display: block; width: auto; max-width: 100% }
.missing { border: 1px dashed var(--line); border-radius: 6px; padding: 1rem; color: var(--soft) }
table.runs td, table.runs th { text-align: left } table.runs td:nth-child(n+2) { white-space: normal }
table.runs code { font-size: .85em; overflow-wrap: anywhere }
@media (prefers-color-scheme: dark) { :root { --bad: #ff9a8f; --amber: #e6b450; --blue: #9cc3f5; --chip: #14171a } }
@media (max-width: 44rem) { body { padding: 1.2rem .8rem 3rem } .claim { grid-template-columns: 1fr; gap: .3rem }
  th, td { padding: .3rem .4rem } td:first-child { white-space: normal; min-width: 6.5rem }
  figure .scroll img { max-width: none; width: max(100%, min(var(--wide), 44rem)) } }
@media print { nav, .downloads { display: none } }
"""


MOST = 10_000_000
"""Bytes of all PNGs of a page, which are a third more as text in it."""


class Drawing(Protocol):
    """A figure of a study."""

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
    """The figures, of which the largest coloured ones lose colours until all PNGs together are at most `most` bytes."""
    kept = dict(figures)
    sizes = {name: len(one.content) for name, one in kept.items() if isinstance(one.content, bytes)}
    for name in sorted(sizes, key=sizes.__getitem__, reverse=True):
        if sum(sizes.values()) <= most:
            break
        content = kept[name].content
        assert isinstance(content, bytes)
        kept[name] = replace(kept[name], content=(smaller := palette(content)))
        sizes[name] = len(smaller)
    return kept


def page(
    study: Mapping[str, Any],
    runs: Runs,
    tables: Mapping[str, Table],
    figures: Mapping[str, Drawn],
    claims: Mapping[str, Judged],
    facts: Sequence[str] = (),
    beside: str | None = None,
) -> str:
    """The page's HTML.

    study: the keys of its YAML: `title`, `report` (`name`, `source`), `data`, `runs`, `seeds`, `notes`. tables,
    figures, claims: by name, in order; a name is the anchor on the page. facts: sentences about what was run. beside:
    the page, relative to this one, on which the same runs are compared.
    """
    title = html.escape(str(study["title"]))
    report = [html.escape(part) for part in _report(study.get("report") or {})]
    parts = [
        "<!doctype html><html lang=en><meta charset=utf-8><meta name=viewport content='width=device-width'>",
        f"<title>{title}</title><style>{STYLE}{MORE}</style><h1>{title}</h1>",
        f"<p>Report: {', '.join(report)}</p>" if report else "",
        _banner(runs.stand_in or stand_in(study, runs)),
        _list([*facts, *(study.get("notes") or [])], "facts"),
        _contents({"findings": claims, "tables": tables, "figures": figures, "runs": study["runs"]}),
        f"<nav><a href='{html.escape(beside)}'><b>All runs, compared</b></a></nav>" if beside else "",
    ]
    if claims:
        parts.append("<h2 id=findings>Findings</h2><div>")
        parts += [_claim(name, one) for name, one in claims.items()]
        parts.append(f"</div>{_meanings({one.verdict for one in claims.values()})}")
    if tables:
        parts.append("<h2 id=tables>Tables</h2>")
        parts += [_table(name, table) for name, table in tables.items()]
    if figures:
        parts.append("<h2 id=figures>Figures</h2>")
        parts += [_figure(name, one) for name, one in fitted(figures).items()]
    parts.append(f"<h2 id=runs>Runs</h2><div class=scroll>{_runs(study['runs'], runs)}</div>")
    parts.append(f"<p class=notes>restorelab {__version__}</p></html>")
    return "\n".join(part for part in parts if part)


def words(name: str) -> str:
    """A name of a YAML as a heading: `loss_curves` is "Loss curves"."""
    text = name.replace("_", " ").strip()
    return text[:1].upper() + text[1:]


def _report(report: Mapping[str, Any]) -> list[str]:
    """Who it is by, and on which hardware its times were measured."""
    parts = [str(value) for key, value in report.items() if key not in ("hardware", "images")]
    return [*parts, f"on {report['hardware']['name']}"] if report.get("hardware") else parts


def _banner(reasons: Sequence[str]) -> str:
    if not reasons:
        return ""
    return (
        "<div class=banner role=note><p><b>A stand-in, not a reproduction.</b> "
        f"The numbers below are not the report's setting:</p>{_list(reasons)}</div>"
    )


def _list(items: Sequence[str], kind: str = "") -> str:
    if not items:
        return ""
    return f"<ul{f' class={kind}' if kind else ''}>{''.join(f'<li>{html.escape(item)}</li>' for item in items)}</ul>"


def _contents(sections: Mapping[str, Mapping[str, Any]]) -> str:
    lines = []
    for section, entries in sections.items():
        if entries:
            inner = "" if section in ("findings", "runs") else " ".join(
                f"<a href='#{_anchor(section, name)}'>{html.escape(words(name))}</a>" for name in entries
            )  # fmt: skip
            lines.append(f"<div><a href='#{section}'><b>{words(section)}</b></a>{inner}</div>")
    return f"<nav>{''.join(lines)}</nav>"


def _anchor(section: str, name: str) -> str:
    return f"{section[:-1]}-{re.sub(r'[^a-zA-Z0-9_-]+', '-', name)}"


def _claim(name: str, one: Judged) -> str:
    facts = [f"{one.seeds} seed{'' if one.seeds == 1 else 's'}"] if one.seeds else []
    if one.p is not None:
        facts.append(f"p {_p(one.p)}" + ("" if one.corrected is None else f", corrected {_p(one.corrected)}"))
    aside = f" ({'; '.join(facts)})" if facts else ""
    chip = f"<span class='chip {one.verdict.replace(' ', '-')}'>{html.escape(one.verdict)}</span>"
    return (
        f"<div class=claim id='{_anchor('findings', name)}'>{chip}<div>"
        f"<p><b>{html.escape(one.finding)}</b></p><p class=numbers>{html.escape(one.numbers)}</p>"
        f"<p class=notes>{html.escape(one.test)}{aside}</p></div></div>"
    )


def _p(value: float) -> str:
    return "below 0.001" if value < 0.001 else f"{value:.2g}"


def _meanings(verdicts: Container[str]) -> str:
    said = [f"<b>{verdict}</b>: {html.escape(words)}" for verdict, words in MEANING.items() if verdict in verdicts]
    return f"<p class=notes>{'<br>'.join(said)}</p>"


def _table(name: str, table: Table) -> str:
    anchor = _anchor("tables", name)
    links = " ".join(
        f"<a download='{html.escape(name)}.{kind}' href='data:text/plain;base64,{_base64(text.encode())}'>{label}</a>"
        for kind, label, text in (("csv", "CSV", table.to_csv()), ("md", "Markdown", table.to_markdown()))
    )
    return (
        f"<section id='{anchor}'><h3><a href='#{anchor}'>{html.escape(table.title)}</a></h3>\n{table.to_html()}\n"
        f"<p class=downloads>{links}</p></section>"
    )


def _figure(name: str, one: Drawn) -> str:
    anchor, caption = _anchor("figures", name), html.escape(one.caption)
    head = f"<section id='{anchor}'><h3><a href='#{anchor}'>{html.escape(words(name))}</a></h3>"
    if isinstance(one.content, str):
        shown = f"<p class=missing>Not drawn: {html.escape(one.content)}</p>"
    else:
        wide = int.from_bytes(one.content[16:20])  # of a PNG's header
        shown = (f"<div class=scroll><img alt='{caption}' style='--wide:{wide}px' "
                 f"src='data:image/png;base64,{_base64(one.content)}'></div>")  # fmt: skip
    return f"{head}<figure>{shown}<figcaption>{caption}</figcaption></figure></section>"


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _runs(planned: Mapping[str, Any], runs: Runs) -> str:
    """A row a run: what was asked, with which seeds it is there, on which data and how long."""
    rows = []
    for name in dict.fromkeys([*planned, *runs]):
        asked = " ".join(map(str, planned.get(name) or ()))
        cells = [html.escape(name), f"<code>{html.escape(asked)}</code>"]
        if name in runs:
            records = runs[name]
            seeds = ", ".join(str(record.seed) for record in records)
            cells += [seeds, html.escape(str(records[0].config["choices"].get("data", "-"))), length(records)]
            cells.append(f"<code>{'<br>'.join(html.escape(_folder(record)) for record in records)}</code>")
        else:
            cells += [
                html.escape(runs.absent.get(name, "not done").removeprefix("it was ").removeprefix("it is ")),
                *[""] * 3,
            ]
        rows.append(f"<tr>{''.join(f'<td>{cell}</td>' for cell in cells)}</tr>")
    heads = ("run", "overrides used", "seeds", "data", "length", "folder")
    return f"<table class=runs><tr>{''.join(f'<th>{head}</th>' for head in heads)}</tr>{''.join(rows)}</table>"


def _folder(record: Record) -> str:
    commit = record.result.get("git")
    return f"{record.path.name}{f' @ {commit}' if commit else ''}"
