"""Reading weights: never unpickles anything but tensors and plain containers."""

import logging
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError, DataError, nearest

log = logging.getLogger(__name__)

HOLDERS = ("params_ema", "state_dict", "model_state_dict", "params", "model", "net", "weights")
"""Keys below which training programs keep a network's state dict; of several the first. BasicSR keeps the averaged
weights, which it evaluates, as params_ema beside params."""

WRAPPERS = ("module.", "_orig_mod.", "net.", "model.", "network.", "net_g.", "netG.", "generator.")
"""What DistributedDataParallel, torch.compile and classes that hold a network put before the names of its weights."""

BESIDE = re.compile(r"n_averaged$|(loss|criterion|objective|metric|perceptual|ema|train_|val_|test_|psnr|ssim|lpips)")
"""How names begin that stand beside a wrapped network's and are not part of it."""


def load_into(net: nn.Module, file: Path, key: str = "ckpt") -> None:
    """Load a best.ckpt, a last.ckpt, or a file that holds a network's state dict, bare or as others wrap it.

    key: of the config, that an error names.

    Raises:
        ConfigError: for a file that is missing, or weights of another network; names what does not fit.
        DataError: for a file that is damaged or would have to be unpickled.
    """
    file = find(file, key)
    net.load_state_dict(fitted(net, file, key))


def fitted(net: nn.Module, file: Path, key: str = "ckpt") -> dict[str, Tensor]:
    """The state dict in a file, by the names that the network has. Raises as `load_into`."""
    state, own = read(file, key), net.state_dict()
    state = unwrapped(state, own)
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = _misshapen(state, own)
    if missing or unknown or shapes:
        facts = [
            *([f"it lacks {', '.join(missing[:3])}{' ...' if len(missing) > 3 else ''}"] if missing else []),
            *([f"it has {', '.join(unknown[:3])}{' ...' if len(unknown) > 3 else ''}"] if unknown else []),
            *shapes[:3],
        ]
        msg = f"{key}: {file} holds the weights of another network than {type(net).__name__}: {'; '.join(facts)}."
        raise ConfigError(msg)
    refuse_not_finite(net, state, f"{key}: {file}")
    return state


def refuse_not_finite(net: nn.Module, state: Mapping[str, torch.Tensor], what: str) -> None:
    """Raise DataError for weights that are NaN or infinite; a network's buffers may be."""
    bad = [name for name, _ in net.named_parameters() if name in state and not torch.isfinite(state[name]).all()]
    if bad:
        more = " ..." if len(bad) > 3 else ""
        msg = f"{what} holds NaN or infinite values in {len(bad)} of its tensors: {', '.join(bad[:3])}{more}."
        raise DataError(msg)


def transfer(net: nn.Module, file: Path) -> list[str]:
    """Copy into a network every tensor of a checkpoint whose name the network has; gives their names.

    The rest of the network keeps its own initial weights.

    Raises:
        ConfigError: where no name fits, or a name fits and the shape does not.
        DataError: as in `load_into`.
    """
    state = transferable(net, find(file, "transfer"))
    net.load_state_dict(state, strict=False)
    return list(state)


def transferable(net: nn.Module, file: Path) -> dict[str, Tensor]:
    """What `transfer` copies. Raises as it does."""
    own = net.state_dict()
    state = unwrapped(read(file, "transfer"), own)
    names = [name for name in own if name in state]
    shapes = _misshapen(state, own)
    if shapes or not names:
        why = "; ".join(shapes[:3]) if shapes else f"it has {', '.join(list(state)[:3])} ..., not one of its names"
        msg = f"transfer: the weights of {file} do not fit {type(net).__name__}: {why}."
        raise ConfigError(msg)
    taken = {name: state[name] for name in names}
    refuse_not_finite(net, taken, f"transfer: {file}")
    return taken


def _misshapen(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    return [f"{name} is {tuple(state[name].shape)}, not {tuple(own[name].shape)}" for name in own
            if name in state and state[name].shape != own[name].shape]  # fmt: skip


def unwrapped(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """The state dict by a network's own names, without what wraps them; as it is where it fits, or where nothing does.

    Of `net.model.0.weight` only so much is taken off that a name of the network is left: `model.0.weight` may be its
    own. Tensors beside the wrapped ones are left out where their names say that they are a loss's, a metric's or an
    average's; any other is part of a larger network, which this is not taken from.
    """
    best, now = dict(state), dict(state)
    while own.keys() - best.keys():
        wrapper = next((one for one in WRAPPERS if any(name.startswith(one) for name in now)), None)
        if wrapper is None or any(not name.startswith(wrapper) and not BESIDE.match(name) for name in now):
            break
        now = {name.removeprefix(wrapper): value for name, value in now.items() if name.startswith(wrapper)}
        if len(own.keys() & now.keys()) > len(own.keys() & best.keys()):
            best = now
    return best


def find(file: Path, key: str = "ckpt") -> Path:
    """The file of weights: a checkpoint, or a run's folder for its best.

    Raises:
        ConfigError: where there is none.
    """
    file = file.expanduser()
    if file.is_dir():
        if (file / "checkpoints" / "best.ckpt").is_file():
            return file / "checkpoints" / "best.ckpt"
        msg = f"{key}: {file} is a folder without checkpoints/best.ckpt; name a file of weights or a run that has one."
        raise ConfigError(msg)
    if not file.is_file():
        folder = file.parent
        hint = nearest(file.name, [p.name for p in folder.iterdir()]) if folder.is_dir() else f"No folder {folder}."
        msg = f"{key}: there is no {file}. {hint}"
        raise ConfigError(msg)
    return file


def read(file: Path, key: str = "ckpt") -> dict[str, Tensor]:
    """The network's state dict in a file, by the names that stand there. Errors as in `load_into`."""
    file = find(file, key)
    found = content(file, key)
    held = {"": found, **{name: found[name] for name in HOLDERS if name in found}} if isinstance(found, dict) else {}
    for name, state in held.items():
        if isinstance(state, dict) and state and all(isinstance(value, Tensor) for value in state.values()):
            if len(held) > 2:
                log.info("%s: the weights are those under %r, of %s", file, name, ", ".join(list(held)[1:]))
            return {str(own): value for own, value in state.items()}
    inside = f" It holds {', '.join(map(str, list(found)[:6]))}." if isinstance(found, dict) and found else ""
    msg = f"{key}: {file} holds no state dict of tensors.{inside} Save one: torch.save(net.state_dict(), FILE)."
    raise DataError(msg)


def content(file: Path, key: str = "ckpt") -> Any:
    """What torch.save wrote into a file, of tensors and plain containers, on the CPU.

    Raises:
        DataError: for a file that is damaged, or something else; says what it seems to be.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # of pickle protocols, for files that are refused anyhow
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # torch raises whatever the bytes lead it to
        msg = f"{key}: {file} cannot be read as weights: {_reason(file, error)}."
        raise DataError(msg) from error


def _reason(file: Path, error: Exception) -> str:
    """What is wrong with a file and what to do, without torch's advice to unpickle all the same."""
    if isinstance(error, PermissionError):
        return str(error.strerror)
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(512).lstrip()
    cut = head.startswith(b"PK") and not zipfile.is_zipfile(file)
    code = isinstance(error, pickle.UnpicklingError) and "Unsupported" in str(error) and "GLOBAL" in str(error)
    known = {
        "it is empty. Copy or download it again": not size,
        "it is a web page, sent in place of the file. Download it again, logged in if need be": head[:1] == b"<",
        "it is a pointer of Git LFS, not the file itself: git lfs pull": head.startswith(b"version https://git-lfs"),
        "it is of safetensors. Convert it: torch.save(safetensors.torch.load_file(FILE), 'weights.pth')":
            file.suffix == ".safetensors",
        f"it is cut short: its {size:,} bytes are the beginning of a longer file. Copy or download it again": cut,
        "it holds more than tensors and plain containers, and nothing else is unpickled. Save the state dict alone "
        "where it was made: torch.save(net.state_dict(), FILE)": code,
    }  # fmt: skip
    other = f"it is damaged, or not a file that torch.save wrote ({size:,} bytes; {type(error).__name__})"
    return next((words for words, holds in known.items() if holds), other)
