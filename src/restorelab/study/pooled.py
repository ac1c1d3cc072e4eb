"""A table of mean squared errors over whole test sets, with the PSNR that goes with such a mean."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from restorelab.report.table import Cell, Table
from restorelab.report.table_cells import cell, written
from restorelab.runs.record import Runs
from restorelab.runs.seed_values import SeedValues, average, by_seed
from restorelab.study import printed

PRINTED = "20 log10(1 / (255 MSE)) (dB)"
"""What most of the GoPro report's PSNR column is; for images in [0, 1] the formula is 10 log10(1 / MSE)."""

EXPLANATION = "pooled: 10 log10(1 / mean MSE) over the whole test set; the PSNR of other tables is a mean over images."


@dataclass(frozen=True)
class Pooled:
    """Mean squared errors, and `10 log10(1 / mean MSE)`, which is a PSNR pooled over the images, not a mean of PSNRs.

    For reports that print one MSE over a whole test set; the pooled value is shown nowhere else.
    entries: a row each, `{run, evaluations: [...], report, psnr, label, note}`; the MSE is the mean over all images of
    the evaluations. `report` (an MSE) may be left out, and so may `psnr`, what the report prints as its PSNR: beside it
    stands what formula gives most of those numbers, of our MSE too. A row `{label, psnr, note}` has no run.
    """

    title: str
    entries: list[dict[str, Any]]
    notes: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        for entry in self.entries:
            needed = {"run", "evaluations"} if "run" in entry or "psnr" not in entry else {"label"}
            printed.check(self.title, [entry], needed, {"report", "psnr", "label", "note"})

    def __call__(self, runs: Runs) -> Table:
        """Read the numbers."""
        rows = [self._row(runs, **entry) for entry in self.entries]
        head = ["", *(f"{group}\n{name}" for group in ("degraded input", "ours") for name in ("MSE", "pooled (dB)"))]
        head += [f"ours\n{PRINTED}"] if self._psnr else []
        head += ["report\nMSE", "report\npooled (dB)", *(["report\nPSNR as printed"] if self._psnr else [])]
        place = head.index("report\nMSE")
        notes = printed.notes(runs, [row[place] for row in rows])
        return Table(self.title, head, rows, [EXPLANATION, *notes, *self.notes])

    @property
    def _psnr(self) -> bool:
        return any("psnr" in entry for entry in self.entries)

    def _row(
        self, runs: Runs, run: str = "", evaluations: Sequence[str] = (), report: float | None = None,
        psnr: float | None = None, label: str = "", note: str = "",
    ) -> list[Cell]:  # fmt: skip
        ours, of_input = (_over_all(runs, run, evaluations, metric) for metric in ("mse", "input_mse"))
        shown = [Cell(""), Cell("")]
        if report is not None:
            shown = [printed.shown(runs, "mse", report, of_input, None, note), _decibels(SeedValues((report,)))]
        of_input = SeedValues(of_input.values[:1], of_input.why)
        cells = [Cell(label or run), cell("mse", of_input), _decibels(of_input), cell("mse", ours), _decibels(ours)]
        if not run:
            cells = [Cell(label), *[Cell("")] * 4]
        if not self._psnr:
            return [*cells, *shown]
        as_printed = Cell("")
        if psnr is not None:
            as_printed = Cell(f"{psnr:g}".replace("-", "\u2212"), value=psnr, note=note if report is None else "")
        return [*cells, _decibels(ours, 20, 255) if run else Cell(""), *shown, as_printed]


def _over_all(runs: Runs, run: str, evaluations: Sequence[str], metric: str) -> SeedValues:
    """The mean over the images of several evaluations, a value a seed."""
    parts = [by_seed(runs, run, evaluation, metric) for evaluation in evaluations]
    if any(not part.values for part in parts):
        return average(parts)
    return average(parts, [runs[run][0].evaluation(evaluation)["images"] for evaluation in evaluations])


def _decibels(mse: SeedValues, factor: int = 10, white: int = 1) -> Cell:
    if not mse.values:
        return Cell("-", note=mse.why)
    value = float(-factor * np.log10(white * mse.mean)) if mse.mean > 0 else float("inf")
    return Cell(written("psnr", value), value=value)
