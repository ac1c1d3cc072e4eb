"""What a network costs: parameters and multiply-accumulates."""

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from restorelab.noise_level import probe

REFUSALS = (RuntimeError, ValueError, TypeError, NotImplementedError)


def parameters(net: nn.Module) -> int:
    """Return the number of trainable parameters."""
    return sum(p.numel() for p in net.parameters() if p.requires_grad)


def macs(net: nn.Module, shape: tuple[int, int, int]) -> int | None:
    """Return the multiply-accumulates of convolutions and matrix products for one image, by torch's FlopCounterMode.

    Additions, activations, normalization and interpolation are not counted. net: on the meta device, where nothing is
    computed. shape: (C, h, w) of the degraded image. The result is None for a network that cannot be run on the meta
    device, or has no such operation.
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
