"""A comparison of runs: `assemble` builds it, and `write_comparison` writes its files."""

import re
from dataclasses import dataclass, field
from typing import Any

from restorelab.report.page import Section
from restorelab.report.table import Table
from restorelab.runs.record import Runs


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
        """Return the section of an id; None if it does not exist."""
        return next((section for section in self.sections if section.id == name), None)


def tables(comparison: Comparison) -> dict[str, Table]:
    """Return all tables by the names of their files: a section's main table has its name, others add their titles."""
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
