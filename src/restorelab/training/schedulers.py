"""Learning rate schedules over the whole run, stepped once an optimizer step."""

import math
from collections.abc import Sequence

from torch.optim import Optimizer
from torch.optim.lr_scheduler import LambdaLR

from restorelab.errors import ConfigError


def constant(optimizer: Optimizer, total_steps: int, warmup: float = 0.0) -> LambdaLR:
    """The optimizer's rate, after a linear warm-up over the share `warmup` of `total_steps`."""
    _check_share("warmup", warmup)
    return LambdaLR(optimizer, lambda step: _rise(step, total_steps, warmup))


def cosine(optimizer: Optimizer, total_steps: int, warmup: float = 0.0, final: float = 0.0) -> LambdaLR:
    """Half a cosine from the optimizer's rate down to `final` times it (Loshchilov & Hutter 2017, one cycle)."""
    _check_share("warmup", warmup)
    _check_share("final", final)

    def factor(step: int) -> float:
        begin = warmup * total_steps
        progress = min(1.0, max(0.0, (step - begin) / max(1.0, total_steps - begin)))
        return _rise(step, total_steps, warmup) * (final + (1 - final) * 0.5 * (1 + math.cos(math.pi * progress)))

    return LambdaLR(optimizer, factor)


def multistep(
    optimizer: Optimizer, total_steps: int, milestones: Sequence[float] = (0.5, 0.75), gamma: float = 0.1
) -> LambdaLR:
    """Multiply the rate by `gamma` at each milestone, a share of `total_steps`."""
    _check_share("gamma", gamma)
    for milestone in milestones:
        _check_share("milestones", milestone)
    return LambdaLR(optimizer, lambda step: gamma ** sum(step >= m * total_steps for m in milestones))


def _check_share(name: str, value: float) -> None:
    if not 0 <= value <= 1:
        msg = f"{name} is {value}; expected a share between 0 and 1."
        raise ConfigError(msg)


def _rise(step: int, total_steps: int, warmup: float) -> float:
    return min(1.0, (step + 1) / (warmup * total_steps)) if warmup > 0 else 1.0
