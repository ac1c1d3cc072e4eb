"""What a validation measures, by name."""

from collections.abc import Sequence

import torch
from torch import Tensor


def validation_values(evaluations: Sequence[str], metrics: Sequence[str], means: Tensor) -> dict[str, float]:
    """Name the means: `val/psnr` over all evaluations, `val/psnr/impulse_30` for one of several.

    means: (evaluations, 1 + metrics), of the loss and of each metric; NaN for an evaluation that was left out
    (`trainer.limit_val_batches`).
    """
    names = ("loss", *metrics)
    values = {f"val/{name}": float(value) for name, value in zip(names, means.nanmean(dim=0), strict=True)}
    if len(evaluations) > 1:
        for evaluation, row in zip(evaluations, means, strict=True):
            values |= {f"val/{name}/{evaluation}": float(value) for name, value in zip(names, row, strict=True)}
    return values


def validation_names(evaluations: Sequence[str], metrics: Sequence[str]) -> list[str]:
    """The names that `validation_values` gives, in its order."""
    return list(validation_values(evaluations, metrics, torch.zeros(len(evaluations), 1 + len(metrics))))
