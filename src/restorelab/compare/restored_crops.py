"""Restore a few images by many networks for the page: each network is loaded once, on the CPU, within a time limit."""

import time
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.config import build
from restorelab.data.frozen import FrozenSet
from restorelab.errors import DataError
from restorelab.exchange import stored_outputs
from restorelab.report import detail
from restorelab.report.detail import Box
from restorelab.restoring.inference import exact, restore
from restorelab.runs.record import Record

LARGE, WINDOW = 384, 256
"""Pixels a side: an image beyond the first is restored in a window of the second, or a page would take an hour."""

MARGIN = 24
"""Pixels at a window's edge that are not shown, because the network sees less context there than in the whole image."""


@dataclass(frozen=True)
class CroppedImage:
    """One test image, cut to `box`: `degraded`, `clean` and by run `restored`, each (C, h, w) float32.

    whole: the clean image, (C, H, W). size: (W, H). psnr: by run, of the whole image restored anew, where it was.
    text: what is missing, a sentence each.
    """

    id: str
    whole: Tensor
    size: tuple[int, int]
    box: Box
    degraded: Tensor
    clean: Tensor
    restored: dict[str, Tensor]
    psnr: dict[str, float]
    text: list[str] = field(default_factory=list)


class CropRestorer:
    """Load networks by run when they are first needed; a failure to load is remembered with its reason."""

    def __init__(self) -> None:
        self._nets: dict[str, nn.Module] = {}
        self._refused: dict[str, str] = {}

    def image(
        self, records: Mapping[str, Record], evaluation: str, frozen: FrozenSet, place: int, *, side: int, until: float
    ) -> CroppedImage:
        """Return image number `place` of a set through all runs, cut to where they differ most.

        side: pixels of the crop. until: of `time.monotonic`; runs that come after it are left out.
        """
        clean, degraded, sigma = frozen.clean(place), frozen.image(place), frozen.sigma(place)
        height, width = clean.shape[-2:]
        scale = max(1, height // degraded.shape[-2])
        window = self._window(clean, scale)
        made: dict[str, Tensor] = {}
        psnr: dict[str, float] = {}
        text, late = [], []
        for name, record in records.items():
            if f"{name}\n" in self._refused or f"{name}\n{evaluation}" in self._refused:
                text.append(self._refused.get(f"{name}\n") or self._refused[f"{name}\n{evaluation}"])
                continue
            if time.monotonic() > until:
                late.append(name)
                continue
            try:
                made[name] = self._restored(
                    record, evaluation, frozen.ids[place], degraded, sigma, clean, window, scale, psnr
                )
            except Exception as error:
                reason = str(error).strip().splitlines()
                sentence = f"{name} is not shown: {reason[0] if reason else type(error).__name__}"
                self._refused[f"{name}\n{evaluation}"] = sentence
                text.append(sentence)
        if late:
            text.append(f"The time limit for pictures was reached: {len(late)} of {len(records)} runs are not shown.")
        if window[2:] != (width, height):
            text.append(f"Of images beyond {LARGE} pixels a window of {WINDOW} was restored for the pictures.")
        box = self._place(made, detail.cut(clean, window), window, side, scale, whole=window[2:] == (width, height))
        inner = (box[0] - window[0], box[1] - window[1], box[2], box[3])
        return CroppedImage(
            frozen.ids[place], clean, (width, height), box, detail.cut(degraded, box, scale), detail.cut(clean, box),
            {name: detail.cut(image, inner) for name, image in made.items()}, psnr, text,
        )  # fmt: skip

    @staticmethod
    def _window(clean: Tensor, scale: int) -> Box:
        height, width = clean.shape[-2:]
        if max(height, width) <= LARGE:
            return 0, 0, width, height
        return detail.busiest(detail.detail(clean), WINDOW, WINDOW, step=np.lcm(16, scale))

    @staticmethod
    def _place(made: Mapping[str, Tensor], clean: Tensor, window: Box, side: int, scale: int, *, whole: bool) -> Box:
        """Return where the runs differ most; for one run the largest error, without runs the most detail."""
        ours = torch.stack([image.clamp(0, 1) for image in made.values()]) if made else None
        if ours is None:
            weight = detail.detail(clean)
        elif len(ours) > 1:
            weight = ours.std(0).mean(0).numpy()
        else:
            weight = (ours[0] - clean).abs().mean(0).numpy()
        x, y, wide, high = detail.busiest(
            weight, side, side, step=scale, margin=0 if whole else MARGIN // scale * scale
        )
        return x + window[0], y + window[1], wide, high

    @torch.inference_mode()
    def _restored(
        self, record: Record, evaluation: str, image: str, degraded: Tensor, sigma: Tensor | None, clean: Tensor,
        window: Box, scale: int, psnr: dict[str, float],
    ) -> Tensor:  # fmt: skip
        """The window of the image as the run restores it, (C, h, w) float32; notes its PSNR where it is the whole."""
        whole = window[2:] == (clean.shape[-1], clean.shape[-2])
        if record.external:
            output = stored_outputs.restored(record, evaluation, record.per_image(evaluation).ids.index(image))
            return detail.cut(output, window)
        net, protocol = self._net(record, evaluation), build.make("protocol", record.config["protocol"])
        fixed = getattr(net, "size", None) is not None
        seen = degraded if fixed else detail.cut(degraded, window, scale)
        if sigma is not None and sigma.ndim == 4 and not fixed:
            sigma = detail.cut(sigma[0], window, scale)[None]
        with exact():
            inputs = protocol.prepare(seen[None])
            output = restore(net, inputs, sigma, self_ensemble=protocol.self_ensemble)[0].float()
        truth = clean if fixed else detail.cut(clean, window)
        if output.shape != truth.shape:
            raise DataError(f"its output is {tuple(output.shape)}, no image of {tuple(truth.shape)}.")
        if whole:
            psnr[record.name] = float(protocol.measure(output[None], clean[None])["psnr"])
        return detail.cut(output, window) if fixed else output

    def _net(self, record: Record, evaluation: str) -> nn.Module:
        """Return the run's network, loaded anew only if it has values tuned for the evaluation."""
        if record.evaluation(evaluation).get("tuned"):
            return record.net(evaluation)
        if record.name not in self._nets:
            try:
                self._nets[record.name] = record.net(evaluation)
            except Exception as error:
                reason = str(error).strip().splitlines()
                shown = reason[0] if reason else type(error).__name__
                self._refused[f"{record.name}\n"] = f"{record.name} is not shown: {shown}"
                raise
        return self._nets[record.name]
