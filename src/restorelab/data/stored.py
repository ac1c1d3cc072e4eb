"""Stored pixels as tensors: uint8, or uint16 carried as int16 bits, which every device can index."""

import warnings

import numpy as np
import torch
from torch import Tensor


def as_tensor(pixels: np.ndarray) -> Tensor:
    """Return the pixels as a tensor that shares their memory: uint8, or int16 with the bits of uint16."""
    array = np.asarray(pixels)
    if array.dtype == np.uint16:
        array = array.view(np.int16)
    with warnings.catch_warnings():
        # A memory-mapped table is read-only, and no tensor made here is written to.
        warnings.filterwarnings("ignore", message=".*not writable.*")
        return torch.from_numpy(array)


def to_unit(stored: Tensor) -> Tensor:
    """Convert stored pixels to float32 in [0, 1]."""
    if stored.dtype == torch.int16:
        return stored.to(torch.int32).bitwise_and_(0xFFFF).to(torch.float32).div_(65535)
    return stored.to(torch.float32).div_(255)
