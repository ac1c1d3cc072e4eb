"""Output activations, which convert a network's last layer to intensities."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from restorelab.errors import ConfigError, nearest

Output = Literal["relu", "sigmoid", "softplus", "linear"]
OUTPUTS = ("relu", "sigmoid", "softplus", "linear")


def check_output(output: str) -> None:
    """Raise ConfigError for an unknown output activation."""
    if output not in OUTPUTS:
        raise ConfigError(f"model.output={output!r}. {nearest(output, OUTPUTS)}")


def finish(x: Tensor, output: Output) -> Tensor:
    """Apply an output activation, at least in float32.

    `relu` gives [0, inf). A pixel that is negative before it for every image is always 0 and has no gradient: the "dead
    pixels" of the SVHN report. The others avoid them: `sigmoid` gives (0, 1), `softplus` (0, inf), `linear` any number.
    """
    x = x if x.dtype.itemsize > 4 else x.float()
    if output == "sigmoid":
        return unit(x)
    if output == "softplus":
        return F.softplus(x)
    return F.relu(x) if output == "relu" else x


def unit(x: Tensor) -> Tensor:
    """Apply the sigmoid, at least in float32: in bfloat16 values above 0.998 are 1, without a gradient under BCE."""
    return (x if x.dtype.itemsize > 4 else x.float()).sigmoid()
