"""What a chart of the comparison shows, as plain data: no drawing, no colors, no pixels.

A chart names its runs by their labels; the page gives equal labels equal colors, dashes and markers everywhere.
Values are finite floats; NaN is a gap in a line and an empty cell elsewhere.
"""

from dataclasses import dataclass, field


@dataclass(frozen=True)
class Series:
    """One line: `x` and `y` of equal length (N); `low` and `high`, also (N), are the band around it."""

    label: str
    x: list[float]
    y: list[float]
    low: list[float] | None = None
    high: list[float] | None = None


@dataclass(frozen=True)
class Span:
    """A stretch of the x axis that is shaded, such as the noise levels of the training."""

    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Lines:
    """Curves over one axis."""

    title: str
    x_label: str
    y_label: str
    series: list[Series]
    shaded: list[Span] = field(default_factory=list)
    log_x: bool = False
    caption: str = ""


@dataclass(frozen=True)
class Dot:
    """One point; `low` and `high` are the ends of its interval in y, `left` and `right` of that in x. `front` dots are
    joined: the Pareto front.
    """

    label: str
    x: float
    y: float
    low: float | None = None
    high: float | None = None
    front: bool = False
    left: float | None = None
    right: float | None = None


@dataclass(frozen=True)
class Scatter:
    """Points, such as PSNR against parameters. lower: less is better, upwards."""

    title: str
    x_label: str
    y_label: str
    dots: list[Dot]
    log_x: bool = False
    caption: str = ""
    lower: bool = False


@dataclass(frozen=True)
class Box:
    """A distribution: whiskers from `low` to `high`, the box from `q1` to `q3`, and what lies outside."""

    label: str
    low: float
    q1: float
    median: float
    q3: float
    high: float
    mean: float
    outliers: list[float]


@dataclass(frozen=True)
class Boxes:
    """Distributions side by side, such as PSNR per image."""

    title: str
    y_label: str
    boxes: list[Box]
    caption: str = ""


@dataclass(frozen=True)
class HeatMap:
    """A matrix of numbers: `values` by row and column, None where nothing was measured.

    With `reference`, of the same shape, the color says by how much a value is better; it is full at `most`, or at the
    largest difference. `marks` are short signs beside a number. lower: less is better. digits: decimals that are shown.
    """

    title: str
    row_label: str
    column_label: str
    rows: list[str]
    columns: list[str]
    values: list[list[float | None]]
    unit: str = "dB"
    reference: list[list[float | None]] | None = None
    marks: list[list[str]] | None = None
    caption: str = ""
    lower: bool = False
    most: float | None = None
    digits: int = 2


@dataclass(frozen=True)
class Bar:
    """One bar from zero to `value`."""

    label: str
    value: float


@dataclass(frozen=True)
class Bars:
    """Numbers beside one another, such as the importance of each hyperparameter."""

    title: str
    x_label: str
    bars: list[Bar]
    caption: str = ""


Chart = Lines | Scatter | Boxes | HeatMap | Bars
