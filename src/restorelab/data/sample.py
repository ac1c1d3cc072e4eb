"""A batch on its way through the step."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace

import torch
from torch import Tensor


@dataclass
class Sample:
    """A batch: ids, clean, degraded, parameters, label.

    Attributes:
        index: `(B,)` int64, row of each image in the dataset; its ids and groups are looked up by it.
        clean: `(B, C, H, W)`; uint8 (or uint16) as stored, float32 in [0, 1] once the datamodule prepared the batch.
        degraded: `(B, C, h, w)` float32, None until the degradation ran; from storage for real pairs.
        parameters: what the degradation drew, `{name: (B,)}`.
        label: `(B,)` int64, None for datasets without labels.
        counts: how many images of the batch show each variant of the degradation, in order (`noise=each`).
        counter: how many training batches came before this one since the run began; None in evaluation.
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

    def to(self, device: torch.device | str) -> "Sample":
        """Move every tensor to a device; Lightning calls this. From pinned memory to a GPU it does not wait."""
        fast = torch.device(device).type == "cuda"
        return self._each(lambda tensor: tensor.to(device, non_blocking=fast))

    def pinned(self) -> "Sample":
        """The same in pinned memory, from which a copy to a GPU does not wait."""
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
