"""Mean squared error."""

from torch import Tensor

from restorelab.metrics.per_image import PerImage


class MSE(PerImage):
    """Mean squared error of each image; see `mse`."""

    higher_is_better = False

    def each(self, preds: Tensor, target: Tensor) -> Tensor:
        """Compare `preds` with `target`, both `(B, C, H, W)`; return `(B,)`."""
        return mse(preds, target)


def mse(restored: Tensor, clean: Tensor) -> Tensor:
    """Return the mean squared error of each image, `(B,)`, over all its values; restored, clean: `(B, C, H, W)`."""
    return (restored - clean).square().mean((1, 2, 3))
