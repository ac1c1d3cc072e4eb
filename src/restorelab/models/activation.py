"""The output activation of networks that end in a probability."""

from torch import Tensor


def unit(x: Tensor) -> Tensor:
    """Sigmoid, in float32 at least: in bfloat16 a probability above 0.998 is 1 and its gradient under BCE gone."""
    return (x if x.dtype.itemsize > 4 else x.float()).sigmoid()
