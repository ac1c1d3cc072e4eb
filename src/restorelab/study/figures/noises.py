"""Samples for each noise: noisy, clean, denoised."""

from dataclasses import dataclass, field

from matplotlib.figure import Figure

from restorelab.errors import ConfigError, DataError, nearest
from restorelab.report.sheet import sheet
from restorelab.runs.record import Runs
from restorelab.runs.samples import learned
from restorelab.runs.seed_values import best, by_seed, same_images
from restorelab.study.figures.image_rows import Images, ShownImages, pictures


@dataclass(frozen=True)
class Noises:
    """Noisy / clean / denoised, in the report's order, a row an evaluation, with the PSNR of noisy and denoised.

    run: whose restored images. runs: in its place one for each evaluation, such as the report's best under it, which
    the row names; evaluations that it does not name are not shown. Neither: under each evaluation the trained run with
    the best mean test PSNR. images, zoom: as of `Grid`; the images of one noise stand side by side. labels: what to
    call a run.
    """

    caption: str
    evaluations: list[str]
    run: str | None = None
    images: Images = 2
    zoom: int | None = None
    labels: dict[str, str] = field(default_factory=dict)
    runs: dict[str, str] | None = None

    def __post_init__(self) -> None:
        for evaluation in self.runs or {}:
            if evaluation not in self.evaluations:
                msg = f"figure of noises, runs: {evaluation!r}. {nearest(evaluation, self.evaluations)}"
                raise ConfigError(msg)

    def __call__(self, runs: Runs) -> Figure:
        """Restore and draw.

        Raises:
            ConfigError: for a run or an evaluation that is not there.
            DataError: where no trained run was measured, or for a dataset that is not there any more.
        """
        rows, labels = [], []
        if self.runs is not None:
            shown = {evaluation: self.runs[evaluation] for evaluation in self.evaluations if evaluation in self.runs}
        else:
            shown = {evaluation: self.run or _best(runs, evaluation) for evaluation in self.evaluations}
        for evaluation, name in shown.items():
            label = evaluation if self.run else f"{evaluation}:\n{self.labels.get(name, name)}"
            view = ShownImages(runs, [name], evaluation, self.images)
            clean = view.clean()
            lines = (
                (view.degraded(), view.psnr()),
                (clean, [""] * len(clean)),
                (view.restored(name), view.psnr(name)),
            )
            columns = 3 * len(clean)
            drawn = [pictures(images, clean, notes, columns, zoom=self.zoom, labels=[label])
                     for images, notes in lines]  # fmt: skip
            rows.append([picture for image in zip(*drawn, strict=True) for picture in image])
            labels.append(label)
        heads = [("noisy", ""), ("clean", ""), ("denoised", "")] * (max(map(len, rows)) // 3)
        return sheet(rows, heads, labels=labels)


def _best(runs: Runs, evaluation: str) -> str:
    """Return the trained run with the best mean test PSNR under an evaluation."""
    names = same_images(runs, [name for name in runs if learned(runs[name])], evaluation)
    name = best("psnr", {name: by_seed(runs, name, evaluation, "psnr").mean for name in names})
    if name is None:
        msg = f"{evaluation}: no trained run was measured under it."
        raise DataError(msg)
    return name
