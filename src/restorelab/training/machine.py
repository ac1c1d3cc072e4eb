"""The machine that executed a run, its device, and the versions of the software."""

import platform
import resource
import subprocess
import sys
from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

import torch

import restorelab

PACKAGES = ("torch", "lightning", "hydra-core", "torchmetrics", "kornia", "numpy", "wandb")


def facts(device: torch.device) -> dict[str, Any]:
    """Return the facts for result.json."""
    return {
        "peak_memory": peak_memory(device),
        "versions": versions() | {"python": platform.python_version()},
        "git": _git(),
        "host": platform.node(),
        "device": device_name(device),
    }


def versions() -> dict[str, str]:
    """Return the versions of this code, also of a checkout that was updated after its installation, and of packages."""
    installed = {"restorelab": restorelab.__version__}
    for name in PACKAGES:
        with suppress(PackageNotFoundError):
            installed[name] = version(name)
    return installed


def device_name(device: torch.device) -> str:
    """Return the name of the device: a GPU's name, or the CPU's architecture with the number of threads."""
    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    return f"{platform.machine()} CPU, {torch.get_num_threads()} threads"


def peak_memory(device: torch.device) -> int:
    """Return the peak memory in bytes: of a GPU's allocator, or of this process's resident set on a CPU."""
    if device.type == "cuda":
        return int(torch.cuda.max_memory_allocated(device))
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def _git() -> str | None:
    """The commit of the checkout that the package runs from, with a mark where it has changes; None outside one."""
    root = Path(__file__).resolve().parents[3]
    if not (root / ".git").exists():
        return None
    try:
        command = ["git", "-C", str(root), "describe", "--always", "--dirty", "--abbrev=12"]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=5).stdout.strip()
    except (OSError, subprocess.SubprocessError):
        return None
