"""The conventions by which a number was measured: those of a run, and those given for a published number."""

import json
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from restorelab.config import build, conf_files, own_keys
from restorelab.data.set_names import degradation_of


@dataclass(frozen=True)
class Conventions:
    """How a number was measured.

    Attributes:
        noise_clip: whether the noise is clipped; None for a degradation that has no such option.
        clip_input, self_ensemble, quantize, border, color: as in `Protocol`.
        tlc: the side of the crops of a network with local statistics at test time; None without.
        seed: of the evaluation noise.
        resizing: how images are brought to the size of the data and made smaller by the degradation, as JSON.
        pooled: whether the squared error is averaged over all pixels of the set before the logarithm.
        ssim: `gaussian`, the protocol's window of SSIM, or `uniform`, scikit-image's default of 7x7 pixels.
    """

    noise_clip: bool | None
    seed: int
    clip_input: bool
    tlc: int | None
    self_ensemble: bool
    quantize: bool
    border: int
    color: str
    resizing: str
    pooled: bool = False
    ssim: Literal["gaussian", "uniform"] = "gaussian"


WORDS = {
    "resizing": "resizing",
    "noise_clip": "noise clipped to [0, 1]",
    "seed": "seed of the noise",
    "clip_input": "input clipped to [0, 1]",
    "tlc": "local statistics (TLC)",
    "self_ensemble": "mean over eight turns and flips (x8)",
    "quantize": "output rounded to 8 bits",
    "border": "border in pixels",
    "color": "color",
    "pooled": "squared error pooled over the set",
    "ssim": "window of SSIM",
}
"""The conventions in the order in which they are changed: those that change the network's input come first."""

OF_OUTPUT = ("quantize", "border", "color", "pooled", "ssim")
"""Conventions that do not change what the network restores."""


def of_run(config: Mapping[str, Any], entry: Mapping[str, Any]) -> Conventions:
    """The conventions of a run under one evaluation. config: of the run. entry: of its result.json."""
    evaluation = config["evaluation"].get(degradation_of(entry["degradation"])) or {}
    noise = evaluation.get("noise") or config["noise"]
    protocol = build.make("protocol", config["protocol"])
    return Conventions(
        noise_clip=noise.get("clip"),
        seed=config["eval_seed"],
        clip_input=protocol.clip_input,
        tlc=config["model"].get("tlc"),
        self_ensemble=protocol.self_ensemble,
        quantize=protocol.quantize,
        border=protocol.border,
        color=protocol.color,
        resizing=_resizing(config["data"], evaluation.get("downsample") or config["downsample"]),
    )


def _resizing(data: Mapping[str, Any], downsample: Mapping[str, Any]) -> str:
    facts = {"size": data.get("size"), "resize": data.get("resize"), "downsample": downsample}
    return json.dumps(facts, sort_keys=True)


def of_published(own: Conventions, given: Mapping[str, str]) -> Conventions:
    """Those of a printed number: of a protocol's file, with single ones that are given; what is left out is A's."""
    wanted: dict[str, Any] = {}
    if "protocol" in given:
        node = conf_files.read_yaml(conf_files.find("protocol", given["protocol"]))
        wanted = {key: value for key, value in node.items() if key in WORDS}
        wanted |= {"noise_clip": node["clip_noise"]} if "clip_noise" in node else {}
    for key in ("noise_clip", "clip_input", "self_ensemble", "quantize", "pooled"):
        wanted |= {key: own_keys.truth(key, given[key])} if key in given else {}
    for key in ("border", "seed"):
        wanted |= {key: own_keys.whole(key, given[key])} if key in given else {}
    for key, allowed in (("color", ("rgb", "y")), ("ssim", ("gaussian", "uniform"))):
        wanted |= {key: own_keys.one_of(key, given[key], allowed)} if key in given else {}
    if "downsample" in given:
        facts = json.loads(own.resizing)
        node = conf_files.read_yaml(conf_files.find("downsample", given["downsample"]))
        factor = {key: value for key, value in facts["downsample"].items() if key == "factor" and key in node}
        wanted["resizing"] = _resizing(facts, node | factor)
    if own.noise_clip is None:
        wanted.pop("noise_clip", None)
    return replace(own, **wanted)


def shown(value: Any) -> str:
    """Return the value of a convention for a table; of `resizing` the downsampling and the size of the data."""
    if not isinstance(value, str) or not value.startswith("{"):
        return str(value)
    facts = json.loads(value)
    options = [f"{key}={option}" for key, option in facts["downsample"].items() if key != "_target_"]
    size = f"data.size={facts['size']} by {facts['resize']}" if facts["size"] else ""
    return " ".join(filter(None, [facts["downsample"]["_target_"].rpartition(".")[2], *options, size]))
