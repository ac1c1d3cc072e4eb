"""A run's network, measured again by other conventions."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.compare.conventions import OF_OUTPUT, WORDS, Conventions
from restorelab.config import build
from restorelab.data.set_names import degradation_of, set_of
from restorelab.errors import DataError
from restorelab.metrics.protocol import Protocol
from restorelab.restoring.inference import exact, restore
from restorelab.runs import split_file
from restorelab.runs.record import Record


class MeasuredAnew:
    """A run's network on one of its evaluations, by any conventions; an input is restored once.

    metric: `psnr` or `ssim`.
    """

    def __init__(self, record: Record, evaluation: str, metric: str = "psnr") -> None:
        if record.external:
            raise DataError(f"{record.path}: an external method has outputs and no network to measure again.")
        self.record, self.evaluation, self.metric = record, evaluation, metric
        self._outputs: dict[tuple[Any, ...], tuple[list[Tensor], list[Tensor]]] = {}

    def mean(self, by: Conventions) -> float:
        """The mean of the metric over the images, of PSNR in dB; or the PSNR of the pooled squared error."""
        restored, clean = self.restored(by)
        protocol = self._protocol(by)
        if self.metric == "ssim" and by.ssim == "uniform":
            prepared = [protocol.pair(one[None], truth[None]) for one, truth in zip(restored, clean, strict=True)]
            return float(np.mean([_uniform_ssim(one[0], truth[0]) for one, truth in prepared]))
        pairs = [protocol.measure(one[None], truth[None]) for one, truth in zip(restored, clean, strict=True)]
        if not by.pooled or self.metric != "psnr":
            return float(np.mean([float(values[self.metric]) for values in pairs]))
        sizes = [protocol.pair(one[None], one[None].clamp(0, 1))[0].numel() for one in restored]
        pooled = np.average([float(values["mse"]) for values in pairs], weights=sizes)
        return float(-10 * np.log10(pooled))

    def _protocol(self, by: Conventions) -> Protocol:
        chosen = {key: getattr(by, key) for key in ("border", "quantize", "clip_input", "color", "self_ensemble")}
        return Protocol(**chosen)

    def restored(self, by: Conventions) -> tuple[list[Tensor], list[Tensor]]:
        """Return the restored and the clean images, (C, H, W) float32 each, in the set's order."""
        key = tuple(getattr(by, name) for name in WORDS if name not in OF_OUTPUT)
        if key not in self._outputs:
            self._outputs[key] = self._restore(by)
        return self._outputs[key]

    def _restore(self, by: Conventions) -> tuple[list[Tensor], list[Tensor]]:
        config = copy.deepcopy(self.record.config)
        config["eval_seed"] = by.seed
        name = degradation_of(self.evaluation)
        entry = config["evaluation"][name]
        entry["noise"] = dict(entry.get("noise") or config["noise"])
        if by.noise_clip is not None:
            entry["noise"]["clip"] = by.noise_clip
        facts = json.loads(by.resizing)
        entry["downsample"] = facts["downsample"]
        config["data"] |= {"size": facts["size"], "resize": facts["resize"]}
        built = build.parts(config)
        tests = {key: test for key, test in built.tests.items() if key == set_of(self.evaluation)}
        data = built.data({name: built.evaluations[name]}, tests, kept=split_file.read(self.record.run))
        frozen, protocol, net = data.frozen("test")[0], self._protocol(by), self._net(config, by)
        restored, clean = [], []
        with torch.inference_mode(), exact():
            for place in range(len(frozen)):
                given = protocol.prepare(frozen.image(place)[None])
                restored.append(restore(net, given, frozen.sigma(place), self_ensemble=by.self_ensemble)[0].float())
                clean.append(frozen.clean(place))
        return restored, clean

    def _net(self, config: Mapping[str, Any], by: Conventions) -> nn.Module:
        net = self.record.net(self.evaluation)
        if config["model"].get("tlc") == by.tlc:
            return net
        other: nn.Module = build.make("model", {**config["model"], "tlc": by.tlc})
        other.load_state_dict(net.state_dict())
        return other.eval()


def _uniform_ssim(restored: Tensor, clean: Tensor) -> float:
    """Return SSIM as scikit-image computes it by default: windows of 7x7 of equal weights, sample covariances."""
    from skimage.metrics import structural_similarity

    value = structural_similarity(  # type: ignore[no-untyped-call]
        restored.numpy(), clean.numpy(), data_range=1, channel_axis=0
    )
    return float(value)
