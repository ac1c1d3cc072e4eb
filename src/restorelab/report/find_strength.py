"""Find the strength of a noise that leaves the degraded images at a PSNR."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from scipy.optimize import brentq

from restorelab.config import build
from restorelab.config.build import Parts
from restorelab.degradations.mixture import Each, Mixture
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import ConfigError
from restorelab.metrics.protocol import Protocol
from restorelab.report.preview_panel import PreviewColumn, PreviewImage, input_psnr

RANGES = {"sigma": (1e-2, 1e4), "variance": (1e-6, 1e4), "amount": (2**-12, 1.0), "peak": (1e-3, 1e7)}
"""Strengths that are searched, in the units of the configs: from invisible to an image of noise only."""

ACCURACY = 1e-5
"""Of the logarithm of a strength that is found: half a unit of the fourth digit is four times that."""


@dataclass(frozen=True)
class Strength:
    """The one number of a noise that says how strong it is; `at` is the run's degradation with another value of it."""

    name: str
    at: Callable[[float], Degradation]


@dataclass(frozen=True)
class FoundStrength:
    """The value, what it gives (dB, mean over the images), and the column that shows it."""

    value: float
    psnr: float
    column: PreviewColumn


def the_strength(built: Parts, settings: Mapping[str, Any]) -> Strength:
    """The strength of the run's noise.

    Raises:
        ConfigError: for a noise that has none, or several.
    """
    node, noise = settings["noise"], built.degradation.noise
    chosen = settings["choices"].get("noise", node["_target_"])
    if isinstance(noise, Mixture | Each):
        members = ", ".join(noise.noises)
        msg = f"find: noise={chosen} is several ({members}). Find each by itself, such as noise=gaussian find=20dB."
        raise ConfigError(msg)
    names = [name for name in RANGES if name in node]
    if len(names) != 1:
        has = f"has {len(names)} strengths ({' and '.join(names)})" if names else "has no strength to find"
        msg = f"find: noise={chosen} {has}. Use a noise with one: gaussian, impulse, poisson or speckle."
        raise ConfigError(msg)

    def at(value: float) -> Degradation:
        changed = build.make("noise", {**node, names[0]: value})
        return replace(built.degradation, noise=changed)

    return Strength(names[0], at)


def find(strength: Strength, images: Sequence[PreviewImage], protocol: Protocol, target: float) -> FoundStrength:
    """Search the range on a logarithmic scale, under the same draws throughout, for a mean PSNR of `target` dB.

    The value is rounded to four digits, and `psnr` is what the rounded one gives.

    Raises:
        ConfigError: where no strength gives it; says what can be reached.
    """

    def column(value: float) -> PreviewColumn:
        return PreviewColumn("training", strength.at(value), "find")

    def gives(value: float) -> float:
        return input_psnr(column(value), images, protocol)

    low, high = RANGES[strength.name]
    ends = gives(low), gives(high)
    if not min(ends) <= target <= max(ends):
        (least, strong), (most, weak) = sorted(zip(ends, (low, high), strict=True))
        msg = (
            f"find={target:g}dB: cannot be reached. These images measure {least:.2f} dB with "
            f"noise.{strength.name}={strong:g} and {most:.2f} dB with noise.{strength.name}={weak:g}."
        )
        raise ConfigError(msg)
    exponent = brentq(lambda e: gives(10**e) - target, math.log10(low), math.log10(high), xtol=ACCURACY)
    value = float(f"{10**exponent:.4g}")
    return FoundStrength(value, gives(value), column(value))
