"""Non-local means, a classical baseline that averages pixels with similar neighborhoods."""

from typing import Any

from torch import Tensor

from restorelab.models.per_image import each_image
from restorelab.models.tunable import Grid, Number, Tunable


class NLM(Tunable):
    """scikit-image's `denoise_nl_means` in fast mode (Darbon et al., ISBI 2008); not trained.

    Args:
        sigma: assumed standard deviation of the noise, in 8-bit units, at least 0.01; None chooses it from `grid`.
        h: allowed difference between patches, in units of sigma (scikit-image recommends 0.6 to 0.8); None chooses it
            from `grid`.
        patch_size: side of the patches, in pixels.
        patch_distance: the greatest distance along an axis to a patch that a pixel's patch is compared with, in pixels.
        grid: candidates of sigma and h.

    """

    def __init__(
        self,
        sigma: float | None = None,
        h: float | None = None,
        patch_size: int = 7,
        patch_distance: int = 6,
        grid: Grid | None = None,
    ) -> None:
        super().__init__(grid, sigma=Number(sigma, least=0.01), h=Number(h, least=0.01))
        self.patch_size = Number(patch_size, least=1, odd=True).check("model.patch_size", patch_size)
        self.patch_distance = Number(patch_distance, least=1, whole=True).check("model.patch_distance", patch_distance)
        self.receptive_field = int(2 * (self.patch_distance + self.patch_size // 2) + 1)

    def forward(self, degraded: Tensor) -> Tensor:
        """Denoise `degraded: (B, C, H, W)`, comparing all channels of a patch together, on the CPU, one by one."""
        from skimage.restoration import denoise_nl_means

        def work(image: Any) -> Any:
            sigma = self.settings["sigma"] / 255
            restored = denoise_nl_means(
                image,
                patch_size=self.patch_size,
                patch_distance=self.patch_distance,
                h=self.settings["h"] * sigma,
                sigma=sigma,
                fast_mode=True,
                channel_axis=-1,
            )
            return restored.reshape(image.shape)  # scikit-image squeezes a single channel

        return each_image(degraded, work)
