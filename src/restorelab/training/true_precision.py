"""Networks with weights of another type (`bf16-true`, `16-true`, `64-true`) with float32 images and losses."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, nn


def accept_float32(net: nn.Module) -> None:
    """Make a network convert its images to the type of its weights, and its output to float32."""
    net.register_forward_pre_hook(_to_weights)
    net.register_forward_hook(_to_float32)


def _to_weights(net: nn.Module, images: tuple[Any, ...]) -> tuple[Any, ...]:
    kind = next(net.parameters()).dtype
    return tuple(image.to(kind) if isinstance(image, Tensor) and image.is_floating_point() else image
                 for image in images)  # fmt: skip


def _to_float32(net: nn.Module, images: tuple[Any, ...], output: Any) -> Any:
    return output.float() if isinstance(output, Tensor) else output


@contextmanager
def float32_constants() -> Iterator[None]:
    """Make new tensors float32: Lightning's precisions change that inside a step, also for the constants of a loss."""
    before = torch.get_default_dtype()
    torch.set_default_dtype(torch.float32)
    try:
        yield
    finally:
        torch.set_default_dtype(before)
