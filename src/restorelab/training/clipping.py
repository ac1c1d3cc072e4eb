"""Gradient clipping as Lightning does it, with fused optimizers under bf16 as well."""

from functools import partial

from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.utilities.enums import GradClipAlgorithmType
from torch.optim import Optimizer


def clip_gradients(
    plugin: Precision, optimizer: Optimizer, value: float | None, algorithm: GradClipAlgorithmType | None
) -> None:
    """Clip the gradients of an optimizer, by their norm unless `algorithm` says otherwise.

    Lightning's `MixedPrecision` refuses a fused optimizer, which unscales the gradients of float16 in its own step.
    Under bf16 nothing is scaled, so the refusal is left out there.
    """
    if not value:
        return
    unscaled = isinstance(plugin, MixedPrecision) and plugin.scaler is None
    clip = partial(Precision.clip_gradients, plugin) if unscaled else plugin.clip_gradients
    clip(optimizer, value, algorithm or GradClipAlgorithmType.NORM)
