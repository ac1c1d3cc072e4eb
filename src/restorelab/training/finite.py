"""An output that is NaN or infinite gets no score: an error names the image."""

from collections.abc import Sequence

import torch
from torch import Tensor

from restorelab.data.frozen import FrozenSet
from restorelab.errors import UserError

SHOWN = 5
"""The most images that a message names."""


class NotFiniteError(UserError):
    """A network gave NaN or infinite values for an image."""


def finite(output: Tensor) -> Tensor:
    """Return which outputs of a batch, `(B, ...)`, are finite in every value: `(B,)` bool."""
    return torch.isfinite(output).flatten(1).all(dim=1)


def refusal(frozen: FrozenSet, places: Sequence[int]) -> NotFiniteError:
    """The error that names the images of a set whose outputs, or measured values, are not finite."""
    names = [frozen.ids[place] for place in places[:SHOWN]]
    more = f" and {len(places) - SHOWN} more" if len(places) > SHOWN else ""
    part = {"val": "validation", "test": "test"}.get(frozen.part, frozen.part)
    return NotFiniteError(
        f"evaluation {frozen.evaluation.name}: the output is NaN or infinite for {len(places)} of {len(frozen)} {part} "
        f"images: {', '.join(names)}{more}. The degraded input of {names[0]} is {_described(frozen.image(places[0]))}."
    )


def _described(image: Tensor) -> str:
    """Describe what may be wrong with an input."""
    if bad := int((~torch.isfinite(image)).sum()):
        return f"itself NaN or infinite in {bad} values"
    low, high = float(image.min()), float(image.max())
    return f"constant ({low:.3g})" if low == high else f"finite, in [{low:.3g}, {high:.3g}]"
