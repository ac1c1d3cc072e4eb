"""The base of the project's metrics: a value for each image, and their mean."""

import copy
from typing import Self

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class PerImage(Metric):
    """A metric with one value per image; `compute` returns their mean.

    Most classes of torchmetrics pool the pixels of all images, or average over batches. Here the state is the values
    themselves, which are concatenated over the ranks, however many images each has. `forward` returns the values of a
    batch.
    """

    full_state_update = False
    values: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.set_dtype(torch.float64)
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Return the value of each image of a batch, `(B,)`, without changing the state; both inputs are `(B, ...)`."""
        raise NotImplementedError

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Measure a batch and store its values; the host does not wait for a GPU."""
        self.values.append(exact(self.each(preds, target)))

    def forward(self, preds: Tensor, target: Tensor) -> Tensor:
        """Measure a batch, store its values and return them, `(B,)` float64."""
        self.update(preds, target)
        return self.values[-1]

    def fresh(self, device: torch.device) -> Self:
        """Return a copy of the metric without values.

        device: of the images, from which ranks exchange values. A network that the metric uses is moved to it; nothing
        else is, because the host would wait for the copy.
        """
        self.reset()
        other = copy.deepcopy(self)
        other._device = device
        if device.type != "mps":  # which has no float64, so that images are measured on the CPU
            for network in other.children():
                network.to(device)
        return other

    def compute(self) -> Tensor:
        """Return the mean over the images, a float64 scalar; NaN without images."""
        return dim_zero_cat(self.values).mean() if len(self.values) else torch.tensor(torch.nan, dtype=torch.float64)


class BatchMean(PerImage):
    """A value that is already a mean over a batch, such as the loss: every image of the batch gets that value."""

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Repeat `preds`, a scalar, for each image of `target: (B, ...)`; return `(B,)`."""
        return preds.expand(len(target))


def exact(values: Tensor) -> Tensor:
    """Return values in float64, on their device, except those of MPS, which has no float64: they move to the CPU."""
    return (values.cpu() if values.device.type == "mps" else values).double()
