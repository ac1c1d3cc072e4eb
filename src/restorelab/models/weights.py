"""Read weights from files; only tensors and plain containers are unpickled."""

import logging
import pickle
import re
import warnings
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import safetensors.torch
import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError, DataError, closest, nearest

log = logging.getLogger(__name__)

HOLDERS = ("params_ema", "state_dict", "model_state_dict", "params", "model", "net", "weights")
"""Keys under which training programs store a network's state dict; the first one found is used. BasicSR stores the
averaged weights, which it evaluates, as params_ema beside params."""

WRAPPERS = ("module.", "_orig_mod.", "net.", "model.", "network.", "net_g.", "netG.", "generator.")
"""Prefixes that DistributedDataParallel, torch.compile and classes with a network add to the names of its weights."""

ENDINGS = (".ckpt", ".pth", ".pt", ".bin", ".safetensors", ".onnx")
"""The endings of files that a message suggests in place of one that is not there."""

IMAGES = (b"\xff\xd8\xff", b"\x89PNG", b"GIF8", b"II*\0", b"MM\0*", b"RIFF")
"""The first bytes of images."""

LISTED = 3
"""Names of weights that a message lists."""

BESIDE = re.compile(r"n_averaged$|(loss|criterion|objective|metric|perceptual|ema|train_|val_|test_|psnr|ssim|lpips)")
"""Beginnings of names beside those of a wrapped network that are not part of it."""


def load_into(net: nn.Module, file: Path, key: str = "ckpt") -> None:
    """Load weights into `net` from a run, a best.ckpt or last.ckpt, or a state dict, also as other programs store it.

    key: the config key, for messages.

    Raises:
        ConfigError: for a missing file, or weights of another network; it names what does not fit.
        DataError: for a file that is damaged, or contains other objects than tensors and plain containers.
    """
    file = find(file, key)
    net.load_state_dict(fitted(net, file, key))


def state_of(net: nn.Module) -> dict[str, Tensor]:
    """Return copies of a network's weights, contiguous and on the CPU, as files hold them; weights may be shared."""
    return {name: value.detach().cpu().clone(memory_format=torch.contiguous_format)
            for name, value in net.state_dict().items()}  # fmt: skip


def fitted(net: nn.Module, file: Path, key: str = "ckpt") -> dict[str, Tensor]:
    """Return the state dict in a file, under the names that the network has. Raises as `load_into`.

    A network may translate the weights of other implementations, by its method `adapted`. Names whose last parts it
    lists as `derived` are left out: their values follow from its other weights.
    """
    state, own = read(file, key), net.state_dict()
    state = dict(getattr(net, "adapted", lambda given: given)(state))
    derived = tuple(getattr(net, "derived", ()))
    state = {name: value for name, value in state.items() if not name.endswith(derived)}
    state = unwrapped(state, own)
    missing, unknown = sorted(own.keys() - state.keys()), sorted(state.keys() - own.keys())
    shapes = _misshapen(state, own)
    if missing or unknown or shapes:
        facts = [*_differing(missing, unknown), *shapes[:3]]
        msg = f"{key}: {file} holds the weights of another network than {type(net).__name__}: {'; '.join(facts)}."
        raise ConfigError(msg)
    refuse_not_finite(net, state, f"{key}: {file}")
    return state


def _differing(missing: Sequence[str], unknown: Sequence[str]) -> list[str]:
    """Say which names a file lacks, each with the most similar of those that only it has, and which it has besides."""
    lacking, similar = [], set[str]()
    for name in missing[:LISTED]:
        near = closest(name, unknown)
        lacking.append(f"{name} (it has {near})" if near else name)
        similar |= {near} if near else set()
    others = [name for name in unknown if name not in similar]
    more = [f" and {len(names) - LISTED:,} more" if len(names) > LISTED else "" for names in (missing, others)]
    return [
        *([f"it lacks {', '.join(lacking)}{more[0]}"] if missing else []),
        *([f"it has {', '.join(others[:LISTED])}{more[1]}"] if others else []),
    ]


def refuse_not_finite(net: nn.Module, state: Mapping[str, torch.Tensor], what: str) -> None:
    """Raise DataError for NaN or infinite weights; a network's buffers may contain them."""
    bad = [name for name, _ in net.named_parameters() if name in state and not torch.isfinite(state[name]).all()]
    if bad:
        more = " ..." if len(bad) > 3 else ""
        msg = f"{what} holds NaN or infinite values in {len(bad)} of its tensors: {', '.join(bad[:3])}{more}."
        raise DataError(msg)


def transfer(net: nn.Module, file: Path) -> list[str]:
    """Copy into a network every tensor of a checkpoint whose name the network has, and return their names.

    The rest of the network keeps its initial weights.

    Raises:
        ConfigError: if no name matches, or a matching tensor has another shape.
        DataError: as in `load_into`.
    """
    state = transferable(net, find(file, "transfer"))
    net.load_state_dict(state, strict=False)
    return list(state)


def transferable(net: nn.Module, file: Path) -> dict[str, Tensor]:
    """Return the tensors that `transfer` copies. Raises as it does."""
    own = net.state_dict()
    state = unwrapped(read(file, "transfer"), own)
    names = [name for name in own if name in state]
    shapes = _misshapen(state, own)
    if shapes or not names:
        reason = "; ".join(shapes[:3]) if shapes else f"it has {', '.join(list(state)[:3])} ..., none of its names"
        raise ConfigError(f"transfer: the weights of {file} do not fit {type(net).__name__}: {reason}.")
    tensors = {name: state[name] for name in names}
    refuse_not_finite(net, tensors, f"transfer: {file}")
    return tensors


def _misshapen(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> list[str]:
    """Say which tensors have another shape than the network's, or are no real fractions where those are."""
    pairs = {name: (state[name], value) for name, value in own.items() if name in state}
    return [
        *(f"{name} is {tuple(theirs.shape)}, not {tuple(ours.shape)}"
          for name, (theirs, ours) in pairs.items() if theirs.shape != ours.shape),
        *(f"{name} is {theirs.dtype}, not {ours.dtype}"
          for name, (theirs, ours) in pairs.items() if ours.is_floating_point() > theirs.is_floating_point()),
    ]  # fmt: skip


def unwrapped(state: Mapping[str, Tensor], own: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the state dict without prefixes of `WRAPPERS`, as far as that matches more of a network's own names.

    Of `net.model.0.weight` only `net.` may be removed, as `model.0.weight` may be a name of the network. Tensors beside
    the wrapped ones are dropped if their names say that they belong to a loss, a metric or an average. Any other tensor
    means that the network is part of a larger one; then no prefix is removed.
    """
    best, current = dict(state), dict(state)
    while own.keys() - best.keys():
        wrapper = next((prefix for prefix in WRAPPERS if any(name.startswith(prefix) for name in current)), None)
        if wrapper is None or any(not name.startswith(wrapper) and not BESIDE.match(name) for name in current):
            break
        current = {name.removeprefix(wrapper): value for name, value in current.items() if name.startswith(wrapper)}
        if len(own.keys() & current.keys()) > len(own.keys() & best.keys()):
            best = current
    return best


def find(file: Path, key: str = "ckpt") -> Path:
    """Return the weights file: the file itself, or the best checkpoint of a run's folder.

    Raises:
        ConfigError: if there is none.
    """
    file = file.expanduser()
    best = file / "checkpoints" / "best.ckpt" if file.is_dir() else file
    if best.is_file():
        return best
    run = best.parent.parent
    if best.name == "best.ckpt" and (run / "config.yaml").is_file():
        last = best.with_name("last.ckpt")
        instead = f", or take its last weights, {key}={last}" if last.is_file() else ""
        raise ConfigError(
            f"{key}: the run {run} has no checkpoints/best.ckpt, as its training is not finished. Finish it by its "
            f"command with resume=true{instead}."
        )
    if file.is_dir():
        raise ConfigError(f"{key}: {file} is a folder without checkpoints/best.ckpt; expected a weights file or a run.")
    folder = file.parent
    if not folder.is_dir():
        raise ConfigError(f"{key}: there is no {file}. No folder {folder}.")
    names = [path.name for path in folder.iterdir() if path.suffix in ENDINGS or (path / "config.yaml").is_file()]
    raise ConfigError(f"{key}: there is no {file}. {nearest(file.name, names)}")


def read(file: Path, key: str = "ckpt") -> dict[str, Tensor]:
    """Return the network's state dict in a file, under the names in the file. Errors as in `load_into`."""
    file = find(file, key)
    saved = content(file, key)
    states = {"": saved, **{name: saved[name] for name in HOLDERS if name in saved}} if isinstance(saved, dict) else {}
    for name, state in states.items():
        if isinstance(state, dict) and state and all(isinstance(value, Tensor) for value in state.values()):
            if len(states) > 2:
                log.info("%s: the weights under %r are used, of %s", file, name, ", ".join(list(states)[1:]))
            return {str(own): _plain(f"{key}: {file}: {own}", value) for own, value in state.items()}
    keys = f" It holds {', '.join(map(str, list(saved)[:6]))}." if isinstance(saved, dict) and saved else ""
    raise DataError(
        f"{key}: {file} holds no state dict of tensors.{keys} Save one by torch.save(net.state_dict(), FILE)."
    )


def _plain(what: str, value: Tensor) -> Tensor:
    """Return a tensor of numbers as they are; 8-bit floats, which torch computes little with, as float32.

    Raises:
        DataError: for a sparse, nested or quantized tensor, and one on the meta device, which has no values.
    """
    if value.layout != torch.strided or value.is_nested or value.is_quantized or value.is_meta:
        kind = "nested" if value.is_nested else value.dtype if value.is_quantized else value.layout
        raise DataError(f"{what} is {'without values' if value.is_meta else kind}; expected a plain tensor of numbers.")
    return value.float() if value.is_floating_point() and value.element_size() == 1 else value


def content(file: Path, key: str = "ckpt") -> Any:
    """Return what a file holds, if it is tensors and plain containers, on the CPU: of torch.save, or safetensors.

    Raises:
        DataError: for a file that is damaged or of another kind; it says of which.
    """
    try:
        if file.suffix == ".safetensors":
            return safetensors.torch.load_file(file)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # about pickle protocols, for files that are refused in any case
            return torch.load(file, map_location="cpu", weights_only=True)
    except Exception as error:  # on arbitrary bytes torch may raise anything
        raise DataError(f"{key}: {file} cannot be read as weights: {_reason(file, error)}.") from error


def _reason(file: Path, error: Exception) -> str:
    """Return what is wrong with a file and what to do, without torch's advice to unpickle it anyway."""
    if isinstance(error, PermissionError):
        return str(error.strerror)
    size = file.stat().st_size
    with file.open("rb") as stream:
        head = stream.read(512).lstrip()
    cut = head.startswith(b"PK") and not zipfile.is_zipfile(file)
    code = isinstance(error, pickle.UnpicklingError) and "Unsupported" in str(error) and "GLOBAL" in str(error)
    named = re.search(r"GLOBAL ([\w.]+)", str(error))
    known = {
        "it is Python code. Name the folder of a run of this network, or a file of its weights": file.suffix == ".py",
        f"it is the config of a run. Name the run's folder, {file.parent}": file.name == "config.yaml",
        "it is an ONNX file, which only restore runs; export the network as .safetensors": file.suffix == ".onnx",
        "it is an image": head.startswith(IMAGES),
        "it is an archive of other files. Unpack it, and name the run's folder or the weights in it": _is_archive(file),
        "it is empty. Copy or download it again": not size,
        "it is a web page instead of the file. Download it again, logged in if necessary": head[:1] == b"<",
        "it is a pointer of Git LFS, not the file itself: git lfs pull": head.startswith(b"version https://git-lfs"),
        f"it is cut short: its {size:,} bytes are the beginning of a longer file. Copy or download it again": cut,
        f"it holds more than tensors and plain containers{f', such as {named[1]}' if named else ''}, which is not "
        "unpickled, as that can run any code. Save the state dict alone where it was made: "
        "torch.save(net.state_dict(), FILE)": code,
    }  # fmt: skip
    if file.suffix == ".safetensors":
        return f"it is damaged, or not a safetensors file ({size:,} bytes; {' '.join(str(error).split())[:80]})"
    other = f"it is damaged, or not a file that torch.save wrote ({size:,} bytes; {type(error).__name__})"
    return next((words for words, holds in known.items() if holds), other)


def _is_archive(file: Path) -> bool:
    """Whether a file is a ZIP archive that torch.save did not write."""
    if not zipfile.is_zipfile(file):
        return False
    with zipfile.ZipFile(file) as archive:
        return not any(name.endswith("/data.pkl") for name in archive.namelist())
