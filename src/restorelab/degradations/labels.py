"""Names of fixed degradations, derived from their parameters: `gaussian_25`, `impulse_30_per_pixel`.

A label states the strength, and every value that is not the usual one (clipped, on the whole image, half of the
impulses white, each channel by itself). Numbers are written so that they can be in file names and be parsed: 25, `002`
for 0.02, `12p5` for 12.5. Shares are in percent. A range is `10_to_50`, a list of levels `15_or_25_or_50`.

This module does not import torch, because configs are named before torch is imported.
"""

import math
import re
from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

STAGES = ("blur", "downsample", "noise", "jpeg")
"""Keys of a degradation, in the order in which they are applied."""

PACKAGE = "restorelab.degradations"

NO_JPEG = {"_target_": f"{PACKAGE}.jpeg.NoJpeg"}
"""The config of no compression, which runs from before that stage have."""

LEVELS = "levels"
"""The first item of a list of two levels, `[levels, 15, 50]`; see strength.py."""

STRENGTHS: dict[str, dict[str, tuple[str, int]]] = {
    "noise.NoNoise": {},
    "noise.Gaussian": {"sigma": ("gaussian", 1)},
    "noise.Poisson": {"peak": ("poisson", 1)},
    "noise.Speckle": {"variance": ("speckle", 1)},
    "noise.Impulse": {"amount": ("impulse", 100)},
    "noise.GaussianImpulse": {"sigma": ("gaussian", 1), "amount": ("impulse", 100)},
    "blur.NoBlur": {},
    "blur.Gaussian": {"sigma": ("blur", 1)},
    "blur.Box": {"size": ("box_blur", 1)},
    "blur.Motion": {"length": ("motion", 1)},
    "downsample.NoDownsample": {},
    "downsample.AvgPool": {"factor": ("avg_pool", 1)},
    "downsample.Bicubic": {"factor": ("bicubic", 1)},
    "jpeg.NoJpeg": {},
    "jpeg.Standard": {"quality": ("jpeg", 1)},
}
"""By target, the keys that its label always states, each with its word and the factor to the unit of the label."""

USUAL: dict[str, tuple[Any, Callable[[Any], str]]] = {
    "kernel_size": (None, lambda value: f"kernel_{number(value)}"),
    "angle": ([0, 180], lambda value: f"angle_{number(value)}"),
    "direction": (0, lambda value: f"direction_{number(value)}"),
    "clip": (True, lambda value: "unclipped"),
    "salt": (0.5, lambda value: f"salt_{number(value, 100)}"),
    "per": ("element", lambda value: f"per_{value}"),
    "box": (None, lambda value: f"box_{number(value, 100)}"),  # `essence` keeps it only if it has an effect
}
"""The keys that a label states if their value differs from the usual one given here."""

NUMBER = r"m?\d+(?:p\d+)?(?:(?:_to|_or)_m?\d+(?:p\d+)?)*"
WORDS = sorted({word for keys in STRENGTHS.values() for word, _ in keys.values()}, key=len, reverse=True)
KIND = rf"(?:{'|'.join(WORDS)})_{NUMBER}"
MORE = rf"(?:{KIND}|(?:kernel|angle|direction|salt|box)_{NUMBER}|unclipped|per_pixel)"
CLAIM = re.compile(rf"(?<![^_]){KIND}(?:_{MORE})*(?![^_])")
"""The part of a name that states a degradation and its values."""


def essence(node: Mapping[str, Any]) -> dict[str, Any]:
    """Return a stage's config without keys that have no effect on an evaluation: `fixed`, and `box` with `region=all`.

    Integral floats become integers, so that 25 and 25.0 are the same degradation.
    """
    unused = {"fixed"} | ({"region", "box"} if node.get("region", "all") == "all" else set())
    return {key: _whole(value) for key, value in node.items() if key not in unused}


def essences(stages: Mapping[str, Any]) -> dict[str, dict[str, Any]]:
    """Return the essence of each of `STAGES`, without an idle `jpeg`.

    Configs from before that stage have none, and results under the same degradation stay comparable.
    """
    kept = {stage: essence(stages[stage]) for stage in STAGES}
    if kept["jpeg"] == essence(NO_JPEG):
        del kept["jpeg"]
    return kept


def _whole(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_whole(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def number(value: Any, factor: int = 1) -> str:
    """Format a number, a range or a list of levels for a label; see the module's docstring.

    >>> number(0.02), number(12.5), number([0.1, 0.5], 100)
    ('002', '12p5', '10_to_50')
    """
    if isinstance(value, list | tuple):
        return ("_to_" if len(value) == 2 else "_or_").join(number(item, factor) for item in value if item != LEVELS)
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return re.sub(r"\W", "", str(value))
    exact = Decimal(repr(value)) * factor
    whole, _, fraction = format(abs(exact).normalize(), "f").partition(".")
    text = f"0{fraction}" if fraction and whole == "0" else f"{whole}p{fraction}" if fraction else whole
    return f"m{text}" if exact < 0 else text


def label(stages: Mapping[str, Mapping[str, Any]]) -> str:
    """Return the name of a degradation given by its stages' configs; a user's own stage gives its target's name."""
    return "_".join(word for stage in STAGES if stage in stages for word in _words(stages[stage])) or "clean"


def _words(node: Mapping[str, Any]) -> list[str]:
    target = str(node.get("_target_"))
    strengths = STRENGTHS.get(target.removeprefix(f"{PACKAGE}."))
    if strengths is None:
        return [target.rpartition(".")[2]]
    plain = essence(node)
    first = [f"{word}_{number(plain.get(key), factor)}" for key, (word, factor) in strengths.items()]
    return first + [say(plain[key]) for key, (usual, say) in USUAL.items() if plain.get(key, usual) != usual]


def corrected(name: str, stages: Mapping[str, Mapping[str, Any]]) -> str:
    """Correct a name whose values are not those of the stages: `gaussian_50` with sigma 25 becomes `gaussian_25`."""
    return CLAIM.sub(lambda match: label(stages), name, count=1)
