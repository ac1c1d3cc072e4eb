"""Small packaged networks for tests."""

import hashlib
import json
from pathlib import Path

import torch
from safetensors.torch import save

from restorelab.models.unet import UNet

NODE = {"_target_": "restorelab.models.unet.UNet", "widths": [4, 6], "blocks": [1, 1]}


def unet(channels: int, *, noise_level: bool = True) -> UNet:
    """A network that changes an image visibly, with a receptive field of 35 pixels or so and sides of 2 pixels."""
    with torch.random.fork_rng():
        torch.manual_seed(channels)
        net = UNet(channels, (4, 6), (1, 1), noise_level=noise_level)
        torch.nn.init.normal_(net.tail.weight, std=0.1)
    return net.eval()


def write(folder: Path, name: str, channels: int, sigma: list[float] | None = None) -> Path:
    """A packaged network, with its card."""
    data = save({key: value.contiguous() for key, value in unet(channels).state_dict().items()})
    file = folder / f"{name}.safetensors"
    file.write_bytes(data)
    card = {
        "schema": 1, "model": {**NODE, "channels": channels, "noise_level": True}, "channels": channels,
        "parameters": sum(value.numel() for value in unet(channels).parameters()),
        "sigma": sigma or [0, 75], "summary": f"for tests, {channels}", "sha256": hashlib.sha256(data).hexdigest(),
    }  # fmt: skip
    file.with_suffix(".json").write_text(json.dumps(card))
    return file
