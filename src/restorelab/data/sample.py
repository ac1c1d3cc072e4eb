"""A batch of images, as loaders, degradations, objectives and metrics exchange it."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor

from restorelab.noise_level import noise_level


@dataclass
class Sample:
    """A batch: indices, clean and degraded images, drawn parameters and labels.

    Attributes:
        index: `(B,)` int64, row of each image in the dataset, by which its id and group are looked up.
        clean: `(B, C, H, W)`; uint8 (or uint16) as stored, float32 in [0, 1] after the datamodule prepared the batch.
        degraded: `(B, C, h, w)` float32, None before the degradation is applied; as stored for real pairs.
        parameters: what the degradation drew, `{name: (B,)}`.
        label: `(B,)` int64, None for datasets without labels.
        counts: number of images of each variant of the degradation, in order (`noise=each`).
        counter: number of training batches before this one since the run began; None in evaluation.
    """

    index: Tensor
    clean: Tensor
    degraded: Tensor | None = None
    parameters: dict[str, Tensor] = field(default_factory=dict)
    label: Tensor | None = None
    counts: tuple[int, ...] | None = None
    counter: int | None = None

    def __len__(self) -> int:
        return int(self.clean.shape[0])

    @property
    def sigma(self) -> Tensor | None:
        """The noise level for networks that take it, (B,) or (B, 1, h, w) in [0, 1] units; None if none was drawn."""
        assert self.degraded is not None
        return noise_level(self.parameters, self.degraded)

    def to(self, device: torch.device | str) -> "Sample":
        """Move every tensor to a device (Lightning calls this), asynchronously from pinned memory to a GPU."""
        fast = torch.device(device).type == "cuda"
        return self._each(lambda tensor: tensor.to(device, non_blocking=fast))

    def pinned(self) -> "Sample":
        """Return the sample in pinned memory, from which copies to a GPU are asynchronous."""
        return self._each(Tensor.pin_memory)

    def _each(self, change: Callable[[Tensor], Tensor]) -> "Sample":
        return replace(
            self,
            index=change(self.index),
            clean=change(self.clean),
            degraded=None if self.degraded is None else change(self.degraded),
            parameters={name: change(values) for name, values in self.parameters.items()},
            label=None if self.label is None else change(self.label),
        )
