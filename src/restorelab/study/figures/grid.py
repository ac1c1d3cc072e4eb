"""Degraded images, what each run makes of them, and the clean ones."""

from dataclasses import dataclass, field
from typing import Literal

from matplotlib.figure import Figure

from restorelab.report.sheet import sheet
from restorelab.runs.record import Runs
from restorelab.study.figures.image_rows import Images, ShownImages, pictures


@dataclass(frozen=True)
class Grid:
    """Some test images: degraded, restored by each run's first seed, clean; the PSNR under each.

    images: how many, spread over the test set, or a list of ids. zoom: pixels of the sheet to one of a clean image;
    null: as many as fit. Degraded images that are smaller fill the same place with larger pixels; of large images the
    middle is shown. layout: "columns", a row an image; "rows", a column an image, a row a method. labels: what to call
    a run; `degraded` and `clean` too.
    """

    caption: str
    runs: list[str]
    evaluation: str
    images: Images = 4
    zoom: int | None = None
    layout: Literal["columns", "rows"] = "columns"
    labels: dict[str, str] = field(default_factory=dict)

    def __call__(self, runs: Runs) -> Figure:
        """Restore and draw.

        Raises:
            ConfigError: for a run, an evaluation or an image that is not there.
            DataError: for runs measured on different images, or a dataset that is not there any more.
        """
        view = ShownImages(runs, self.runs, self.evaluation, self.images)
        lines = {"degraded": (view.degraded(), view.psnr())}
        lines |= {name: (view.restored(name), view.psnr(name)) for name in self.runs}
        clean = view.clean()
        lines["clean"] = (clean, [""] * len(clean))
        names = [self.labels.get(name, name) for name in lines]
        turned = self.layout == "rows"
        columns = len(clean) if turned else len(lines)
        drawn = [
            pictures(images, clean, notes, columns, zoom=self.zoom, labels=names if turned else ())
            for images, notes in lines.values()
        ]
        if turned:
            return sheet(drawn, labels=names)
        return sheet(list(zip(*drawn, strict=True)), [(name, "") for name in names])
