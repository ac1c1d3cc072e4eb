"""What Lightning's precisions leave to a run: fused optimizers under bf16, and weights that are not float32."""

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from typing import Any

import torch
from lightning.pytorch.plugins.precision import MixedPrecision, Precision
from lightning.pytorch.utilities.enums import GradClipAlgorithmType
from torch import Tensor, nn
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


def accept_float32(net: nn.Module) -> None:
    """Make a network with weights of another type convert its images to it, and its output to float32."""

    def to_weights(net: nn.Module, images: tuple[Any, ...]) -> tuple[Any, ...]:
        kind = next(net.parameters()).dtype
        return tuple(image.to(kind) if isinstance(image, Tensor) and image.is_floating_point() else image
                     for image in images)  # fmt: skip

    net.register_forward_pre_hook(to_weights)
    net.register_forward_hook(lambda net, images, output: output.float() if isinstance(output, Tensor) else output)


@contextmanager
def float32_constants() -> Iterator[None]:
    """Make new tensors float32: Lightning's precisions change that inside a step, also for the constants of a loss."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
