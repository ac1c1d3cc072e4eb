"""Output activations: what turns a network's last numbers into intensities."""

from typing import Literal

import torch.nn.functional as F
from torch import Tensor

from restorelab.errors import ConfigError, nearest

Output = Literal["relu", "sigmoid", "softplus", "linear"]
OUTPUTS = ("relu", "sigmoid", "softplus", "linear")


def check_output(output: str) -> None:
    """Raise ConfigError for an output activation that does not exist."""
    if output not in OUTPUTS:
        raise ConfigError(f"model.output={output!r}. {nearest(output, OUTPUTS)}")


def finish(x: Tensor, output: Output) -> Tensor:
    """Apply an output activation, in float32 at least.

    `relu` gives [0, inf); a pixel whose number is negative for every image is 0 in every output and learns no more, the
    "dead pixels" of the SVHN report. The others avoid them: `sigmoid` gives (0, 1), `softplus` (0, inf), `linear` any
    number.
    """
    x = x if x.dtype.itemsize > 4 else x.float()
    if output == "sigmoid":
        return unit(x)
    if output == "softplus":
        return F.softplus(x)
    return F.relu(x) if output == "relu" else x


def unit(x: Tensor) -> Tensor:
    """Sigmoid, in float32 at least: in bfloat16 a probability above 0.998 is 1 and its gradient under BCE gone."""
    return (x if x.dtype.itemsize > 4 else x.float()).sigmoid()
