"""Reading weights: never unpickles anything but tensors and plain containers."""

import pickle
from pathlib import Path
from typing import Any

import torch
from torch import nn

from restorelab.errors import ConfigError, DataError, nearest


def load_into(net: nn.Module, file: Path) -> None:
    """Load a best.ckpt, a last.ckpt, or a file that holds a network's bare state dict.

    Raises:
        ConfigError: for a file that is missing, or weights of another network; names what does not fit.
        DataError: for a file that is damaged or would have to be unpickled.
    """
    state = read(file)
    own = net.state_dict()
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = [f"{k} is {tuple(state[k].shape)}, not {tuple(own[k].shape)}" for k in own.keys() & state.keys()
              if state[k].shape != own[k].shape]  # fmt: skip
    if missing or unknown or shapes:
        facts = [
            *([f"it lacks {', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}"] if missing else []),
            *([f"it has {', '.join(unknown[:3])}{' ...' if len(unknown) > 3 else ''}"] if unknown else []),
            *shapes[:3],
        ]
        msg = f"ckpt: {file} holds the weights of another network than {type(net).__name__}: {'; '.join(facts)}."
        raise ConfigError(msg)
    net.load_state_dict(state)


def transfer(net: nn.Module, file: Path) -> list[str]:
    """Copy into a network every tensor of a checkpoint whose name the network has; gives their names.

    The rest of the network keeps its own initial weights.

    Raises:
        ConfigError: where no name fits, or a name fits and the shape does not.
        DataError: as in `load_into`.
    """
    state, own = read(file), net.state_dict()
    names = [name for name in own if name in state]
    shapes = [f"{name} is {tuple(state[name].shape)}, not {tuple(own[name].shape)}" for name in names
              if state[name].shape != own[name].shape]  # fmt: skip
    if shapes or not names:
        why = "; ".join(shapes[:3]) if shapes else f"it has {', '.join(list(state)[:3])} ..., not one of its names"
        msg = f"transfer: the weights of {file} do not fit {type(net).__name__}: {why}."
        raise ConfigError(msg)
    net.load_state_dict({name: state[name] for name in names}, strict=False)
    return names


def find(file: Path) -> Path:
    """The file of weights: a checkpoint, or a run's folder for its best. Raises ConfigError where there is none."""
    if file.is_dir() and (file / "checkpoints" / "best.ckpt").is_file():
        file = file / "checkpoints" / "best.ckpt"
    if not file.is_file():
        folder = file.parent
        hint = nearest(file.name, [p.name for p in folder.iterdir()]) if folder.is_dir() else f"No folder {folder}."
        msg = f"ckpt: there is no {file}. {hint}"
        raise ConfigError(msg)
    return file


def read(file: Path) -> dict[str, Any]:
    """The network's state dict in a checkpoint. Errors as in `load_into`."""
    file = find(file)
    try:
        content = torch.load(file, map_location="cpu", weights_only=True)
    except (pickle.UnpicklingError, RuntimeError, EOFError, ValueError, KeyError) as error:
        msg = f"ckpt: {file} cannot be read as weights ({_reason(error)})."
        raise DataError(msg) from error
    state = content.get("state_dict", content) if isinstance(content, dict) else None
    if not state or not all(isinstance(value, torch.Tensor) for value in state.values()):
        msg = f"ckpt: {file} holds no state dict of tensors."
        raise DataError(msg)
    inside = {k.removeprefix("net."): v for k, v in state.items() if k.startswith("net.")}
    return inside if len(inside) == len(state) else dict(state)


def _reason(error: Exception) -> str:
    """What is wrong, without torch's advice to unpickle all the same."""
    if isinstance(error, pickle.UnpicklingError) and "weights_only" in str(error):
        return "it holds more than tensors and plain containers, and nothing else is unpickled"
    return str(error).splitlines()[0] if str(error) else type(error).__name__
