"""Which images lie on the device while a run goes on: those that fit beside what training itself takes there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal

import torch

from restorelab.data import memory

Residency = Literal["auto", "device", "stream"]

KEPT_FREE = 0.1
"""Share of the free memory that stays free: workspaces of convolutions, gaps between blocks, gradients on their way."""

UNKNOWN = 0.5
"""Share of the free memory that images may take where nothing is known of the training."""


@dataclass
class Room:
    """The free memory of a device, and what is planned in it.

    Attributes:
        free: bytes.
        where: the device's name, for messages.
        needs: gives the bytes that training takes, by what for (see `training.footprint`); None where that is not
            known. Asked when it matters.
        taken: bytes of the images that were let in.
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
        """Bytes for further images."""
        share = UNKNOWN if self._needs is None else 1 - KEPT_FREE
        return int(share * self.free) - sum((self._needs or {}).values()) - self.taken

    def take(self, residency: Residency, size: int, what: str) -> tuple[bool, str]:
        """Whether `size` bytes of images lie on the device, and the reason; those that do take their room."""
        if residency != "auto":
            self.taken += size if residency == "device" else 0
            return residency == "device", f"data.residency={residency}; {_mib(size)} of {what}"
        reason = f"auto: {_mib(size)} of {what}; {self.describe()}"
        fits = size <= self.left
        self.taken += size if fits else 0
        return fits, reason

    def describe(self) -> str:
        """The sum: what is free, what training and other images take of it, and what is left."""
        said = f"of {_mib(self.free)} free on {self.where} "
        if self._needs is None:
            said += f"images may take {UNKNOWN:.0%}"
        else:
            parts = ", ".join(f"{name} {_mib(size)}" for name, size in self._needs.items())
            said += f"training takes {_mib(sum(self._needs.values()))} ({parts}) and {KEPT_FREE:.0%} stay free"
        more = f", other images {_mib(self.taken)}" if self.taken else ""
        return f"{said}{more}: {_mib(max(self.left, 0))} left"


def free(device: torch.device) -> int:
    """Bytes that are free on a device; of a CPU, those that this process may still take."""
    return torch.cuda.mem_get_info(device)[0] if device.type == "cuda" else memory.available()


def _mib(size: int) -> str:
    return f"{size / 2**20:,.0f} MiB"
