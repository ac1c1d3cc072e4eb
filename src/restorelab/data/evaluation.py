"""A fixed degradation of test images, which does not depend on the model, the batch or the device."""

import hashlib
import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import PhiloxDraws


@dataclass(frozen=True)
class Evaluation:
    """A named, fixed degradation that test images are measured under.

    Attributes:
        name: such as `impulse_30`.
        degradation: applied to each image.
        config: the resolved config of that degradation, plain data; part of the spec and of the key of the draws.
        of: if images and training noises are paired, the noise whose images are measured; None for all images.
    """

    name: str
    degradation: Degradation
    config: Mapping[str, Any]
    of: str | None = None

    @property
    def key(self) -> str:
        """The degradation's config as a string, which does not depend on the evaluation's name."""
        return json.dumps(self.config, sort_keys=True, separators=(",", ":"))

    def degrade(self, clean: np.ndarray, name: str, seed: int) -> tuple[Tensor, dict[str, float]]:
        """Degrade one image on the CPU with draws keyed by its id, this degradation and the seed.

        clean: (C, H, W) float64 in [0, 1]. Returns the image, (C, h, w) float32, and the parameters that were drawn.
        """
        with torch.no_grad():
            degraded, drawn = self.degradation(torch.from_numpy(clean)[None], PhiloxDraws(name, self.key, seed))
        return degraded[0].float(), {parameter: float(values) for parameter, values in drawn.items()}


def hash_of_images(images: Iterable[Tensor], write: Callable[[bytes], object] = lambda data: None) -> str:
    """Return the hash of the bits of images on the CPU, in order: 16 hexadecimal digits. write: is called with them."""
    digest = hashlib.sha256()
    for image in images:
        data = image.contiguous().numpy().tobytes()
        digest.update(data)
        write(data)
    return digest.hexdigest()[:16]
