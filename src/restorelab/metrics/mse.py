"""Mean squared error."""

from torch import Tensor

from restorelab.metrics.per_image import PerImage


class MSE(PerImage):
    """The protocol's mean squared error of each image."""

    higher_is_better = False

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """`mse`: `(B, C, H, W)` twice to `(B,)`."""
        return mse(preds, target)


def mse(restored: Tensor, clean: Tensor) -> Tensor:
    """Mean squared error of each image: `(B, C, H, W)` twice to `(B,)`."""
    return (restored - clean).square().mean((1, 2, 3))
