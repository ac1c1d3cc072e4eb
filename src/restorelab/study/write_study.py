"""Write a study's page, tables, figures and findings from the folders of its finished runs."""

import json
import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from itertools import chain
from pathlib import Path
from typing import Any

from restorelab.config import build
from restorelab.config.dotted import within
from restorelab.errors import UserError
from restorelab.judge import claims as judging
from restorelab.report import pareto
from restorelab.report.table import Table
from restorelab.runs import hardware
from restorelab.runs.comparable import alike, boards
from restorelab.runs.deviations import stand_in
from restorelab.runs.record import Record, Runs
from restorelab.runs.run_folder import RunFolder, write_bytes, write_json, write_text
from restorelab.runs.run_identity import NOT_IDENTITY
from restorelab.study.plan import Study
from restorelab.study.study_page import drawn, page
from restorelab.sweep.planned import Planned

log = logging.getLogger(__name__)

LEFT_OUT = "it was left out"
"""The reason for runs of the study that the command line did not select."""


def write(study: Study, planned: Sequence[Planned], folder: Path, beside: str | None = None) -> Path:
    """Write `index.html`, `tables/`, `figures/` and `findings.{json,md}` into the study's folder; gives the page.

    beside: the page on which the same runs are compared, relative to this one. Runs that are not finished are left out,
    and what needs them says so in its place.
    """
    runs = _runs(study, planned)  # before the study's own overrides are replaced by those that were used
    used = {run.name: list(run.overrides) for run in reversed(planned)}
    study = replace(study, runs={**study.runs, **{name: used[name] for name in study.runs if name in used}})
    tables = _tables(study.tables, runs)
    figures = {name: drawn(build.make(f"figures.{name}", node), runs) for name, node in study.figures.items()}
    claims = {name: build.make(f"claims.{name}", node) for name, node in study.claims.items()}
    machine = hardware.of_report(study.report)
    judged = dict(zip(claims, judging.judge(claims.values(), runs, machine), strict=True))
    for kind in ("tables", "figures"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
    for name, table in tables.items():
        write_text(folder / "tables" / f"{name}.csv", table.to_csv())
        write_text(folder / "tables" / f"{name}.md", table.to_markdown())
    for name, figure in figures.items():
        if isinstance(figure.content, bytes):
            write_bytes(folder / "figures" / f"{name}.png", figure.content)
        else:
            log.warning("figure %s: %s", name, figure.content)
    write_json(folder / "findings.json", {name: asdict(claim) for name, claim in judged.items()})
    write_text(folder / "findings.md", judging.markdown(list(judged.values())))
    index = folder / "index.html"
    costs = [chart for board in boards(alike(runs)[0]) for chart in pareto.charts(board)] if study.cost else []
    write_text(index, page(asdict(study), runs, tables, figures, judged, _facts(runs, planned), beside, costs))
    return index


def _runs(study: Study, planned: Sequence[Planned]) -> Runs:
    """Return the finished runs, why others are absent, and why these are a stand-in for the report's."""
    records = [Record(run.name, run.folder) for run in planned if run.done]
    there = {record.name for record in records}
    absent = {run.name: _state(run) for run in planned if run.name not in there}
    asked = {run.name for run in planned}
    absent |= {name: LEFT_OUT for name in study.runs if name not in asked}
    reasons = [*stand_in(asdict(study), Runs(records)), *_changed(study, planned)]
    return Runs(records, absent, reasons)


def _changed(study: Study, planned: Sequence[Planned]) -> list[str]:
    """Name the settings that the command line changed, in a sentence; those of the data are in `deviations`."""
    of_study = set(chain.from_iterable(study.runs.values()))
    changed = {override for run in planned if run.done for override in run.overrides} - of_study
    keys = {override: override.lstrip("+~").partition("=")[0] for override in changed}
    elsewhere = (*NOT_IDENTITY, "data", "seed", "trainer.devices")
    settings = sorted(o for o, key in keys.items() if not within(key, elsewhere)
                      or key in ("data.batch_size", "data.size", "data.crop"))  # fmt: skip
    return [f"Settings: {', '.join(settings)} in place of the report's."] if settings else []


def _state(run: Planned) -> str:
    """Return why a run is not finished."""
    try:
        failure = json.loads(RunFolder(run.folder).failure.read_text())
        reason = str(failure.get("message", "no reason was written")).strip().partition("\n")[0].rstrip(".")
        return f"it is not done ({failure.get('status', 'failed')}: {reason})"
    except (OSError, ValueError, AttributeError):
        return "it is not done"


def _facts(runs: Runs, planned: Sequence[Planned]) -> list[str]:
    """Return sentences about the finished runs, and about the others with the reasons."""
    missing = [run for run in planned if not run.done]
    left = [name for name, why in runs.absent.items() if why == LEFT_OUT]
    done = [f"{len(runs[name])} of {name}" for name in runs]
    facts = [f"Runs done: {', '.join(done)}."]
    if not done:
        facts = [f"None of the {len(planned)} runs is done: nothing is judged."]
    if missing:
        reasons = [f"{run.name} (seed {run.seed}): {_state(run).removeprefix('it is ')}" for run in missing]
        facts.append(f"Not finished: {'; '.join(reasons)}.")
    return [*facts, f"Left out: {', '.join(left)}."] if left else facts


def _tables(nodes: Mapping[str, Any], runs: Runs) -> dict[str, Table]:
    tables = {}
    for name, node in nodes.items():
        try:
            tables[name] = build.make(f"tables.{name}", node)(runs)
        except UserError as error:
            tables[name] = Table(str(node.get("title", name)), [""], [], [f"Not made: {error}"])
    return tables
