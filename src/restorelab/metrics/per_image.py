"""The base of the project's metrics: a value for each image, and their mean."""

import copy
from typing import Self

import torch
from torch import Tensor
from torchmetrics import Metric
from torchmetrics.utilities import dim_zero_cat


class PerImage(Metric):
    """A metric with a value for each image; the mean over all images is what `compute` gives.

    Unlike most classes of torchmetrics, which pool the pixels of all images or average over batches. The state is the
    values themselves, which ranks concatenate, however many images each has. `forward` gives the batch's values.
    """

    full_state_update = False
    values: list[Tensor]

    def __init__(self) -> None:
        super().__init__()
        self.set_dtype(torch.float64)
        self.add_state("values", default=[], dist_reduce_fx="cat")

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Measure each image of a batch, `(B, ...)` twice to `(B,)`, without touching the state."""
        raise NotImplementedError

    def update(self, preds: Tensor, target: Tensor) -> None:
        """Take in a batch; on a GPU the host does not wait for it."""
        self.values.append(exact(self.each(preds, target)))

    def forward(self, preds: Tensor, target: Tensor) -> Tensor:
        """As `update`; gives the batch's values, `(B,)` float64."""
        self.update(preds, target)
        return self.values[-1]

    def fresh(self, device: torch.device) -> Self:
        """Copy the metric without its values. device: that the images lie on, and ranks exchange values from.

        A network that the metric compares by is brought to the device; nothing else is copied there, for which the host
        would wait.
        """
        self.reset()
        other = copy.deepcopy(self)
        other._device = device
        if device.type != "mps":  # images are measured on the CPU then
            for network in other.children():
                network.to(device)
        return other

    def compute(self) -> Tensor:
        """The mean over the images, float64; NaN without any."""
        return dim_zero_cat(self.values).mean() if len(self.values) else torch.tensor(torch.nan, dtype=torch.float64)


class BatchMean(PerImage):
    """A mean over a batch, such as its loss: each of its images counts as that mean."""

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Repeat the mean `preds: ()` for each image of `target: (B, ...)`."""
        return preds.expand(len(target))


def exact(values: Tensor) -> Tensor:
    """In float64: on the same device, but for MPS, which has none, on the CPU."""
    return (values.cpu() if values.device.type == "mps" else values).double()
