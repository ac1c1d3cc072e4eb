"""Check that the parts of a run fit the sizes of its images, by the headers of the files, before decoding."""

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.config import metric_names
from restorelab.config.build import Parts
from restorelab.data.header import Headers
from restorelab.data.image_table import ImageTable
from restorelab.data.pairing import Division
from restorelab.data.required import require
from restorelab.data.small_images import refuse
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import REFUSALS, ConfigError, UserError, first_line
from restorelab.noise_level import probe
from restorelab.restoring.inference import Restoring
from restorelab.training import checks

Size = tuple[int, int]
"""Height and width."""

TRIED = 6
"""Sizes that the network is tried at, of those that occur: the smallest, the largest, and some between."""


def check(built: Parts, net: nn.Module, images: ImageTable | Headers, rows: Division, parts: Sequence[str]) -> None:
    """Check the requirements of a run against the images of its dataset.

    net: on the meta device. images: the dataset, decoded or not. parts: those that the run needs images of.

    Raises:
        ConfigError: for a degradation, a network or a loss that does not take the images; names one of them.
        DataError: for a part without images, and for images that are too small.
    """
    require(images, rows, parts)
    dataset = built.dataset
    crop = dataset.train_shape if dataset.crop else None
    if dataset.small == "error":
        refuse(images, rows, parts, crop, dataset.least)
    measured = [rows[part] for part in parts if part != "train"]
    _check_metrics(built, images, np.concatenate(measured) if measured else np.zeros(0, np.int64))
    known: set[tuple[Size, Size, bool]] = set()
    for part in parts:
        if part == "train" and crop:
            continue  # the crop was tried before any file was looked at
        each = [built.degradation] if part == "train" else [e.degradation for e in built.evaluations.values()]
        for degradation in each:
            _check_part(built, net, images, rows[part], degradation, part, known)


def _check_metrics(built: Parts, images: ImageTable | Headers, rows: np.ndarray) -> None:
    """Try what is measured on the image with the shortest side, of those that are measured."""
    if not len(rows) or not built.objective.restores or len(built.measures) == len(metric_names.PROTOCOL):
        return
    row = rows[images.shapes[rows, 1:].min(axis=1).argmin()]
    try:
        checks.check_metrics(built, (int(images.shapes[row, 1]), int(images.shapes[row, 2])))
    except ConfigError as error:
        msg = f"{images.ids[row]}: {error}"
        raise ConfigError(msg) from error


def _check_part(
    built: Parts,
    net: nn.Module,
    images: ImageTable | Headers,
    rows: np.ndarray,
    degradation: Degradation,
    part: str,
    known: set[tuple[Size, Size, bool]],
) -> None:
    """Try every size that occurs with the degradation, some with the network, and the smallest with the loss.

    known: what was tried already, the sizes of input and output and whether it was for training.
    """
    sizes, first, counts = np.unique(images.shapes[rows], axis=0, return_index=True, return_counts=True)
    order = np.argsort(sizes[:, 1:].prod(axis=1), kind="stable")
    tried = set(np.linspace(0, len(order) - 1, min(TRIED, len(order))).round().astype(int).tolist())
    for place, number in enumerate(order.tolist()):
        row = rows[first[number]]
        clean = (int(sizes[number, 1]), int(sizes[number, 2]))
        try:
            if images.degraded_shapes is None:
                degraded_size = degradation.output_size(clean)
            else:
                degraded_size = int(images.degraded_shapes[row, 1]), int(images.degraded_shapes[row, 2])
            case = degraded_size, clean, part == "train"
            if place in tried and case not in known:
                known.add(case)
                _try_network(built, net, degraded_size, clean, training=part == "train")
                if place == 0 and built.objective.restores:
                    checks.check_objective(built, (built.dataset.channels, *clean), degraded_size)
        except UserError as error:
            others = f" (and {counts[number] - 1} more of {part} of its size)" if counts[number] > 1 else ""
            msg = f"{images.ids[row]}{others}, {clean[0]}x{clean[1]}: {error}"
            raise ConfigError(msg) from error


def _try_network(built: Parts, net: nn.Module, degraded_size: Size, clean: Size, *, training: bool) -> None:
    """Send an image through the network: as in training, or padded as in an evaluation."""
    degraded = torch.zeros(2 if training else 1, built.dataset.channels, *degraded_size, device="meta")
    try:
        with torch.no_grad():
            restored = probe(net.train() if training else Restoring(net), degraded)
    except NotImplementedError:
        return  # an operator without a meta kernel; an error would appear at the first batch
    except REFUSALS as error:
        height, width = degraded_size
        msg = f"the network does not take {height}x{width} ({first_line(error)}). {_advice(net, training)}"
        raise ConfigError(msg) from error
    if not built.objective.restores or not isinstance(restored, Tensor):
        return
    if tuple(restored.shape[-2:]) != clean:
        got = "x".join(map(str, restored.shape[-2:]))
        msg = f"of {degraded_size[0]}x{degraded_size[1]} the network makes {got}. {_advice(net, training)}"
        raise ConfigError(msg)


def _advice(net: nn.Module, training: bool) -> str:
    multiple = int(getattr(net, "multiple", 1))
    if training and multiple > 1:
        return f"Set data.crop, or data.multiple={multiple}, which cuts images to multiples of {multiple}."
    return "Set data.crop, data.size or data.multiple, or choose another model."
