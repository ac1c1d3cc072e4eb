"""A comparison of runs: what it holds, and the files that it writes. `assemble` builds it."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restorelab.file_names import refusal
from restorelab.report.page import Section
from restorelab.report.table import Table
from restorelab.runs.record import Runs
from restorelab.runs.run_folder import write_json, write_text

if TYPE_CHECKING:
    from restorelab.report.gallery import Gallery

KINDS = ("csv", "md", "tex")
"""Files of each table."""


@dataclass(frozen=True)
class Comparison:
    """Many runs compared with each other.

    Attributes:
        title: of the page.
        runs: the finished ones, by name, a record a seed; the best of the leaderboard first.
        sections: in the order of the page.
        protocol: how images were measured, in a sentence.
        facts: about the runs: how many, of which versions, what differs.
        refused: which runs could not be compared, or are not finished, and why; a sentence each.
        leaderboard: the content of leaderboard.json, plain data.
    """

    title: str
    runs: Runs
    sections: list[Section]
    protocol: str
    facts: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    leaderboard: dict[str, Any] = field(default_factory=dict)

    def section(self, name: str) -> Section | None:
        """The section of an id; None where it is not there."""
        return next((section for section in self.sections if section.id == name), None)


def build(
    folders: Sequence[Path],
    *,
    baseline: str | None = None,
    evaluations: Sequence[str] | None = None,
    metric: str | None = None,
    title: str | None = None,
) -> Comparison:
    """Compare all runs in the folders: of runs, sweeps, studies, or folders of these.

    baseline: the name of a run (or `input`) that every run is tested against, beside the best. evaluations: those that
    count. metric: that ranks and is tested; psnr where runs have it. A mixture of runs that cannot be compared gives
    several tables and says why.

    Raises:
        ConfigError: for a name that is not there.
        DataError: for folders that are not there, or hold no finished run.
    """
    from restorelab.compare import assemble

    return assemble.comparison(folders, baseline, evaluations, metric, title)


def write(comparison: Comparison, folder: Path, gallery: Gallery | None = None) -> Path:
    """Write `index.html`, `tables/` and `leaderboard.json` into a folder; gives the page.

    gallery: pictures for the page. Tables of an earlier comparison that this one does not have are removed.
    """
    from restorelab.compare.comparison_page import page

    (folder / "tables").mkdir(parents=True, exist_ok=True)
    by_name = tables(comparison)
    for name in _earlier(folder) - set(by_name):
        for kind in KINDS:
            (folder / "tables" / f"{name}.{kind}").unlink(missing_ok=True)
    for name, table in by_name.items():
        for kind, text in zip(KINDS, (table.to_csv(), table.to_markdown(), table.to_latex()), strict=True):
            write_text(folder / "tables" / f"{name}.{kind}", text, sync=False)
    write_json(folder / "leaderboard.json", {**comparison.leaderboard, "tables": list(by_name)})
    index = folder / "index.html"
    write_text(index, page(comparison, gallery))
    return index


def _earlier(folder: Path) -> set[str]:
    """The tables that an earlier comparison left in the folder."""
    try:
        names = json.loads((folder / "leaderboard.json").read_text())["tables"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if refusal(name) is None}


def tables(comparison: Comparison) -> dict[str, Table]:
    """All tables by the names of their files: a section's main table has its name, the others add their titles."""
    by_name: dict[str, Table] = {}
    for section in comparison.sections:
        titles = [re.sub(r"[^a-z0-9]+", "-", table.title.lower()).strip("-")[:60] for table in section.tables]
        own_titles = [title for title in titles if title.startswith(section.id)] or titles
        for title, table in zip(titles, section.tables, strict=True):
            name = section.id if title == own_titles[0] else f"{section.id}-{title.removeprefix(section.id).strip('-')}"
            while name in by_name:
                name += "-2"
            by_name[name] = table
    return by_name
