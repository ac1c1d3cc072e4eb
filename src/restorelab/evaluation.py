"""Measure a network on a frozen set by the protocol; needs no Trainer."""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.data.frozen import FrozenSet
from restorelab.inference import restore
from restorelab.metrics import PSNR_CAP, Protocol
from restorelab.sample import Sample

COLUMNS = ("psnr", "ssim", "mse", "input_psnr", "input_ssim")
"""What is kept of each image; the protocol says how it is measured."""


@dataclass(frozen=True)
class Measured:
    """A network on one frozen set.

    Attributes:
        frozen: the set.
        values: one array an entry of `COLUMNS`, in the set's order.
        loss: mean over the images, NaN where no loss was given.
        seconds: what restoring took.
    """

    frozen: FrozenSet
    values: dict[str, np.ndarray]
    loss: float
    seconds: float

    @property
    def name(self) -> str:
        """The evaluation's name."""
        return self.frozen.evaluation.name

    def metrics(self, part: str = "test") -> dict[str, float]:
        """The means over the images: `test/psnr, test/ssim, test/mse, test/loss, input/psnr, input/ssim`."""
        means = {column: float(self.values[column].mean()) for column in COLUMNS}
        return {
            f"{part}/psnr": means["psnr"],
            f"{part}/ssim": means["ssim"],
            f"{part}/mse": means["mse"],
            f"{part}/loss": self.loss,
            "input/psnr": means["input_psnr"],
            "input/ssim": means["input_ssim"],
        }

    @property
    def capped(self) -> int:
        """Images whose PSNR is at the protocol's cap."""
        return int((self.values["psnr"] >= PSNR_CAP).sum())


@contextmanager
def exact() -> Iterator[None]:
    """Float32 that is float32: without TF32, which training may use on a GPU and which rounds to 10 bits."""
    before = torch.backends.cudnn.allow_tf32, torch.get_float32_matmul_precision()
    torch.backends.cudnn.allow_tf32 = False
    torch.set_float32_matmul_precision("highest")
    try:
        yield
    finally:
        torch.backends.cudnn.allow_tf32 = before[0]
        torch.set_float32_matmul_precision(before[1])


def evaluate(
    net: nn.Module,
    frozen: FrozenSet,
    protocol: Protocol,
    *,
    batch_size: int = 64,
    loss: Callable[[Callable[[Tensor], Tensor], Sample], tuple[Tensor, Tensor]] | None = None,
    memory_format: torch.memory_format = torch.contiguous_format,
    progress: Callable[[int], object] = lambda images: None,
) -> Measured:
    """Restore every image of a frozen set and measure it alone.

    net: on its device; its training flag is left as it is. loss: `(net, sample)` to the loss of a batch and the
    restored images, None to restore only. progress: is told how many more images are done. Runs in exact float32
    whatever the training's precision was. The values of an image do not depend on the batch it is in but for the last
    bits of a batched convolution.
    """
    device = next((p.device for p in net.parameters()), torch.device("cpu"))
    values = {column: np.zeros(len(frozen)) for column in COLUMNS}
    total, seconds = 0.0, 0.0
    net_training = net.training
    net.eval()
    with torch.inference_mode(), exact():
        for batch in frozen.batches(batch_size):
            sample = batch.to(device)
            assert sample.degraded is not None
            given = sample.degraded
            sample.degraded = protocol.prepare(given).contiguous(memory_format=memory_format)
            began = time.perf_counter()
            if loss is None:
                restored = restore(net, sample.degraded)
            else:
                value, restored = loss(partial(restore, net), sample)
                total += float(value) * len(sample)
            if device.type == "cuda":
                torch.cuda.synchronize(device)
            seconds += time.perf_counter() - began
            places = batch.index.numpy()
            for column, measured in _measure(protocol, restored.float(), given, sample.clean).items():
                values[column][places] = measured.double().cpu().numpy()
            progress(len(sample))
    net.train(net_training)
    return Measured(frozen, values, total / len(frozen) if loss is not None else float("nan"), seconds)


def _measure(protocol: Protocol, restored: Tensor, degraded: Tensor, clean: Tensor) -> dict[str, Tensor]:
    given = protocol.measure_input(degraded, clean)
    return {**protocol.measure(restored, clean), "input_psnr": given["psnr"], "input_ssim": given["ssim"]}


def table(results: Sequence[Measured], *, title: str) -> str:
    """The results as an aligned table: a line an evaluation."""
    head = ("evaluation", "images", "input PSNR", "PSNR", "gain", "input SSIM", "SSIM", "MSE")
    rows = [head]
    for result in results:
        m = result.metrics()
        rows.append((
            result.name, str(len(result.frozen)), f"{m['input/psnr']:.2f}", f"{m['test/psnr']:.2f}",
            f"{m['test/psnr'] - m['input/psnr']:+.2f}", f"{m['input/ssim']:.4f}", f"{m['test/ssim']:.4f}",
            f"{m['test/mse']:.6f}",
        ))  # fmt: skip
    widths = [max(len(row[i]) for row in rows) for i in range(len(head))]
    lines = [" ".join((c.ljust if i == 0 else c.rjust)(w) for i, (c, w) in enumerate(zip(row, widths, strict=True)))
             for row in rows]  # fmt: skip
    return "\n".join([title, lines[0], "-" * len(lines[0]), *lines[1:]])
