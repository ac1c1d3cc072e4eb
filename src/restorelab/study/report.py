"""A study's page, tables, figures and findings, from the folders of its finished runs."""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from restorelab import build
from restorelab.errors import UserError
from restorelab.report.table import Table
from restorelab.run_folder import write_bytes, write_json, write_text
from restorelab.study import claims as judging
from restorelab.study.page import drawn, page
from restorelab.study.plan import Study
from restorelab.study.records import Record, Runs
from restorelab.sweep.planned import Planned

log = logging.getLogger(__name__)


def write(study: Study, planned: Sequence[Planned], folder: Path, beside: str | None = None) -> Path:
    """Write `index.html`, `tables/`, `figures/` and `findings.{json,md}` into the study's folder; gives the page.

    beside: the page on which the same runs are compared, relative to this one. Runs that are not finished are left out,
    and what needs them says so in its place.
    """
    runs = Runs([Record(run.name, run.folder) for run in planned if (run.folder / "result.json").is_file()])
    tables = _tables(study.tables, runs)
    figures = {name: drawn(build.make(f"figures.{name}", node), runs) for name, node in study.figures.items()}
    claims = {name: build.make(f"claims.{name}", node) for name, node in study.claims.items()}
    judged = dict(zip(claims, judging.judge(claims.values(), runs), strict=True))
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
    write_json(folder / "findings.json", {name: asdict(one) for name, one in judged.items()})
    write_text(folder / "findings.md", judging.markdown(list(judged.values())))
    done = [f"{len(runs[name])} of {name}" for name in runs]
    missing = [f"{run.name} (seed {run.seed})" for run in planned if not run.done]
    facts = [f"Runs done: {', '.join(done) or 'none'}."]
    facts += [f"Not done: {', '.join(missing)}."] if missing else []
    index = folder / "index.html"
    write_text(index, page(asdict(study), runs, tables, figures, judged, facts, beside))
    return index


def _tables(nodes: Mapping[str, Any], runs: Runs) -> dict[str, Table]:
    tables = {}
    for name, node in nodes.items():
        try:
            tables[name] = build.make(f"tables.{name}", node)(runs)
        except UserError as error:
            tables[name] = Table(str(node.get("title", name)), [""], [], [f"Not made: {error}"])
    return tables
