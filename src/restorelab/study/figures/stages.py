"""What the first of two autoencoders gives, beside the final output."""

from dataclasses import dataclass

from matplotlib.figure import Figure

from restorelab.report.sheet import sheet
from restorelab.restoring.inference import restore
from restorelab.runs.record import Runs
from restorelab.study.figures.image_rows import Images, ShownImages, first_stage, pictures


@dataclass(frozen=True)
class Stages:
    """Degraded / first autoencoder's output / final output / clean, for networks with `stages()`.

    A row an image of each evaluation. The first output is a ReLU's: it has no upper bound, so its range stands under
    it, and what lies above 1 is shown white. images, zoom: as of `Grid`.
    """

    caption: str
    run: str
    evaluations: list[str]
    images: Images = 1
    zoom: int | None = None

    def __call__(self, runs: Runs) -> Figure:
        """Restore and draw.

        Raises:
            ConfigError: for a run or an evaluation that is not there, or a network without stages.
            DataError: for a dataset that is not there any more.
        """
        rows, labels = [], []
        for evaluation in self.evaluations:
            view = ShownImages(runs, [self.run], evaluation, self.images)
            net = first_stage(view.record(self.run).net(evaluation), self.run)
            first = view.through(self.run, lambda degraded, net=net: restore(net, degraded))  # type: ignore[misc]
            ranges = [f"{float(image.min()):.2f} to {float(image.max()):.2f}" for image in first]
            clean = view.clean()
            lines = (
                (view.degraded(), view.psnr()),
                (first, ranges),
                (view.restored(self.run), view.psnr(self.run)),
                (clean, [""] * len(clean)),
            )
            labels += [evaluation] * len(clean)
            drawn = [pictures(images, clean, notes, 4, zoom=self.zoom, labels=self.evaluations)
                     for images, notes in lines]  # fmt: skip
            rows += list(zip(*drawn, strict=True))
        heads = [(name, "") for name in ("degraded", "first output", "final output", "clean")]
        return sheet(rows, heads, labels=labels)
