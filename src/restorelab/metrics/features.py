"""Features of networks that were trained on ImageNet, in which LPIPS and DISTS compare images."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError

WEIGHTS = {
    "alex": "https://download.pytorch.org/models/alexnet-owt-7be5be79.pth",
    "vgg": "https://download.pytorch.org/models/vgg16-397923af.pth",
}
"""torchvision's weights, 233 and 528 MiB, under the BSD license."""

VGG16 = (3, 64, 64, 0, 128, 128, 0, 256, 256, 256, 0, 512, 512, 512, 0, 512, 512, 512)
"""The number of input channels, then the output channels of each 3x3 convolution of VGG16; 0 stands for a pooling."""


class Features(nn.Module):
    """The convolutional part of a network, under torchvision's names; the outputs of some layers are its features.

    layers: applied one after another. taps: the indices of the layers whose outputs are the features.
    """

    def __init__(self, layers: Sequence[nn.Module], taps: Sequence[int]) -> None:
        super().__init__()
        self.features, self.taps = nn.Sequential(*layers), frozenset(taps)

    def forward(self, image: Tensor) -> list[Tensor]:
        """Return the features of `image: (B, 3, H, W)`, normalized as the network expects: (B, C, h, w) each."""
        taken = []
        for number, layer in enumerate(self.features):
            image = layer(image)
            if number in self.taps:
                taken.append(image)
        return taken

    def load(self, ckpt: str | None, net: str, key: str) -> None:
        """Load torchvision's weights from a file or an address, and freeze them.

        net: the network's key in `WEIGHTS`. key: the config key, for messages.

        Raises:
            ConfigError: if `ckpt` is None, for weights of another network, and for a file that cannot be read.
        """
        if ckpt is None:
            raise ConfigError(
                f"{key} is not set; expected torchvision's weights, a file or its address: {WEIGHTS[net]}"
            )
        try:
            if "://" in ckpt:
                state = torch.hub.load_state_dict_from_url(ckpt, map_location="cpu", weights_only=True, check_hash=True)
            else:
                state = torch.load(Path(ckpt).expanduser(), map_location="cpu", weights_only=True)
            self.load_state_dict({name: value for name, value in state.items() if name.startswith("features.")})
        except Exception as error:  # on arbitrary bytes torch may raise anything
            reason = " ".join(str(error).split())[:200]
            raise ConfigError(
                f"{key}: {ckpt} cannot be used ({reason}); expected {WEIGHTS[net]}, or a copy."
            ) from error
        self.eval().requires_grad_(False)


def alexnet() -> Features:
    """Return AlexNet's convolutional part; the features are the outputs of its five ReLUs."""
    layers = [
        nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(), nn.MaxPool2d(3, 2), nn.Conv2d(64, 192, 5, padding=2), nn.ReLU(),
        nn.MaxPool2d(3, 2), nn.Conv2d(192, 384, 3, padding=1), nn.ReLU(), nn.Conv2d(384, 256, 3, padding=1), nn.ReLU(),
        nn.Conv2d(256, 256, 3, padding=1), nn.ReLU(),
    ]  # fmt: skip
    return Features(layers, (1, 4, 7, 9, 11))


def vgg16(pool: Callable[[int], nn.Module] = lambda channels: nn.MaxPool2d(2)) -> Features:
    """Return VGG16's convolutional part; the features are the outputs of the last ReLU of each of its five stages.

    pool: makes the pooling by 2 for a number of channels.
    """
    layers: list[nn.Module] = []
    channels = VGG16[0]
    for wanted in VGG16[1:]:
        if not wanted:
            layers.append(pool(channels))
            continue
        layers += [nn.Conv2d(channels, wanted, 3, padding=1), nn.ReLU()]
        channels = wanted
    return Features(layers, (3, 8, 15, 22, 29))


def rgb(image: Tensor) -> Tensor:
    """Return `image: (B, C, H, W)` in float32 with three channels; a gray channel is repeated.

    Raises:
        ValueError: for a number of channels other than 1 and 3.
    """
    if image.shape[1] not in (1, 3):
        raise ValueError(f"the metric compares gray or RGB images, not images of {image.shape[1]} channels")
    return image.float().expand(-1, 3, -1, -1)
