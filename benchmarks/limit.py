"""The limit of a training step: the network's own convolutions, linear and pooling layers, and nothing else."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn
from torch.overrides import TorchFunctionMode

SUMMED = (torch.conv2d, torch.conv_transpose2d, F.linear, F.max_pool2d, F.avg_pool2d)
"""What is summed: convolutions, transposed convolutions, linear layers, pools."""


@dataclass
class Call:
    """One layer of the network, as it is called in training, to be called alone; `wanted`: what needs a gradient."""

    function: Callable[..., Tensor]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    wanted: list[Tensor]
    gradient: Tensor


class Recording(TorchFunctionMode):
    """Notes the arguments of every call of `SUMMED` in the block, and the form of what they give."""

    def __init__(self) -> None:
        self.calls: list[Call] = []

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = func(*args, **(kwargs or {}))
        if func in SUMMED:
            wanted: list[Tensor] = []
            alone = tuple(self._alone(value, wanted) for value in args)
            named = {key: self._alone(value, wanted) for key, value in (kwargs or {}).items()}
            self.calls.append(Call(func, alone, named, wanted, torch.randn_like(result)))
        return result

    @staticmethod
    def _alone(value: Any, wanted: list[Tensor]) -> Any:
        """A tensor that belongs to no graph, of the same numbers and layout."""
        if not isinstance(value, Tensor):
            return value
        copy = value.detach().clone()
        if value.requires_grad:
            wanted.append(copy.requires_grad_())
        return copy


class Limit:
    """Runs each of the network's own layers alone, forward and backward, at the sizes of a training step.

    Sizes, layout and dtypes are those of the framework's defaults: channels_last where the network declares that it
    pays, freed memory kept on a CPU. No activation, no skip, no loss, no optimizer; the first layer's input needs no
    gradient. batch: (B, C, H, W) float32.
    """

    def __init__(self, net: nn.Module, batch: Tensor, *, bf16: bool = False) -> None:
        from restorelab.training.trainer_config import TrainerConfig

        self.device, self.images, self.bf16 = batch.device, len(batch), bf16
        trainer = TrainerConfig(accelerator="cuda" if self.device.type == "cuda" else "cpu")
        trainer.apply_globally()
        net, last = trainer.lay_out(net.to(self.device).train())
        batch = batch.contiguous(memory_format=torch.channels_last if last else torch.contiguous_format)
        with self._autocast(), Recording() as recording:
            net(batch)
        self.calls = recording.calls

    def run(self, steps: int) -> tuple[float, int]:
        """Run all layers some times; gives the seconds and the number of images."""
        began = self._now()
        for _ in range(steps):
            for call in self.calls:
                with self._autocast():
                    result = call.function(*call.args, **call.kwargs)
                torch.autograd.grad(result, call.wanted, call.gradient)
        return self._now() - began, steps * self.images

    def _autocast(self) -> torch.autocast:
        return torch.autocast(self.device.type, torch.bfloat16, enabled=self.bf16, cache_enabled=False)

    def _now(self) -> float:
        if self.device.type == "cuda":
            torch.cuda.synchronize(self.device)
        return time.perf_counter()
