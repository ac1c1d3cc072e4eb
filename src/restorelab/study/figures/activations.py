"""What a layer shows of an image, beside the image."""

import math
import re
from dataclasses import dataclass
from typing import Any

import torch
from matplotlib.figure import Figure
from torch import Tensor

from restorelab.errors import ConfigError, nearest
from restorelab.report.pixels import pixels
from restorelab.report.sheet import SheetPicture, sheet
from restorelab.runs.record import Runs
from restorelab.study.figures.image_rows import Images, ShownImages, pictures


@dataclass(frozen=True)
class Activations:
    """Noisy / activation of a layer / denoised / clean, a row an image, for networks with `activations(x)`.

    The activation is a square of small maps: first the mean over all channels, then the `channels` that differ most
    over the images shown; each from its own least value (black) to its greatest (white).

    layer: `conv1` is the first that `activations` gives. images, zoom: as of `Grid`.
    """

    caption: str
    run: str
    evaluation: str
    images: Images = 4
    layer: str = "conv1"
    channels: int = 8
    zoom: int | None = None

    def __call__(self, runs: Runs) -> Figure:
        """Run the network and draw.

        Raises:
            ConfigError: for a run, an evaluation or a layer that is not there, or a network without activations.
            DataError: for a dataset that is not there any more.
        """
        view = ShownImages(runs, [self.run], self.evaluation, self.images)
        maps = self._maps(view)
        clean = view.clean()
        drawn = [
            pictures(images, clean, notes, 4, zoom=self.zoom)
            for images, notes in (
                (view.degraded(), view.psnr()),
                (view.restored(self.run), view.psnr(self.run)),
                (clean, [""] * len(clean)),
            )
        ]
        chosen = self._chosen(maps)
        note = f"mean, channels {', '.join(map(str, chosen))}" if len(chosen) <= 8 else f"mean, {len(chosen)} channels"
        squares = [_fitted(montage(m, chosen), like, note) for m, like in zip(maps, drawn[0], strict=True)]
        rows = list(zip(drawn[0], squares, drawn[1], drawn[2], strict=True))
        heads = [("noisy", ""), (self.layer, ""), ("denoised", ""), ("clean", "")]
        return sheet(rows, heads)

    def _maps(self, view: ShownImages) -> list[Tensor]:
        """The layer's output for each image, (channels, h, w)."""
        net: Any = view.record(self.run).net(self.evaluation)
        if not hasattr(net, "activations"):
            msg = f"run {self.run}: {type(net).__name__} has no activations to show."
            raise ConfigError(msg)
        with torch.inference_mode():
            layers = len(net.activations(view.degraded()[0][None]))
        names = [f"conv{number}" for number in range(1, layers + 1)]
        if not re.fullmatch(r"conv\d+", self.layer) or self.layer not in names:
            msg = f"layer={self.layer}: {nearest(self.layer, names)}"
            raise ConfigError(msg)
        return view.through(self.run, lambda degraded: net.activations(degraded)[names.index(self.layer)])

    def _chosen(self, maps: list[Tensor]) -> list[int]:
        spread = torch.stack([output.float().flatten(1).std(dim=1) for output in maps]).mean(dim=0)
        return sorted(spread.topk(min(self.channels, len(spread))).indices.tolist())


def montage(maps: Tensor, chosen: list[int]) -> Tensor:
    """The mean of (channels, h, w) and the chosen channels, in a square of squares: (1, n h, n w) in [0, 1]."""
    tiles = [_full(tile) for tile in (maps.mean(dim=0), *(maps[i] for i in chosen))]
    side = math.ceil(math.sqrt(len(tiles)))
    tiles += [torch.ones_like(tiles[0])] * (side**2 - len(tiles))
    return torch.cat([torch.cat(tiles[i : i + side], dim=1) for i in range(0, side**2, side)], dim=0)[None]


def _fitted(square: Tensor, like: SheetPicture, note: str) -> SheetPicture:
    """A montage about as large as another picture, each of its pixels a whole number of the sheet's where it fits."""
    height, width = square.shape[-2:]
    times = min(like.height // height, like.width // width)
    size = (height * times, width * times) if times else (like.height, like.width)
    return SheetPicture(pixels(square), *size, note)


def _full(tile: Tensor) -> Tensor:
    low, high = tile.min(), tile.max()
    return (tile - low) / (high - low) if high > low else torch.zeros_like(tile)
