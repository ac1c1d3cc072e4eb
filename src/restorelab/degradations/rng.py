"""All random numbers for images come from this module.

There are two generators with one interface. `TorchDraws` is fast and runs on the device, for training noise, keyed by
(seed, rank, batch counter). `PhiloxDraws` is NumPy's Philox on the CPU, for evaluation noise, keyed by (image id,
degradation, seed). `torch.randn` differs between CPU vector kernels and between CPU and GPU; Philox and NumPy's scalar
transforms do not, so evaluation noise has the same bits on every machine.
"""

import hashlib
import math
from collections.abc import Sequence
from typing import ClassVar, Protocol

import numpy as np
import torch
from torch import Tensor

from restorelab.degradations.poisson import fast_poisson


def derive(*key: int | str) -> int:
    """Hash a key of integers and strings to a 63-bit seed; different keys give independent streams."""
    text = "\x1f".join(f"{type(part).__name__}:{part}" for part in key)
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=8).digest(), "little") >> 1


class Draws(Protocol):
    """An explicit stream of random numbers; degradations use no other random numbers."""

    @property
    def exact(self) -> bool:
        """Whether the images must have the same bits on every machine, as in evaluation; training need not."""

    def uniform(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Draw uniform numbers in [0, 1) with the dtype and device of `like`."""

    def bits16(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Draw uniform int16 in [-32768, 32767] on the device of `like`, at a quarter of the cost of `uniform`."""

    def normal(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """Draw standard normal numbers with the dtype and device of `like`."""

    def poisson(self, rate: Tensor) -> Tensor:
        """Draw Poisson counts with mean `rate` (>= 0), elementwise, in its dtype and on its device."""

    def categories(self, count: int, size: int) -> list[int]:
        """Draw, on the host, how many of `size` images are in each of `count` equally likely categories."""


class TorchDraws:
    """Draws of a torch generator, on its device. Reseeding at every batch makes batches independent of earlier ones."""

    exact: ClassVar[bool] = False

    def __init__(self, device: torch.device | str = "cpu") -> None:
        self.generator = torch.Generator(device=device)
        self._key: tuple[int | str, ...] = ()

    def reseed(self, *key: int | str) -> "TorchDraws":
        """Start the stream that belongs to `key`."""
        self._key = key
        self.generator.manual_seed(derive(*key))
        return self

    def uniform(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """See `Draws.uniform`."""
        return torch.rand(tuple(shape), generator=self.generator, device=like.device, dtype=like.dtype)

    def bits16(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """See `Draws.bits16`. Each 64-bit word of the generator, which is serial on a CPU, gives four numbers."""
        size = math.prod(shape)
        words = torch.empty(-(-size // 4), dtype=torch.int64, device=like.device)
        words.random_(-(2**63), None, generator=self.generator)  # with to=None: all 2^64 words
        return words.view(torch.int16)[:size].view(tuple(shape))

    def normal(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """See `Draws.normal`."""
        return torch.randn(tuple(shape), generator=self.generator, device=like.device, dtype=like.dtype)

    def poisson(self, rate: Tensor) -> Tensor:
        """See `Draws.poisson`. The CPU uses `fast_poisson`, whose cumulative probabilities have an error below 5e-5."""
        if rate.device.type == "cpu":
            return fast_poisson(rate, self.generator)
        return torch.poisson(rate, generator=self.generator)

    def categories(self, count: int, size: int) -> list[int]:
        """See `Draws.categories`."""
        return PhiloxDraws(*self._key).categories(count, size)


class PhiloxDraws:
    """Draws of NumPy's Philox on the CPU; a key gives the same bits on every machine."""

    exact: ClassVar[bool] = True

    def __init__(self, *key: int | str) -> None:
        self.generator = np.random.Generator(np.random.Philox(key=derive(*key)))

    def uniform(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """See `Draws.uniform`."""
        return torch.from_numpy(self.generator.random(tuple(shape))).to(like)

    def bits16(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """See `Draws.bits16`."""
        drawn = self.generator.integers(-(2**15), 2**15, size=tuple(shape), dtype=np.int16)
        return torch.from_numpy(drawn).to(like.device)

    def normal(self, shape: Sequence[int], like: Tensor) -> Tensor:
        """See `Draws.normal`."""
        return torch.from_numpy(self.generator.standard_normal(tuple(shape))).to(like)

    def poisson(self, rate: Tensor) -> Tensor:
        """See `Draws.poisson`."""
        return torch.from_numpy(self.generator.poisson(rate.detach().double().cpu().numpy())).to(rate)

    def categories(self, count: int, size: int) -> list[int]:
        """See `Draws.categories`."""
        return np.bincount(self.generator.integers(count, size=size), minlength=count).tolist()
