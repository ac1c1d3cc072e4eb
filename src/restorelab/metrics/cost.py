"""What a network costs: parameters and multiply-accumulates."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from restorelab.noise_level import probe

REFUSALS = (RuntimeError, ValueError, TypeError, NotImplementedError)


def parameters(net: nn.Module) -> int:
    """The number of trainable parameters."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def macs(net: nn.Module, shape: tuple[int, int, int]) -> int | None:
    """Multiply-accumulates of the convolutions and matrix products for one image, by torch's counter.

    net: on the meta device (nothing is computed). shape: (C, h, w) of the degraded image. None for a network that
    cannot be run so, or has no such operation; additions, activations, normalisation and interpolation are not counted.
    """
    counter = FlopCounterMode(display=False)
    training = net.training
    net.eval()  # before the counter begins: a network may merge weights when it enters the evaluation mode
    try:
        with torch.no_grad(), counter:
            probe(net, torch.zeros(1, *shape, device="meta"))
    except REFUSALS:
        return None
    finally:
        net.train(training)
    return counter.get_total_flops() // 2 or None
