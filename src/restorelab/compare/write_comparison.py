"""The files of a comparison: its page, its tables and leaderboard.json."""

import json
from pathlib import Path

from restorelab.compare.comparison import Comparison, tables
from restorelab.compare.comparison_page import page
from restorelab.file_names import refusal
from restorelab.report.gallery import Gallery
from restorelab.runs.run_folder import write_json, write_text

KINDS = ("csv", "md", "tex")
"""The file formats of each table."""


def write(comparison: Comparison, folder: Path, gallery: Gallery | None = None) -> Path:
    """Write `index.html`, `tables/` and `leaderboard.json` into a folder; gives the page.

    gallery: pictures for the page. Tables of an earlier comparison that this one does not have are removed.
    """
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
    """Return the tables that an earlier comparison left in the folder."""
    try:
        names = json.loads((folder / "leaderboard.json").read_text())["tables"]
    except (OSError, ValueError, KeyError, TypeError):
        return set()
    return {name for name in names if refusal(name) is None}
