"""The names of what is measured of a restored image: those of the protocol, and those that a config adds."""

import re
from collections.abc import Mapping
from typing import Any

from restorelab.errors import ConfigError

PROTOCOL = {
    "psnr": {"_target_": "restorelab.metrics.psnr.PSNR"},
    "ssim": {"_target_": "restorelab.metrics.ssim.SSIM"},
    "mse": {"_target_": "restorelab.metrics.mse.MSE"},
}
"""Metrics that are always measured: runs are compared by these three, and checkpoints chosen by the first one."""

NAME = re.compile(r"[a-z][a-z0-9_]*", re.ASCII)

TAKEN = (
    "loss", "accuracy", "entropy", "brightness", "detail", "beyond", "images_per_second", "seconds",
    "inference_seconds", "peak_memory", "parameters", "macs", "id", "group", "evaluation", "step", "epoch", "lr",
    "gain",
)  # fmt: skip
"""Names that files and tables use for something else."""


def check(node: Mapping[str, Any]) -> None:
    """Check the names of metrics, which become columns, and that the protocol's three metrics are not redefined.

    Raises:
        ConfigError: naming the key.
    """
    for name, entry in node.items():
        if name in PROTOCOL and entry != PROTOCOL[name]:
            msg = (
                f"metrics.{name}: it is the protocol's own, {PROTOCOL[name]['_target_']}, by which runs are compared. "
            )
            raise ConfigError(f"{msg}Give another metric another name, such as +metrics.my_{name}=...")
        written = NAME.fullmatch(str(name))
        if not written or str(name).startswith("input_") or name in TAKEN:
            why = "it stands for something else" if written else "expected small letters, digits and _"
            msg = f"metrics.{name}: no metric can be called so: {why}. Choose another name."
            raise ConfigError(msg)


def whole(node: Mapping[str, Any] | None) -> dict[str, Any]:
    """The metrics of a config with the protocol's three before all others; None for a config of an earlier version."""
    return {**PROTOCOL, **(node or {})}
