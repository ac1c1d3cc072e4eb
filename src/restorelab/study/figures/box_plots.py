"""Box plots of a per-image value over a whole test set."""

from dataclasses import dataclass, field

import numpy as np
from matplotlib.figure import Figure

from restorelab.errors import ConfigError, nearest
from restorelab.report import plots
from restorelab.report.table_cells import INPUT, written
from restorelab.runs.metric import LOWER, heading
from restorelab.runs.record import Runs
from restorelab.runs.samples import learned, same_images


@dataclass(frozen=True)
class Boxes:
    """One box a run, over every test image of an evaluation and every seed; the first is the degraded input's own.

    A box goes from the first quartile to the third, its line is the median, a diamond the mean; whiskers reach 1.5
    times the box, images beyond are dots. The median stands at the right.

    metric: a column of per_image.csv. log: the scale.
    """

    caption: str
    runs: list[str]
    evaluation: str
    metric: str = "mse"
    log: bool = True
    labels: dict[str, str] = field(default_factory=dict)

    def __call__(self, runs: Runs) -> Figure:
        """Draw.

        Raises:
            ConfigError: for a run, an evaluation or a column that is not there.
            DataError: for runs that were measured on different images.
        """
        same_images([record for name in self.runs for record in runs[name]], [self.evaluation])
        values = {self.labels.get(name, name): self._values(runs, name, self.metric) for name in self.runs}
        if f"input_{self.metric}" in runs[self.runs[0]][0].per_image(self.evaluation).columns:
            values = {INPUT: self._values(runs, self.runs[0], f"input_{self.metric}", seeds=1)} | values
        figure = plots.blank(0.9 + 0.42 * len(values))
        axis = figure.subplots()
        drawn = axis.boxplot(
            list(values.values()), orientation="horizontal", tick_labels=list(values), patch_artist=True, widths=0.6,
            showmeans=True, medianprops={"color": "black", "lw": 1.4},
            meanprops={"marker": "D", "ms": 4, "mfc": "white", "mec": "black"},
            flierprops={"marker": ".", "ms": 2.5, "mec": "none", "mfc": "#555555", "alpha": 0.35},
        )  # fmt: skip
        first = len(values) - len(self.runs)
        for number, box in enumerate(drawn["boxes"]):
            box.set(facecolor="#dddddd" if number < first else plots.color(number - first), alpha=0.75, lw=0.8)
        if self.log and self.metric in LOWER:
            axis.set_xscale("log")
            plots.plain_log(axis.xaxis, *axis.get_xlim())
        axis.invert_yaxis()
        unit = heading(self.metric)
        images = len(runs[self.runs[0]][0].per_image(self.evaluation).ids)
        seeds = max(len(runs[name]) for name in self.runs if learned(runs[name]) or len(self.runs) == 1)
        words = f"{images:,} test images" + (f", {seeds} seeds each" if seeds > 1 else "")
        plots.tidy(axis, xlabel=f"{unit} of an image under {self.evaluation}; {words}")
        axis.grid(visible=False, axis="y")
        axis.tick_params(axis="y", labelsize=8.5, length=0)
        right = axis.secondary_yaxis("right")
        right.set_yticks(range(1, len(values) + 1), [self._text(each) for each in values.values()])
        right.tick_params(labelsize=8.5, length=0)
        right.spines["right"].set_visible(False)
        axis.annotate("median", (1, 1), (4, 4), "axes fraction", "offset points", fontsize=8.5)
        return figure

    def _text(self, values: np.ndarray) -> str:
        median = float(np.median(values))
        return f"{median:.3g}" if self.metric in LOWER else written(self.metric, median)

    def _values(self, runs: Runs, name: str, column: str, seeds: int | None = None) -> np.ndarray:
        records = runs[name] if learned(runs[name]) else runs[name][:1]
        by_seed = []
        for record in records[:seeds]:
            columns = record.per_image(self.evaluation).columns
            if column not in columns:
                msg = f"run {name}: per_image.csv has no column {column!r}. {nearest(column, columns)}"
                raise ConfigError(msg)
            by_seed.append(columns[column])
        values = np.concatenate(by_seed)
        return values[np.isfinite(values)]
