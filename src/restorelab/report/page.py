"""Pages: sections of tables, charts and other content, made HTML by the Jinja2 templates of `report/templates`.

`base.html` is the frame that all pages share, `page.html` a page of sections in it; `comparison.html`, `study.html` and
`run.html` say only what stands in the header. Content that is neither text, table nor chart is a `Part` with a
template of its own. Everything is escaped, so that a name that holds HTML stays text; only the SVG of the charts is
passed through.
"""

import base64
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from importlib import resources
from typing import TYPE_CHECKING, Any

from restorelab import __version__
from restorelab.report.charts.data import Bars, Boxes, Chart, Scatter
from restorelab.report.charts.look import Looks
from restorelab.report.charts.view import ChartView
from restorelab.report.table import Table
from restorelab.report.table_view import TableView, sort_key
from restorelab.runs.naming import counted

if TYPE_CHECKING:
    from jinja2 import Environment
    from markupsafe import Markup

SCRIPTS = ("page.js", "runs.js", "table.js", "charts.js", "pictures.js")
"""Files in `assets`, in the order in which they are put into the page."""


@dataclass(frozen=True)
class Part:
    """Content that a template of its own shows, as `part.content`."""

    template: str
    content: Any


@dataclass(frozen=True)
class Png:
    """A figure as a PNG file's content, or in words why there is none; without an `alt` the caption describes it."""

    anchor: str
    title: str
    caption: str
    content: bytes | str
    alt: str = ""

    @property
    def width(self) -> int:
        """Pixels, from the PNG's header."""
        assert isinstance(self.content, bytes)
        return int.from_bytes(self.content[16:20])


@dataclass(frozen=True)
class Section:
    """A part of a page.

    Attributes:
        id: of its heading, for links: `leaderboard`.
        text: sentences above its tables and charts; why there is nothing, where there is nothing.
        parts: other content, below the charts.
        index: whether the contents list its tables and figures, too.
    """

    id: str
    title: str
    tables: list[Table] = field(default_factory=list)
    charts: list[Chart] = field(default_factory=list)
    text: list[str] = field(default_factory=list)
    parts: list[Part] = field(default_factory=list)
    index: bool = False

    @property
    def empty(self) -> bool:
        """Return whether the part has no content."""
        return not (self.tables or self.charts or self.text or self.parts)

    @property
    def chart_rows(self) -> list[tuple[bool, list[tuple[int, Chart]]]]:
        """The charts with their numbers, in their order; several small ones in a row stand side by side (True)."""
        small = [isinstance(chart, Scatter | Boxes | Bars) and len(self.charts) > 1 for chart in self.charts]
        rows: list[tuple[bool, list[tuple[int, Chart]]]] = []
        for number, chart in enumerate(self.charts):
            if not rows or rows[-1][0] != small[number]:
                rows.append((small[number], []))
            rows[-1][1].append((number, chart))
        return [(paired and len(charts) > 1, charts) for paired, charts in rows]

    def table_anchor(self, number: int) -> str:
        """The anchor of a table."""
        return f"{self.id}-{anchor(self.tables[number].title)}-{number}"

    def chart_anchor(self, number: int) -> str:
        """The anchor of a chart."""
        return f"{self.id}-{anchor(self.charts[number].title)}-{number}"

    def shows_title(self, table: Table) -> bool:
        """Return whether a table's title is shown, or only read out by screen readers."""
        return len(self.tables) > 1 or table.title != self.title

    @property
    def listed(self) -> list[tuple[str, str]]:
        """The anchors below its heading that the contents list, with their titles."""
        if not self.index:
            return []
        tables = [(self.table_anchor(number), table.title) for number, table in enumerate(self.tables)]
        figures = [(part.content.anchor, part.content.title) for part in self.parts if isinstance(part.content, Png)]
        return [*tables, *figures]


def render(template: str, title: str, sections: Sequence[Section], looks: Looks | None = None, **header: Any) -> str:
    """The page as HTML, from a template that extends `page.html`.

    looks: of the runs and of what else the charts name. header: what the template's header shows; `runs`, names of
    runs, are listed beside the contents.
    """
    contents = [(section.id, section.title, section.listed) for section in sections]
    return environment().get_template(f"{template}.html").render(
        title=title, sections=sections, contents=contents, looks=looks or Looks([]), version=__version__,
        scripts=SCRIPTS, **{"runs": (), **header},
    )  # fmt: skip


@cache
def environment() -> "Environment":
    """The templates, with what they need beside their content."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    made = Environment(
        loader=PackageLoader("restorelab.report"), autoescape=True, undefined=StrictUndefined,
        trim_blocks=True, lstrip_blocks=True,
    )  # fmt: skip
    made.globals |= {"asset": asset, "table_view": TableView, "chart_view": ChartView}
    made.filters |= {
        "anchor": anchor, "breakable": breakable, "counted": counted, "data_url": data_url, "sort_key": sort_key,
    }  # fmt: skip
    return made


@cache
def asset(name: str) -> "Markup":
    """A style sheet or script, to stand in the page as it is."""
    from markupsafe import Markup

    return Markup(resources.files("restorelab.report").joinpath("assets", name).read_text(encoding="utf-8"))


def anchor(text: str) -> str:
    """Words as an anchor: letters, digits and hyphens."""
    return re.sub(r"[^a-z0-9]+", "-", text.lower()).strip("-") or "part"


def breakable(text: str) -> "Markup":
    """A name that may be broken behind its hyphens and underscores."""
    from markupsafe import Markup, escape

    return Markup(re.sub(r"([_-])(?=\w)", r"\1<wbr>", str(escape(text))))


def data_url(content: bytes | str, kind: str) -> str:
    """Return the address of a link or picture whose file is embedded in the page."""
    content = content.encode() if isinstance(content, str) else content
    return f"data:{kind};base64,{base64.b64encode(content).decode()}"
