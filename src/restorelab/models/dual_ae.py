"""The dual autoencoder of the faces report: two consecutive autoencoders, with or without skips between them."""

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from restorelab.models.activation import unit
from restorelab.models.initialize import Init, initialize
from restorelab.models.separable import convolution
from restorelab.models.shape import check_shape


class DualAE(nn.Module):
    """An autoencoder that ends in ReLU, followed by a second one that ends in sigmoid.

    Source: the faces report (faces_dual_ae): its layer shapes and its table of trainable parameters: 87,812, with skips
    91,488; separable 52,445 and 56,231. `separable` replaces every convolution, the 1x1 ones included, but not the
    transposed ones, by a depthwise separable convolution.

    Shapes for 100x100: the first as `AE`, the second 98x98x25, 96x96x25, 47x47x50, 95x95x50, 97x97x25, 100x100xC.
    `skips` connect conv1, conv2, conv3 of the first encoder to conv4, conv5, conv6 of the second; each is added after
    the target's ReLU, without an activation after the sum. The output has the size of the input if height and width are
    multiples of 4 and at least 12.

    Skip C ends in a single ReLU channel that is broadcast over the 50 of conv6, as the report's parameter counts
    require, and a single ReLU channel connects the two autoencoders. If one of these is 0 for every image, it stays so;
    `diagnose` detects this. With `init="torch"` the connection is dead from the start for 9 of 30 seeds and skip C for
    4 (separable: 6 and 10), measured on 16 faces with impulse noise; with Keras' `glorot`, as in the report, for none.
    """

    multiple = 4
    minimum = 12
    receptive_field = 35
    # contiguous / channels_last, forward and backward, batch 128 of 100x100, two busy CPU cores, interleaved:
    # 2.4 times, separable 2.9, with skips 2.2, both 2.8 (medians).
    channels_last = True

    def __init__(self, channels: int = 1, separable: bool = False, skips: bool = False, init: Init = "glorot") -> None:
        super().__init__()
        self.channels = channels
        self.skips = skips
        self.conv1 = convolution(channels, 50, 3, separable=separable)
        self.conv2 = convolution(50, 35, 3, 2, separable=separable)
        self.conv3 = convolution(35, 25, 3, 2, separable=separable)
        self.up1 = nn.ConvTranspose2d(25, 25, 3, 2)
        self.up2 = nn.ConvTranspose2d(25, 25, 3, 2)
        self.up3 = nn.ConvTranspose2d(25, channels, 6)
        self.conv4 = convolution(channels, 25, 3, separable=separable)
        self.conv5 = convolution(25, 25, 3, separable=separable)
        self.conv6 = convolution(25, 50, 3, 2, separable=separable)
        self.up4 = nn.ConvTranspose2d(50, 50, 3, 2)
        self.up5 = nn.ConvTranspose2d(50, 25, 3)
        self.up6 = nn.ConvTranspose2d(25, channels, 4)
        if skips:
            self.skip_a = convolution(50, 25, 1, separable=separable)
            self.skip_b = convolution(35, 25, 1, separable=separable)
            self.skip_c = convolution(25, 50, 1, separable=separable)
            self.skip_c_up = nn.ConvTranspose2d(50, 1, 2)
        initialize(self, init)

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, H, W)` in [0, 1]; the result has its shape and is in (0, 1).

        Raises ValueError for a size that the output would not have.
        """
        return self.stages(degraded)[1]

    def stages(self, degraded: Tensor) -> tuple[Tensor, Tensor]:
        """Return the first autoencoder's output, in [0, inf), and the final one, in (0, 1); shapes as `degraded`."""
        check_shape("DualAE", degraded, self.channels, self.multiple, self.minimum)
        x1 = F.relu(self.conv1(degraded), inplace=True)
        x2 = F.relu(self.conv2(x1), inplace=True)
        x3 = F.relu(self.conv3(x2), inplace=True)
        x = F.relu(self.up1(x3), inplace=True)
        x = F.relu(self.up2(x), inplace=True)
        first = F.relu(self.up3(x), inplace=True)
        x = F.relu(self.conv4(first), inplace=True)
        if self.skips:
            x = x + F.relu(self.skip_a(x1), inplace=True)
        x = F.relu(self.conv5(x), inplace=True)
        if self.skips:
            x = x + F.interpolate(F.relu(self.skip_b(x2), inplace=True), scale_factor=2.0, mode="nearest")
        x = F.relu(self.conv6(x), inplace=True)
        if self.skips:
            x = x + self._third_skip(x3)
        x = F.relu(self.up4(x), inplace=True)
        x = F.relu(self.up5(x), inplace=True)
        return first, unit(self.up6(x))

    def _third_skip(self, x3: Tensor) -> Tensor:
        """Skip C: `(B, 25, m, m)` to one channel `(B, 1, 2m + 1, 2m + 1)`, in [0, inf)."""
        x = F.interpolate(F.relu(self.skip_c(x3), inplace=True), scale_factor=2.0, mode="nearest")
        return F.relu(self.skip_c_up(x), inplace=True)

    @torch.no_grad()
    def diagnose(self, degraded: Tensor) -> dict[str, float]:
        """Return the share of positive values of each one-channel ReLU for a batch; 0 means that the branch is dead.

        `first` is the output of the first autoencoder, `skip_c` the third skip. With a dead `first` the first decoder
        has no effect (and, without skips, every image has the same output); a dead `skip_c` adds nothing.
        """
        shares = {"first": (self.stages(degraded)[0] > 0).float().mean().item()}
        if self.skips:
            x = F.relu(self.conv2(F.relu(self.conv1(degraded))))
            shares["skip_c"] = (self._third_skip(F.relu(self.conv3(x))) > 0).float().mean().item()
        return shares
