"""Decide which images are kept on the device during a run: those that fit beside what training itself takes."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch

from restorelab.data import memory

Residency = Literal["auto", "device", "stream"]

KEPT_FREE = 0.1
"""Share of the free memory that is kept free for convolution workspaces, fragmentation and temporary gradients."""

UNKNOWN = 0.5
"""Share of the free memory that images may take if the training's needs are not known."""


@dataclass
class Room:
    """The free memory of a device, and what it is assigned to.

    Attributes:
        free: bytes that are free before the run.
        where: the device's name, for messages.
        needs: returns the bytes that training takes, by purpose (see `training.footprint`); None if not known. It is
            only called when needed.
        taken: bytes of the images that are kept on the device.
    """

    free: int
    where: str
    needs: Callable[[], Mapping[str, int] | None] = field(repr=False, default=lambda: None)
    taken: int = 0

    @cached_property
    def _needs(self) -> Mapping[str, int] | None:
        return self.needs()

    @property
    def left(self) -> int:
        """Bytes that are left for further images."""
        share = UNKNOWN if self._needs is None else 1 - KEPT_FREE
        return int(share * self.free) - sum((self._needs or {}).values()) - self.taken

    def take(self, residency: Residency, size: int, what: str) -> tuple[bool, str]:
        """Decide whether `size` bytes of images are kept on the device; return the decision and its reason."""
        if residency != "auto":
            self.taken += size if residency == "device" else 0
            return residency == "device", f"data.residency={residency}; {_mib(size)} of {what}"
        reason = f"auto: {_mib(size)} of {what}; {self.describe()}"
        fits = size <= self.left
        self.taken += size if fits else 0
        return fits, reason

    def describe(self) -> str:
        """Return the calculation in words: what is free, what training and other images take, and what is left."""
        text = f"of {_mib(self.free)} free on {self.where} "
        if self._needs is None:
            text += f"images may take {UNKNOWN:.0%}"
        else:
            needs = ", ".join(f"{name} {_mib(size)}" for name, size in self._needs.items())
            text += f"training takes {_mib(sum(self._needs.values()))} ({needs}) and {KEPT_FREE:.0%} stay free"
        more = f", other images {_mib(self.taken)}" if self.taken else ""
        return f"{text}{more}: {_mib(max(self.left, 0))} left"


def free(device: torch.device) -> int:
    """Return the bytes that are free on a device; for a CPU, those that this process may still allocate."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else memory.available()


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
