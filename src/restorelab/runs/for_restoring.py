"""The network for `restore`, of a run, a checkpoint, an exported file or by name, and what it was trained for."""

from collections.abc import Sequence
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Any

import torch
from torch import nn

from restorelab.config import build, packaged
from restorelab.config.run_config import CONFIG, read_config
from restorelab.degradations.strength import stretches
from restorelab.errors import ConfigError
from restorelab.restoring.onnx_network import OnnxNetwork
from restorelab.runs import loading


@dataclass(frozen=True)
class Trained:
    """A network in evaluation mode whose output is not clamped.

    sigma: the noise levels that it was trained for, in 8-bit units; None if that is not known or not Gaussian noise.
    """

    net: nn.Module
    sigma: tuple[float, float] | None


def device_of(name: str) -> str:
    """Return the device for a name: `auto` is a GPU if there is one, otherwise the CPU.

    Raises:
        ConfigError: for a GPU that is not there, and a name that torch does not know.
    """
    gpu = torch.cuda.is_available()
    if name == "auto":
        return "cuda" if gpu else "cpu"
    try:
        kind = torch.device(name).type
    except RuntimeError:
        raise ConfigError(f"device={name}: expected auto, cpu, or cuda for a GPU.") from None
    if kind == "cuda" and not gpu:
        raise ConfigError(f"device={name}: no GPU is available; use device=cpu.")
    return name


def network(
    source: str | PathLike[str] | nn.Module,
    device: str,
    packages: Sequence[str] = (),
    overrides: Sequence[str] | None = None,
) -> Trained:
    """Load a network, or take one that is loaded. Errors as of `restorelab.load`.

    overrides: what names the network of a file of weights alone, such as `["model=dncnn", "data.channels=3"]`.

    Raises:
        ConfigError: for a network that does not restore images.
    """
    if isinstance(source, nn.Module):
        return Trained(source.to(device).eval(), None)
    path = Path(source).expanduser()
    if path.suffix.lower() == ".onnx" and path.is_file():
        onnx = OnnxNetwork(path)
        return Trained(onnx, onnx.trained)
    named = packaged.of(path)
    net: nn.Module = loading.load(source, device, model=overrides, clamp=False, packages=packages)
    if getattr(net, "channels_last", True):  # on a CPU 1.1 to 2 times as fast as contiguous, for the same values
        net = net.to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    return Trained(net, _trained(path) if named is None else named.sigma)


def _trained(path: Path) -> tuple[float, float] | None:
    """The Gaussian noise levels that a run was trained for."""
    folder = next((place for place in (path, *path.parents[:2]) if (place / CONFIG).is_file()), None)
    if folder is None:
        return None
    config: dict[str, Any] = read_config(folder)
    if not build.make("objective", config["objective"]).restores:
        raise ConfigError(f"model: {path} is a network that does not restore images.")
    noise = config.get("noise") or {}
    stages = (str((config.get(stage) or {}).get("_target_", "")) for stage in ("blur", "downsample", "jpeg"))
    others = [target for target in stages if target and not target.rpartition(".")[2].startswith("No")]
    if others or not str(noise.get("_target_", "")).endswith(".noise.Gaussian"):
        return None
    levels = stretches(noise.get("sigma"))
    return (levels[0][0], levels[-1][1]) if levels else None
