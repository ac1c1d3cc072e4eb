"""Any metric of torchmetrics that compares a restored image with a clean one, image by image."""

import inspect

import torch
from torch import Tensor
from torchmetrics import Metric

from restorelab.metrics.per_image import PerImage


class OneByOne(PerImage):
    """A metric that pools the images it is shown, shown one image at a time, in float32.

    inner: its `update` takes the restored and the clean image, and `higher_is_better` says which way is better.

    Raises ValueError for another one.
    """

    def __init__(self, inner: Metric) -> None:
        super().__init__()
        taken = [p for p in inspect.signature(inner.update).parameters.values() if p.default is p.empty]
        if len(taken) != 2 or any(p.annotation not in (p.empty, Tensor) for p in taken):
            names = ", ".join(f"{p.name}: {inspect.formatannotation(p.annotation)}" for p in taken)
            raise ValueError(f"its update takes ({names}), and not a restored and a clean image")
        if inner.higher_is_better is None:
            raise ValueError("its higher_is_better is None: it does not say which way is better")
        inner.sync_on_compute = False  # its value is an image's, which no other rank has
        self.inner = inner

    @property
    def higher_is_better(self) -> bool:  # type: ignore[override]
        """As the inner metric says."""
        return bool(self.inner.higher_is_better)

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `(B, C, H, W)` twice, `(B,)`.

        Raises ValueError where the metric gives more than one number for an image.
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
