"""The comparison on one self-contained page: no network, readable without a script, on paper and on a phone.

The sections come from `assemble`; `report.page` and its templates make the page of them.
"""

from restorelab.compare.comparison import Comparison
from restorelab.report.charts import draw
from restorelab.report.charts.look import Looks
from restorelab.report.gallery import Gallery
from restorelab.report.page import Part, Section, render
from restorelab.runs.record import Runs

PICTURES = "pictures"
"""The HTML anchor of the pictures."""

BEFORE = ("leaderboard", "significance")
"""Sections that come before the pictures, if they exist."""


def page(comparison: Comparison, gallery: Gallery | None) -> str:
    """The whole page as HTML."""
    sections = list(comparison.sections)
    if gallery is not None:
        place = max((i + 1 for i, part in enumerate(sections) if part.id in BEFORE), default=min(1, len(sections)))
        lead = "The same part of the same test image through every model, each pixel as the model gave it."
        sections.insert(place, Section(PICTURES, "Pictures", text=[lead], parts=[Part("gallery", gallery)]))
    return render(
        "comparison", comparison.title, sections, looks_of(comparison), runs=list(comparison.runs),
        facts=comparison.facts, protocol=comparison.protocol, refused=comparison.refused,
    )  # fmt: skip


def looks_of(comparison: Comparison) -> Looks:
    """Assign line styles to the runs, by model where that distinguishes them, and to other names of the charts."""
    groups = {name: _model(comparison.runs, name) for name in comparison.runs}
    labels = [label for section in comparison.sections for chart in section.charts for label in draw.labels(chart)]
    return Looks(list(comparison.runs), labels, groups)


def _model(runs: Runs, name: str) -> str:
    choices = runs[name][0].config.get("choices") or {}
    return str(choices.get("model") or name)
