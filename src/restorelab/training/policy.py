"""The policy by which weights are trained, and how a run continues when it has changed between two sessions."""

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from torch import nn
from torch.optim import Optimizer

log = logging.getLogger(__name__)


class Change:
    """The difference between the policy that a checkpoint was trained by and the one to go on by.

    A policy has the nodes `optimizer` and `scheduler`, and `total`, the length that the schedule depends on (None
    where it depends on none).

    Attributes:
        moments: whether what the optimizer has gathered (its moments) is of use to the new one.
        optimizer: whether its numbers change.
        schedule: whether the rate has to be computed anew.
    """

    def __init__(self, before: Mapping[str, Any], after: Mapping[str, Any]) -> None:
        old, new = before["optimizer"], after["optimizer"]
        self.before, self.after = before, after
        self.moments = _kind(old) == _kind(new)
        self.optimizer = old != new
        rate = old.get("lr") != new.get("lr") or not self.moments
        self.schedule = rate or any(before[key] != after[key] for key in ("scheduler", "total"))

    def prepare(self, checkpoint: dict[str, Any]) -> None:
        """Remove from a checkpoint the state that is no longer valid, before Lightning restores it."""
        self._rate = [group["lr"] for group in checkpoint["optimizer_states"][0]["param_groups"]]
        if not self.moments:
            checkpoint["optimizer_states"] = []
        if self.schedule:
            checkpoint["lr_schedulers"] = []

    def set_numbers(self, optimizer: Optimizer, build: Callable[..., Optimizer], net: nn.Module) -> None:
        """Set the numbers of an optimizer, restored with those of the checkpoint, to those of its config."""
        if not self.optimizer and not self.schedule:
            return
        untouched = ("params",) if self.schedule else ("params", "lr", "initial_lr")
        fresh = build([p for p in net.parameters() if p.requires_grad])
        for group, new in zip(optimizer.param_groups, fresh.param_groups, strict=True):
            group.update({key: value for key, value in new.items() if key not in untouched})
            if self.schedule:
                group.pop("initial_lr", None)

    def tell(self, optimizer: Optimizer, step: int) -> None:
        """Log the effect of the change on the learning rate."""
        if not self.moments:
            log.info("resume: another optimizer, which starts without moments")
        if self.schedule:
            now = [group["lr"] for group in optimizer.param_groups]
            totals = [policy["total"] for policy in (self.before, self.after)]
            over = f"; the schedule is over {totals[1]}, it was over {totals[0]}" if totals[0] != totals[1] else ""
            log.info("resume: learning rate at step %d: %s -> %s%s", step, _rates(self._rate), _rates(now), over)


def _kind(node: Mapping[str, Any]) -> dict[str, Any]:
    """What of an optimizer decides which moments it gathers: its class and its switches."""
    return {key: value for key, value in node.items() if key == "_target_" or isinstance(value, bool)}


def _rates(rates: Sequence[float]) -> str:
    return ", ".join(f"{rate:.4g}" for rate in dict.fromkeys(rates))
