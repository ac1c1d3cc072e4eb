"""Noises: how all of them are called.

`noise(image, draws)` takes `(B, C, H, W)` float32 or float64, intensities in [0, 1], and gives a new tensor of the same
dtype and device, and what it drew, `{name: (B,)}`, in the units of the config. The input is never written to.

A strength is one value, or a range or levels from which every image draws its own; see `strength.py`. `clip` cuts the
result to [0, 1], as a camera and an 8-bit file do. `fixed` is read by the datamodule: training noise is drawn once for
each image instead of at every step. A wrong value raises ConfigError at construction.

Random numbers are independent between images, pixels and channels, unless the class says otherwise. No method waits for
the device or has shapes that depend on data.

`region` and `box` keep a noise inside one rectangle an image; see `region.py`, which also names the parameters that
this adds.
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
    """What the pipeline and the combinators call; see the module's text."""

    @property
    def parameters(self) -> tuple[str, ...]:
        """Names of what a call returns beside the image."""

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
    """The image itself."""

    parameters: ClassVar[tuple[str, ...]] = ()
    variants: ClassVar[int] = 1
    fixed: ClassVar[bool] = False

    def __call__(self, image: Tensor, draws: Draws) -> Noisy:
        """Return the image itself, not a copy, and no parameters."""
        return image, {}


@dataclass(frozen=True)
class Gaussian(OnRegion):
    """Adds N(0, (sigma / 255)^2). `sigma` in 8-bit units, as the denoising literature quotes it."""

    sigma: Strength
    title: ClassVar[str] = "Gaussian noise"
    own: ClassVar[tuple[str, ...]] = ("sigma",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "sigma", strength(self.title, "sigma", self.sigma, 0))
        super().__post_init__()

    def everywhere(self, image: Tensor, draws: Draws) -> Noisy:
        """See the module's text; gives `sigma`."""
        sigma = draw(self.sigma, image, draws)
        out = draws.normal(image.shape, image).mul_(sigma / 255).add_(image)
        return out, {"sigma": sigma.view(-1)}


@dataclass(frozen=True)
class Poisson(OnRegion):
    """Shot noise: y ~ Poisson(peak x) / peak. `peak` is the expected count at intensity 1: fewer is noisier.

    A negative intensity (a bicubic undershoot) counts as 0. Gradients do not pass.
    """

    peak: Strength
    title: ClassVar[str] = "Poisson noise"
    own: ClassVar[tuple[str, ...]] = ("peak",)

    def __post_init__(self) -> None:
        # A millionth of a photon is nonsense, but 0 would divide by zero.
        object.__setattr__(self, "peak", strength(self.title, "peak", self.peak, 1e-6))
        super().__post_init__()

    def everywhere(self, image: Tensor, draws: Draws) -> Noisy:
        """See the module's text; gives `peak`."""
        peak = draw(self.peak, image, draws)
        out = draws.poisson(image.clamp(min=0).mul_(peak)).div_(peak)
        return out, {"peak": peak.view(-1)}


@dataclass(frozen=True)
class Speckle(OnRegion):
    """Multiplicative noise: x + x n, n ~ N(0, variance), as scikit-image's `random_noise(mode="speckle")`."""

    variance: Strength
    title: ClassVar[str] = "Speckle noise"
    own: ClassVar[tuple[str, ...]] = ("variance",)

    def __post_init__(self) -> None:
        object.__setattr__(self, "variance", strength(self.title, "variance", self.variance, 0))
        super().__post_init__()

    def everywhere(self, image: Tensor, draws: Draws) -> Noisy:
        """See the module's text; gives `variance`."""
        variance = draw(self.variance, image, draws)
        out = draws.normal(image.shape, image).mul_(variance.sqrt()).add_(1).mul_(image)
        return out, {"variance": variance.view(-1)}


@dataclass(frozen=True)
class Impulse(OnRegion):
    """Salt and pepper: a share `amount` of the values becomes 1 (a share `salt` of those) or 0 (the rest).

    `per="element"` strikes each channel's value by itself, as scikit-image's `random_noise(mode="s&p")`;
    `per="pixel"` strikes all channels of a pixel at once, giving white and black only.

    One 16-bit number decides an element, so that probabilities are rounded to multiples of 2^-16 (error at most
    7.6e-6); that makes the draw four times cheaper than uniform floats. `clip` matters only for an image that leaves
    [0, 1] already.
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
        """See the module's text; gives `amount`."""
        amount = draw(self.amount, image, draws)
        channels = image.shape[1] if self.per == "element" else 1
        shape = (image.shape[0], channels, *image.shape[2:])
        drawn = draws.bits16(shape, image).to(image.dtype)  # integers -32768..32767, exact in float32
        struck_below = amount.mul(65536).round_().sub_(32768)
        salt_below = amount.mul(self.salt * 65536).round_().sub_(32768)
        # All are integers, so a difference clamped to [0, 1] is 0 or 1. torch.where would be four times slower here.
        salt = (salt_below - drawn).clamp_(0, 1)
        kept = drawn.sub_(struck_below - 1).clamp_(0, 1)
        out = salt.addcmul_(image, kept) if salt.shape == image.shape else salt.addcmul(image, kept)
        return out, {"amount": amount.view(-1)}


@dataclass(frozen=True)
class GaussianImpulse(OnRegion):
    """Gaussian noise, then salt and pepper on top: both on one image (report `stl10_dsc`).

    `sigma` in 8-bit units; `amount`, `salt` and `per` as in `Impulse`. Unclipped, Gaussian values may leave [0, 1]; the
    impulses are 0 and 1 either way.
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
        """See the module's text; gives `sigma` and `amount`."""
        noisy, first = Gaussian(self.sigma, clip=False)(image, draws)
        out, second = Impulse(self.amount, clip=False, salt=self.salt, per=self.per)(noisy, draws)
        return out, first | second
