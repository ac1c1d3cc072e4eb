"""Networks of others, recognized by their weights: what the package spandrel reads."""

from importlib.util import find_spec
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError
from restorelab.models import weights

EXTRA = "pip install 'restorelab[spandrel]'"


class Spandrel(nn.Module):
    """The network that spandrel recognizes in a file of weights (some forty architectures, such as ESRGAN, DAT, HAT).

    It is not trained here. The weights are read like those of other networks: only tensors and plain containers are
    unpickled.

    Attributes:
        name: the architecture's name in spandrel.
        channels: number of channels of the input and of the output.
        scale: the factor by which the network enlarges.

    Raises:
        ConfigError: for a missing file or package, and for weights that spandrel does not recognize or whose network
            changes the number of channels.
        DataError: for a file that is damaged, or holds other objects than tensors.
    """

    fit = False

    def __init__(self, ckpt: str) -> None:
        super().__init__()
        state = weights.read(Path(ckpt), "model.ckpt")
        package = _package()
        device = torch.get_default_device()  # checks build networks on the meta device
        try:
            with torch.device("cpu"):
                descriptor = package.ModelLoader().load_from_state_dict(package.canonicalize_state_dict(state))
        except package.UnsupportedModelError:
            some = ", ".join(list(state)[:3])
            raise ConfigError(
                f"model.ckpt: spandrel recognizes no network in {ckpt}, whose first weights are {some}."
            ) from None
        except Exception as error:  # of any of its architectures, whose names these weights have
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"model.ckpt: spandrel cannot build the network in {ckpt} ({type(error).__name__}: {reason})."
            ) from error
        weights.refuse_not_finite(descriptor.model, descriptor.model.state_dict(), f"model.ckpt: {ckpt}")
        if descriptor.input_channels != descriptor.output_channels:
            raise ConfigError(
                f"model.ckpt: {descriptor.architecture.name} in {ckpt} turns {descriptor.input_channels} channels into "
                f"{descriptor.output_channels}; expected as many output channels as input channels."
            )
        self.net = descriptor.model.requires_grad_(False).to(device)
        self.name, self.channels = str(descriptor.architecture.name), descriptor.input_channels
        self.scale = descriptor.scale
        self._call = descriptor  # pads to what the architecture needs, and clamps

    def forward(self, degraded: Tensor) -> Tensor:
        """Restore `degraded: (B, C, h, w)` in [0, 1], any size; return `(B, C, scale h, scale w)` in [0, 1]."""
        restored: Tensor = self._call(degraded)
        return restored


def installed() -> bool:
    """Return whether the package spandrel is installed, without importing it."""
    return find_spec("spandrel") is not None


def _package() -> Any:
    try:
        import spandrel
    except Exception as error:  # of torchvision, which may not fit the installed torch
        raise ConfigError(
            f"model=spandrel: the package spandrel cannot be imported ({type(error).__name__}: {error}). {EXTRA}"
        ) from error
    return spandrel
