"""A degradation: `jpeg(noise(downsample(blur(clean))))`, each part optional."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from torch import Tensor

from restorelab.degradations.blur import Blur, NoBlur, check_room
from restorelab.degradations.downsample import Downsample, NoDownsample
from restorelab.degradations.jpeg import Jpeg, NoJpeg
from restorelab.degradations.mixture import Each
from restorelab.degradations.noise import Noise, NoNoise
from restorelab.degradations.rng import Draws
from restorelab.errors import ConfigError


@dataclass(frozen=True)
class Degradation:
    """Blur, downsampling, noise and JPEG, in this order: optics, sensor grid, photons and electronics, file."""

    blur: Blur = field(default_factory=NoBlur)
    downsample: Downsample = field(default_factory=NoDownsample)
    noise: Noise | Each = field(default_factory=NoNoise)
    jpeg: Jpeg = field(default_factory=NoJpeg, repr=False)  # the key of fixed noise is as before this stage

    @property
    def variants(self) -> int:
        """How often an epoch shows each image (`noise=each`: once with each noise)."""
        return self.noise.variants

    @property
    def fixed(self) -> bool:
        """Whether the training noise of an image is drawn once."""
        return self.noise.fixed

    @property
    def applied(self) -> list[str]:
        """Which of blur, downsample, noise and jpeg are not switched off."""
        idle = {"blur": NoBlur, "downsample": NoDownsample, "noise": NoNoise, "jpeg": NoJpeg}
        return [stage for stage, kind in idle.items() if not isinstance(getattr(self, stage), kind)]

    def output_size(self, size: tuple[int, int]) -> tuple[int, int]:
        """Return the size (h, w) of the degraded image for a clean `size` (H, W). ConfigError for an invalid size."""
        check_room("blur", self.blur.reach, size)
        return self.downsample.output_size(size)

    def __call__(
        self, clean: Tensor, draws: Draws, counts: Sequence[int] | None = None
    ) -> tuple[Tensor, dict[str, Tensor]]:
        """Degrade a batch.

        Args:
            clean: `(B, C, H, W)` float32 or float64 in [0, 1]; it is not changed.
            draws: the source of all random numbers.
            counts: for `noise=each` only, the number of images of each noise in the batch, which is sorted by noise.

        Returns:
            The degraded images `(B, C, h, w)`, which are `clean` itself if all stages are switched off, and the drawn
            parameters, `{name: (B,)}` in the units of the config, NaN for images without that parameter.

        Raises:
            ConfigError: for sizes that a stage does not accept, and for counts that do not fit `noise`.

        """
        image, parameters = self.blur(clean, draws)
        image = self.downsample(image)
        if isinstance(self.noise, Each):
            image, drawn = self.noise(image, draws, counts)
        elif counts is not None and len(counts) > 1:
            raise ConfigError(f"counts {list(counts)} for a noise with one variant; only noise=each has several.")
        else:
            image, drawn = self.noise(image, draws)
        image, compression = self.jpeg(image, draws)
        return image, parameters | drawn | compression
