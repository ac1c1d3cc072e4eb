"""Negative PSNR."""

from torch import Tensor, nn

from restorelab.errors import ConfigError


class PSNR(nn.Module):
    """10 log10(mse + eps) of each image, its negative PSNR in dB for data range 1, averaged over the batch.

    All images have a similar weight, whatever their noise; under the squared error, images with strong noise dominate.
    eps keeps the gradient of an image without error finite; with 1e-8 the loss is at least -80 dB. Raises ConfigError
    unless eps is positive.

    Source: Chen et al., "HINet: Half Instance Normalization Network for Image Restoration", CVPRW 2021.
    """

    def __init__(self, eps: float = 1e-8) -> None:
        super().__init__()
        if not eps > 0:
            raise ConfigError(f"loss.eps={eps}: expected a number above 0")
        self.eps = eps

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss of `restored` against `clean`, both `(B, C, H, W)`, as a scalar."""
        mse = (restored - clean).square().mean(dim=(1, 2, 3))
        return 10 * (mse + self.eps).log10().mean()
