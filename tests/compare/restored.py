"""Runs that stand for real ones: their networks blend, their images are photographs."""

from typing import Any

import numpy as np
import torch
from skimage import data as photographs
from torch import Tensor, nn

from restorelab.metrics.protocol import Protocol
from restorelab.runs.record import PerImageValues, Runs

GAUSSIAN = "gaussian_50"


def photo(name: str, height: int, width: int) -> Tensor:
    array = getattr(photographs, name)()[100 : 100 + height, 100 : 100 + width]
    return torch.from_numpy(array.transpose(2, 0, 1).copy()).float() / 255


class Frozen:
    """Stands for a FrozenSet: clean photographs and noisy ones, `scale` times smaller."""

    spec = "s"

    def __init__(self, clean: list[Tensor], scale: int = 1) -> None:
        self.ids = [f"i{n}" for n in range(len(clean))]
        self.channels = len(clean[0]) if clean else 3
        self._clean, self._scale = clean, scale
        noise = torch.Generator().manual_seed(0)
        small = [image[..., ::scale, ::scale] for image in clean]
        self._degraded = [image + 0.2 * torch.randn(image.shape, generator=noise) for image in small]

    def clean(self, place: int) -> Tensor:
        return self._clean[place]

    def image(self, place: int) -> Tensor:
        return self._degraded[place]

    def sigma(self, place: int) -> None:
        """No noise level is known."""


class Blend(nn.Module):
    """Something that restores: the input, enlarged, times a factor; counts its calls and the sizes it saw."""

    def __init__(self, factor: float, scale: int = 1) -> None:
        super().__init__()
        self.factor, self.scale = factor, scale
        self.seen: list[tuple[int, ...]] = []

    def forward(self, degraded: Tensor) -> Tensor:
        self.seen.append(tuple(degraded.shape[-2:]))
        large = degraded.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)
        return large * self.factor


class Stands:
    """Stands for a Record, with numbers of its own."""

    seed, external = 0, False

    def __init__(
        self, name: str, frozen: Frozen, psnr: list[float] | None = None, factor: float = 0.9, **other: Any
    ) -> None:
        self.name, self._frozen = name, frozen
        self.factor, self.loads, self.spec = factor, 0, "s"
        self.network: nn.Module | None = Blend(factor, frozen._scale)
        self.evaluations = [GAUSSIAN]
        self.config = {"protocol": {"_target_": "restorelab.metrics.protocol.Protocol"}}
        values = psnr or self._measured()
        self.columns = {"psnr": np.array(values), "ssim": np.full(len(values), 0.5)}
        self.columns |= {"input_psnr": np.full(len(values), 10.0), "input_ssim": np.full(len(values), 0.1)}
        for key, value in other.items():
            setattr(self, key, value)

    def _measured(self) -> list[float]:
        outputs = [
            Blend(self.factor, self._frozen._scale)(self._frozen.image(n)[None]) for n in range(len(self._frozen.ids))
        ]
        return [float(Protocol().measure(o, self._frozen.clean(n)[None])["psnr"]) for n, o in enumerate(outputs)]

    def evaluation(self, name: str) -> dict[str, Any]:
        return {"spec": self.spec, "tuned": None}

    def metric(self, evaluation: str, name: str) -> float:
        return float(self.columns[name].mean())

    def per_image(self, evaluation: str) -> PerImageValues:
        return PerImageValues(self._frozen.ids, self._frozen.ids, self.columns)

    def frozen(self, evaluation: str) -> Any:
        return self._frozen

    def net(self, evaluation: str) -> nn.Module:
        self.loads += 1
        if self.network is None:
            raise FileNotFoundError(f"there is no best.ckpt of {self.name}")
        return self.network


def of(*records: Stands) -> Runs:
    return Runs(records)  # type: ignore[arg-type]


def small(count: int = 5) -> Frozen:
    return Frozen([photo("astronaut", 40, 48) * (0.5 + 0.1 * n) for n in range(count)])
