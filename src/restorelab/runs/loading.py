"""A trained network from a run's folder, a checkpoint, or a file of weights: `restorelab.load`."""

from collections.abc import Mapping, Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from restorelab.config import build, composition, packaged, trust
from restorelab.config.run_config import read_config
from restorelab.errors import ConfigError
from restorelab.models import spandrel, weights
from restorelab.runs import run_folder


def load(source: str | PathLike[str], device: str, *, model: Any, clamp: bool, packages: Sequence[str]) -> nn.Module:
    """See `restorelab.load`. packages: to trust while the network is built."""
    path = Path(source).expanduser()
    if isinstance(model, nn.Module):
        weights.load_into(model, path, "model")
        return _ready(model, device, clamp=clamp)
    if model is None and (network := packaged.of(path)) is not None:
        with trust.trusting(packages):
            return _ready(packaged.load(network), device, clamp=clamp)
    run = path if path.is_dir() else run_of(path)
    if model is not None:
        config = composition.compose([model] if isinstance(model, str) else list(model))
    elif run is not None:
        config = _read(run)
    else:
        weights.read(path, "model")  # says what a file is that holds no weights
        if spandrel.installed():
            return _ready(spandrel.Spandrel(str(path)), device, clamp=clamp)
        msg = (
            f"{path} lies in no run folder, so nothing says which network its weights belong to. Name one: to restore, "
            "network='dncnn data.channels=3'; in Python, restorelab.load(path, model=[\"model=dncnn\", "
            f'"data.channels=3"]), or model=a torch.nn.Module. Or have it recognized: {spandrel.EXTRA}'
        )
        raise ConfigError(msg)
    with trust.trusting(packages):
        net: nn.Module = build.make("model", config["model"])
        restores = build.make("objective", config["objective"]).restores
    if any(True for _ in net.parameters()):
        weights.load_into(net, _weights_of(path, config) if path.is_dir() and model is None else path, "model")
    return _ready(net, device, clamp=clamp and restores)


def _read(run: Path) -> dict[str, Any]:
    """The config of a run, with what a network is built from."""
    config = read_config(run)
    for key in ("model", "objective"):
        if not isinstance(config.get(key), dict) or "_target_" not in config[key]:
            msg = f"{run_folder.RunFolder(run).config} is damaged: {key} is not a mapping with a _target_."
            raise ConfigError(msg)
    return config


def run_of(file: Path) -> Path | None:
    """The run that a checkpoint lies in: RUN/checkpoints/best.ckpt, or RUN/any.ckpt."""
    return next((folder for folder in file.parents[:2] if run_folder.RunFolder(folder).config.is_file()), None)


def _weights_of(folder: Path, config: Mapping[str, Any]) -> Path:
    """Return the checkpoint that a run evaluated: the one in its config, or its own best one."""
    checkpoint = config.get("ckpt") if not config.get("train", True) else None
    return Path(checkpoint) if checkpoint else run_folder.RunFolder(folder).best


def _ready(net: nn.Module, device: str, *, clamp: bool) -> nn.Module:
    if clamp:
        net.register_forward_hook(_clamped)
    return net.to(device).eval()


def _clamped(net: nn.Module, given: Any, output: Any) -> Any:
    """The output as it is measured."""
    return output.clamp(0, 1) if isinstance(output, Tensor) else output
