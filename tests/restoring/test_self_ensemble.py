"""The mean over the eight turns and flips (x8)."""

import pytest
import torch
from torch import nn

from restorelab.metrics.protocol import Protocol
from restorelab.restoring.inference import Restoring, restore


class Told(nn.Module):
    """Twice the width and height, by the nearest pixel, plus what it is told of the noise, plus the column's number."""

    takes_sigma = True

    def forward(self, degraded: torch.Tensor, sigma: torch.Tensor) -> torch.Tensor:
        level = sigma if sigma.ndim == 4 else sigma.view(-1, 1, 1, 1)
        column = torch.arange(degraded.shape[-1], dtype=degraded.dtype)
        return nn.functional.interpolate(degraded + level + column, scale_factor=2)


@pytest.mark.parametrize("mapped", [False, True])
def test_what_is_not_symmetric_is_averaged(mapped):
    image, sigma = torch.rand(2, 1, 4, 6), torch.tensor([0.1, 0.2])
    level = torch.rand(2, 1, 4, 6) if mapped else sigma
    restored = restore(Told(), image, level, self_ensemble=True)
    # Half of the forms count along the columns, from either side, and half along the rows.
    position = (5 / 2 + 3 / 2) / 2
    given = image + (level if mapped else sigma.view(-1, 1, 1, 1)) + position
    torch.testing.assert_close(restored, nn.functional.interpolate(given, scale_factor=2))
    assert torch.equal(Restoring(Told(), self_ensemble=True)(image, level), restored)


def test_the_protocol_says_it_and_others_keep_their_spec():
    assert "self_ensemble" not in Protocol().spec()
    assert "x8" not in Protocol().describe()
    assert Protocol(self_ensemble=True).spec()["self_ensemble"]
    assert "(x8)" in Protocol(self_ensemble=True).describe()
