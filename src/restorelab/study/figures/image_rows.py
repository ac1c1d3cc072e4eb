"""Test images of an evaluation, and what runs make of them, for the figures that show pictures."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import torch
from torch import Tensor, nn

from restorelab.config import build
from restorelab.data.frozen import FrozenSet
from restorelab.errors import ConfigError, nearest
from restorelab.metrics.protocol import Protocol
from restorelab.report.sheet import GAP, LABEL, MANY, MARGIN, SheetPicture, shown
from restorelab.restoring.inference import Restoring, exact
from restorelab.runs.record import Record, Runs
from restorelab.runs.samples import same_images

WIDTH = 1280
"""The approximate width of a sheet in pixels, which the page shows at its own size."""

LEAST, MOST = 72, 256
"""The fewest and the most pixels of a picture."""

ENLARGED = 200
"""The size up to which a small image is enlarged, in pixels."""

Images = int | list[str]
"""How many images, spread evenly over the set, or the ids of some."""


@dataclass(frozen=True)
class ShownImages:
    """Some test images of one evaluation, through the first seed of each of some runs."""

    runs: Runs
    names: Sequence[str]
    evaluation: str
    images: Images

    def __post_init__(self) -> None:
        same_images([record for name in self.names for record in self.runs[name]], [self.evaluation])

    @cached_property
    def frozen(self) -> FrozenSet:
        """The set that the runs were measured on.

        Raises:
            DataError: where the dataset is not there any more, or is another one now.
        """
        return self.runs[self.names[0]][0].frozen(self.evaluation)

    @cached_property
    def places(self) -> list[int]:
        """Return the places of the images in the set.

        Raises:
            ConfigError: for an id that the test set has not.
        """
        ids = self.frozen.ids
        if isinstance(self.images, int):
            count = min(self.images, len(ids))
            return [(2 * i + 1) * len(ids) // (2 * count) for i in range(count)]
        for name in self.images:
            if name not in ids:
                msg = f"images: {name!r} is none of the {len(ids)} test images. {nearest(name, ids)}"
                raise ConfigError(msg)
        return [ids.index(name) for name in self.images]

    def degraded(self) -> list[Tensor]:
        """Return the degraded images, each (C, h, w) in float32."""
        return [self.frozen.image(place) for place in self.places]

    def clean(self) -> list[Tensor]:
        """Return the clean images, each (C, H, W) in [0, 1]."""
        return [self.frozen.clean(place) for place in self.places]

    def restored(self, name: str) -> list[Tensor]:
        """What a run makes of each, (C, H, W), as it was measured: same weights, tuned values and protocol."""
        net, protocol = self.record(name).net(self.evaluation), self._protocol(name)
        restored = Restoring(net, self_ensemble=protocol.self_ensemble)
        with exact():
            return [
                restored(protocol.prepare(self.frozen.image(place)[None]), self.frozen.sigma(place))[0].float()
                for place in self.places
            ]

    def _protocol(self, name: str) -> Protocol:
        protocol: Protocol = build.make("protocol", self.record(name).config["protocol"])
        return protocol

    @torch.inference_mode()
    def through(self, name: str, function: Callable[[Tensor], Tensor]) -> list[Tensor]:
        """Each degraded image, prepared by the run's protocol, through a function of (1, C, h, w)."""
        protocol = self._protocol(name)
        with exact():
            return [function(protocol.prepare(image[None]))[0].float() for image in self.degraded()]

    def psnr(self, name: str = "") -> list[str]:
        """What each image measured, restored by a run; of the degraded images themselves without a name."""
        values = self.record(name or self.names[0]).per_image(self.evaluation)
        column = values.columns["psnr" if name else "input_psnr"]
        rows_by_image = {image: number for number, image in enumerate(values.ids)}
        return [f"{column[rows_by_image[self.frozen.ids[place]]]:.2f} dB" for place in self.places]

    def record(self, name: str) -> Record:
        """Return the run's first seed."""
        return self.runs[name][0]


def first_stage(net: nn.Module, name: str) -> nn.Module:
    """The first of two networks in a row, as a network of its own.

    Raises:
        ConfigError: for a network that has no `stages`.
    """
    if not hasattr(net, "stages"):
        msg = f"run {name}: {type(net).__name__} has no stages to show; dual autoencoders have."
        raise ConfigError(msg)
    return _First(net)


class _First(nn.Module):
    def __init__(self, net: nn.Module) -> None:
        super().__init__()
        self.net = net
        self.multiple, self.minimum = getattr(net, "multiple", 1), getattr(net, "minimum", 1)

    def forward(self, degraded: Tensor) -> Tensor:
        """`degraded: (B, C, H, W)` to the first stage's output, of that shape."""
        return self.net.stages(degraded)[0]  # type: ignore[operator]


def pictures(
    images: Sequence[Tensor], like: Sequence[Tensor], notes: Sequence[str], columns: int, *, zoom: int | None = None,
    labels: Sequence[str] = (),
) -> list[SheetPicture]:  # fmt: skip
    """Images as pictures that fit `columns` to a sheet, each as large as the clean one in `like`.

    zoom: pixels of the sheet to one of a clean image; null: what fits. The middle is shown of what does not fit.
    labels: what stands to the left of the rows, which takes its share.
    """
    left = int(LABEL * min(MANY, max((len(label) for label in labels), default=0)))
    room = max(LEAST, min(MOST, (WIDTH - 2 * MARGIN - left) // columns - GAP))
    made = []
    for image, clean, note in zip(images, like, notes, strict=True):
        height, width = clean.shape[-2:]
        factor = zoom or max(1, min(room, ENLARGED) // max(height, width))
        made.append(shown(image, (height, width), factor, max(1, room // factor), note))
    return made
