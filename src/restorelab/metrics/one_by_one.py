"""Use any metric of torchmetrics that compares restored with clean images, image by image."""

import inspect

import torch
from torch import Tensor
from torchmetrics import Metric

from restorelab.metrics.per_image import PerImage


class OneByOne(PerImage):
    """Any torchmetrics metric of two images, applied to one image at a time in float32.

    inner: the metric; its `update` takes the restored and the clean images, and its `higher_is_better` is not None.

    Raises ValueError for any other metric.
    """

    def __init__(self, inner: Metric) -> None:
        super().__init__()
        taken = [p for p in inspect.signature(inner.update).parameters.values() if p.default is p.empty]
        if len(taken) != 2 or any(p.annotation not in (p.empty, Tensor) for p in taken):
            names = ", ".join(f"{p.name}: {inspect.formatannotation(p.annotation)}" for p in taken)
            raise ValueError(f"its update takes ({names}); expected two tensors, restored and clean images")
        if inner.higher_is_better is None:
            raise ValueError("its higher_is_better is None; expected true or false")
        inner.sync_on_compute = False  # a value belongs to one image, which other ranks do not have
        self.inner = inner

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """Whether higher values are better, as the inner metric declares."""
        return bool(self.inner.higher_is_better)

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `preds` with `target`, both `(B, C, H, W)`; return `(B,)`.

        Raises ValueError if the metric does not give a single number for an image.
        """
        pairs = zip(torch.split(preds.float(), 1), torch.split(target.float(), 1), strict=True)
        return torch.stack([self._one(*pair) for pair in pairs])

    def _one(self, restored: Tensor, clean: Tensor) -> Tensor:
        self.inner.reset()
        self.inner.update(restored, clean)
        value = self.inner.compute()
        if not isinstance(value, Tensor) or value.numel() != 1:
            raise ValueError(f"{type(self.inner).__name__} gives no single number for an image")
        return value.reshape(())
