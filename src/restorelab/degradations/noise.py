"""Noises. All of them are called alike.

`noise(image, draws)` takes `(B, C, H, W)` float32 or float64, intensities in [0, 1], and returns a new tensor of the
same dtype and device, and the drawn parameters, `{name: (B,)}`, in the units of the config. The input is not changed.

A strength is one value, or a range or levels from which a value is drawn for each image; see `strength.py`. `clip`
clips the result to [0, 1], as a camera and an 8-bit file do. With `fixed`, training noise is drawn once for each image
instead of at every step; the datamodule does this. A wrong value raises ConfigError at construction.

Random numbers are independent between images, pixels and channels, unless the class says otherwise. No method waits for
the device or has shapes that depend on data.

`region` and `box` restrict a noise to one rectangle per image; see `region.py`. `noise_level.BOX` names the parameters
that they add.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal, Protocol

from torch import Tensor

from restorelab.degradations.region import OnRegion
from restorelab.degradations.rng import Draws
from restorelab.degradations.strength import Strength, draw, number, strength
from restorelab.errors import ConfigError, nearest

Noisy = tuple[Tensor, dict[str, Tensor]]


class Noise(Protocol):
    """The protocol of noises; see the module's docstring."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of the parameters that a call returns."""

    @property
    def variants(self) -> int:
        """How often an epoch shows each image: 1, except for `Each`."""

    @property
    def fixed(self) -> bool:
        """Whether training noise is drawn once for each image."""

    def __call__(self, image: Tensor, draws: Draws) -> Noisy:
        """Degrade a batch."""


@dataclass(frozen=True)
class NoNoise:
    """No noise."""

    parameters: ClassVar[tuple[str, ...]] = ()
    variants: ClassVar[int] = 1
    fixed: ClassVar[bool] = False

    def __call__(self, image: Tensor, draws: Draws) -> Noisy:
        """Return the image itself, not a copy, and no parameters."""
        return image, {}


@dataclass(frozen=True)
class Gaussian(OnRegion):
    """Additive noise N(0, (sigma / 255)^2). `sigma` >= 0 is in 8-bit units, as in the denoising literature."""

    sigma: Strength
    title: ClassVar[str] = "Gaussian noise"
    own: ClassVar[tuple[str, ...]] = ("sigma",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", strength(self.title, "sigma", self.sigma, 0))
        super().__post_init__()

    def everywhere(self, image: Tensor, draws: Draws) -> Noisy:
        """See the module's docstring; the drawn parameter is `sigma`."""
        sigma = draw(self.sigma, image, draws)
        out = draws.normal(image.shape, image).mul_(sigma / 255).add_(image)
        return out, {"sigma": sigma.view(-1)}


@dataclass(frozen=True)
class Poisson(OnRegion):
    """Shot noise: y ~ Poisson(peak x) / peak. `peak` is the expected count at intensity 1; a lower peak is noisier.

    `peak` is at least 1e-6. A negative intensity (a bicubic undershoot) counts as 0. It is not differentiable.
    """

    peak: Strength
    title: ClassVar[str] = "Poisson noise"
    own: ClassVar[tuple[str, ...]] = ("peak",)

    def __post_init__(self) -> None:
        # A peak of 0 would divide by zero.
        object.__setattr__(self, "peak", strength(self.title, "peak", self.peak, 1e-6))
        super().__post_init__()

    def everywhere(self, image: Tensor, draws: Draws) -> Noisy:
        """See the module's docstring; the drawn parameter is `peak`."""
        peak = draw(self.peak, image, draws)
        out = draws.poisson(image.clamp(min=0).mul_(peak)).div_(peak)
        return out, {"peak": peak.view(-1)}


@dataclass(frozen=True)
class Speckle(OnRegion):
    """Multiplicative noise: x + x n, n ~ N(0, variance), as in scikit-image's `random_noise(mode="speckle")`.

    `variance` (>= 0) is that of the relative error n.
    """

    variance: Strength
    title: ClassVar[str] = "Speckle noise"
    own: ClassVar[tuple[str, ...]] = ("variance",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variance", strength(self.title, "variance", self.variance, 0))
        super().__post_init__()

    def everywhere(self, image: Tensor, draws: Draws) -> Noisy:
        """See the module's docstring; the drawn parameter is `variance`."""
        variance = draw(self.variance, image, draws)
        out = draws.normal(image.shape, image).mul_(variance.sqrt()).add_(1).mul_(image)
        return out, {"variance": variance.view(-1)}


@dataclass(frozen=True)
class Impulse(OnRegion):
    """Salt and pepper noise: a share `amount` of the values becomes 1 (a share `salt` of them) or 0 (the rest).

    Both shares are in [0, 1]. `per="element"` replaces each channel's value by itself, as scikit-image's
    `random_noise(mode="s&p")` does; `per="pixel"` replaces all channels of a pixel at once, by white or black.

    One 16-bit random number per element (or pixel) is used, which is four times faster than uniform floats;
    probabilities are rounded to multiples of 2^-16 (an error of at most 7.6e-6). `clip` has an effect only on an image
    with values outside [0, 1].
    """

    amount: Strength
    salt: float = 0.5
    per: Literal["element", "pixel"] = "element"
    title: ClassVar[str] = "Impulse noise"
    own: ClassVar[tuple[str, ...]] = ("amount",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "amount", strength(self.title, "amount", self.amount, 0, 1))
        object.__setattr__(self, "salt", number(self.title, "salt", self.salt, 0, 1))
        if self.per not in ("element", "pixel"):
            raise ConfigError(f"{self.title}: per is {self.per!r}. {nearest(self.per, ['element', 'pixel'])}")
        super().__post_init__()

    def everywhere(self, image: Tensor, draws: Draws) -> Noisy:
        """See the module's docstring; the drawn parameter is `amount`."""
        amount = draw(self.amount, image, draws)
        channels = image.shape[1] if self.per == "element" else 1
        shape = (image.shape[0], channels, *image.shape[2:])
        drawn = draws.bits16(shape, image).to(image.dtype)  # integers -32768..32767, exact in float32
        struck_below = amount.mul(65536).round_().sub_(32768)
        salt_below = amount.mul(self.salt * 65536).round_().sub_(32768)
        # All are integers, so a difference clamped to [0, 1] is 0 or 1. torch.where would be four times slower.
        salt = (salt_below - drawn).clamp_(0, 1)
        kept = drawn.sub_(struck_below - 1).clamp_(0, 1)
        out = salt.addcmul_(image, kept) if salt.shape == image.shape else salt.addcmul(image, kept)
        return out, {"amount": amount.view(-1)}


@dataclass(frozen=True)
class GaussianImpulse(OnRegion):
    """Gaussian noise followed by salt and pepper noise (report `stl10_dsc`).

    `sigma` is in 8-bit units; `amount`, `salt` and `per` are as in `Impulse`. Without `clip`, Gaussian values may be
    outside [0, 1]; the impulses are 0 and 1 in any case.
    """

    sigma: Strength
    amount: Strength
    salt: float = 0.5
    per: Literal["element", "pixel"] = "element"
    title: ClassVar[str] = "Gaussian and impulse noise"
    own: ClassVar[tuple[str, ...]] = ("sigma", "amount")

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", Gaussian(self.sigma, clip=False).sigma)
        object.__setattr__(self, "amount", Impulse(self.amount, clip=False, salt=self.salt, per=self.per).amount)
        super().__post_init__()

    def everywhere(self, image: Tensor, draws: Draws) -> Noisy:
        """See the module's docstring; the drawn parameters are `sigma` and `amount`."""
        noisy, first = Gaussian(self.sigma, clip=False)(image, draws)
        out, second = Impulse(self.amount, clip=False, salt=self.salt, per=self.per)(noisy, draws)
        return out, first | second
