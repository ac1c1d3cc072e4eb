"""The look of a run in every chart, table and picture of the page: a color, a dash and a marker."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from restorelab.report.charts.svg import element

COLORS = 8
"""Colors of the style sheet: `--c0` to `--c7`, told apart with any color vision, beside `--cx` for what is no run."""

DASHES = ("", "7 3", "2 2.6", "1.5 3 6 3", "4 2", "12 4", "1 4", "9 2.5 2 2.5 2 2.5")
"""Of lines; the first is solid."""

MARKERS = {
    "o": "M-4 0A4 4 0 1 1 4 0A4 4 0 1 1 -4 0Z",
    "s": "M-3.6 -3.6H3.6V3.6H-3.6Z",
    "^": "M0 -4.8L4.6 3.4H-4.6Z",
    "D": "M0 -5L5 0L0 5L-5 0Z",
    "v": "M0 4.8L4.6 -3.4H-4.6Z",
    "P": "M-1.5 -4.8H1.5V-1.5H4.8V1.5H1.5V4.8H-1.5V1.5H-4.8V-1.5H-1.5Z",
    "h": "M-4.6 0L-2.3 -4H2.3L4.6 0L2.3 4H-2.3Z",
    "*": "M0 -5.4L1.5 -1.7L5.2 -1.7L2.3 .8L3.3 4.6L0 2.4L-3.3 4.6L-2.3 .8L-5.2 -1.7L-1.5 -1.7Z",
}
"""Shapes around (0, 0), about 9 pixels large, of about one area, by the names that matplotlib has for them."""


@dataclass(frozen=True)
class Look:
    """How one label is drawn. `number` names it in the page's `data-run`; `color` is None for what is no run."""

    number: int
    color: int | None
    style: int

    @property
    def css(self) -> str:
        """The class that sets `--c`."""
        return "cx" if self.color is None else f"c{self.color}"

    @property
    def dash(self) -> str | None:
        """Of its lines; None for solid ones."""
        return DASHES[self.style % len(DASHES)] or None

    def marker(self, x: float, y: float, size: float = 1.0) -> str:
        """Its marker at a place."""
        shape = list(MARKERS.values())[self.style % len(MARKERS)]
        scale = "" if size == 1 else f"scale({size:g})"
        return element("path", d=shape, transform=f"translate({x:.1f} {y:.1f}){scale}", class_="marker")

    def swatch(self) -> str:
        """A small line with its marker, for legends and tables."""
        line = element("path", d="M1 7H27", class_="line", stroke_dasharray=self.dash)
        return element("svg", line, self.marker(14, 7, 0.9), class_=f"swatch {self.css}", viewBox="0 0 28 14",
                       width=28, height=14, aria_hidden="true")  # fmt: skip


class Looks(Mapping[str, Look]):
    """The looks of labels, runs first; equal labels look alike everywhere.

    Where runs fall into groups, such as one a model, a group has a color and its members differ in dash and marker;
    otherwise the color moves first. `other` labels, such as `input`, are gray.
    """

    def __init__(self, runs: Sequence[str], other: Iterable[str] = (), groups: Mapping[str, str] | None = None) -> None:
        runs = list(dict.fromkeys(runs))
        self._looks: dict[str, Look] = {}
        members = _members(runs, groups or {})
        for number, name in enumerate(runs):
            color, style = members.get(name, (number % COLORS, number // COLORS))
            self._looks[name] = Look(number, color, style)
        rest = [name for name in dict.fromkeys(other) if name not in self._looks]
        for place, name in enumerate(rest):
            self._looks[name] = Look(len(runs) + place, None, 2 + place)

    def __getitem__(self, name: str) -> Look:
        return self._looks[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._looks)

    def __len__(self) -> int:
        return len(self._looks)


def _members(runs: Sequence[str], groups: Mapping[str, str]) -> dict[str, tuple[int, int]]:
    """Color and style by run, where the groups are as many as there are colors and none is larger than the dashes."""
    sorted_in: dict[str, list[str]] = {}
    for name in runs:
        sorted_in.setdefault(groups.get(name, name), []).append(name)
    fits = len(sorted_in) <= COLORS and max(map(len, sorted_in.values()), default=0) <= len(DASHES)
    if not fits or len(sorted_in) < 2:
        return {}
    return {name: (color, style) for color, names in enumerate(sorted_in.values()) for style, name in enumerate(names)}
