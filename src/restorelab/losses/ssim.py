"""One minus structural similarity."""

from torch import Tensor, nn

from restorelab.metrics.ssim import ssim_maps


class SSIM(nn.Module):
    """1 - SSIM, the mean over all windows, channels and images; 0 for identical images, at most 2.

    The window and the constants are those of the protocol: 11x11 Gaussian, sigma 1.5, data range 1 (Wang et al., TIP
    2004).
    """

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the loss of `restored` against `clean`, both `(B, C, H, W)` in [0, 1], as a scalar.

        Raises ValueError for a side below 11 pixels.
        """
        light, structure = ssim_maps(restored, clean)
        return 1 - (light * structure).mean()
