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

    It is not trained here. It takes (B, C, h, w) in [0, 1] of any size and returns the same in [0, 1], `scale` times as
    large. The weights are read as those of other networks: tensors only, nothing is unpickled.

    Attributes:
        name: of the architecture, as spandrel calls it.
        channels: of its input; scale: by which it enlarges.

    Raises:
        ConfigError: if the package is not installed, or recognizes nothing.
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
                found = package.ModelLoader().load_from_state_dict(package.canonicalize_state_dict(state))
        except package.UnsupportedModelError:
            some = ", ".join(list(state)[:3])
            raise ConfigError(
                f"model.ckpt: spandrel recognizes no network in {ckpt}, whose weights are {some} ..."
            ) from None
        if found.input_channels != found.output_channels:
            raise ConfigError(
                f"model.ckpt: {found.architecture.name} in {ckpt} turns {found.input_channels} channels into "
                f"{found.output_channels}; expected as many as before."
            )
        self.net = found.model.requires_grad_(False).to(device)
        self.name, self.channels, self.scale = str(found.architecture.name), found.input_channels, found.scale
        self._call = found  # pads to what the architecture needs, and clamps

    def forward(self, degraded: Tensor) -> Tensor:
        """See the class."""
        restored: Tensor = self._call(degraded)
        return restored


def installed() -> bool:
    """Return whether the package is there, without importing it."""
    return find_spec("spandrel") is not None


def _package() -> Any:
    try:
        import spandrel
    except Exception as error:  # of torchvision, which may not fit the installed torch
        raise ConfigError(
            f"model=spandrel: the package spandrel cannot be imported ({type(error).__name__}: {error}). {EXTRA}"
        ) from error
    return spandrel
