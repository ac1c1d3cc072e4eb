"""A run's evaluations as a table, for a terminal and for its page."""

import math
from collections.abc import Iterable, Mapping, Sequence

from restorelab.report.table import Cell, Mark
from restorelab.report.text_table import aligned, ruled
from restorelab.runs.metric import METRICS

ALWAYS = ("psnr", "ssim", "mse", "accuracy", "entropy", "loss")

HEADS = {
    "input/psnr": ("input PSNR", "{:.2f}"),
    "test/psnr": ("PSNR", "{:.2f}"),
    "gain": ("gain", "{:+.2f}"),
    "input/ssim": ("input SSIM", "{:.4f}"),
    "test/ssim": ("SSIM", "{:.4f}"),
    "test/mse": ("MSE", "{:.6f}"),
    "test/accuracy": ("accuracy", "{:.2%}"),
    "test/loss": ("loss", "{:.5g}"),
}
"""The columns of the table with their headings and formats, shown if they were measured."""


def added(metrics: Iterable[str]) -> list[str]:
    """The metrics that a config adds to those that are always measured. metrics: keys such as `test/vif`."""
    names = dict.fromkeys(key.partition("/")[2] for key in metrics if key.startswith(("test/", "val/")))
    return [name for name in names if name not in ALWAYS and name in METRICS]


def cells(name: str, images: int, metrics: Mapping[str, float | None]) -> dict[str, Cell]:
    """One evaluation's row of a table, by heading. metrics: as `Measured.metrics`; None (no number) shows as a dash.

    A gain over the degraded input, or a loss, of at least the threshold is marked better or worse.
    """
    values: dict[str, float | None] = dict(metrics)
    before, after = values.get("input/psnr"), values.get("test/psnr")
    if before is not None and after is not None:
        values["gain"] = after - before
    heads = HEADS | {f"test/{name}": (METRICS[name].label, METRICS[name].form) for name in added(values)}
    row = {"evaluation": Cell(name), "images": Cell(str(images), value=images)}
    for key, (head, form) in heads.items():
        if key in values:
            value = values[key]
            row[head] = Cell("-") if value is None else Cell(form.format(value), value=value, mark=_mark(key, value))
    return row


def _mark(key: str, value: float) -> Mark:
    if key != "gain" or abs(value) < METRICS["psnr"].threshold:
        return ""
    return "better" if value > 0 else "worse"


def table(measured: Sequence[tuple[str, int, Mapping[str, float]]], *, title: str) -> str:
    """Evaluations as an aligned table: a line each. measured: name, number of images, and metrics as in `cells`."""
    rows = [cells(name, images, {k: v for k, v in metrics.items() if k != "test/loss" or not math.isnan(v)})
            for name, images, metrics in measured]  # fmt: skip
    lines = [tuple(cell.text for cell in row.values()) for row in rows]
    return "\n".join([title, *ruled(aligned([tuple(rows[0]), *lines], gap=" "))])
