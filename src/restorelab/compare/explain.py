"""`restorelab explain A B`: why two results differ. A is measured again with B's conventions, one after another."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.config import build, conf_files, own_keys
from restorelab.data.set_names import degradation_of, set_of
from restorelab.errors import ConfigError, DataError, nearest
from restorelab.metrics.protocol import Protocol
from restorelab.report.text_table import aligned, ruled
from restorelab.restoring.inference import exact, restore
from restorelab.runs import split_file
from restorelab.runs.record import Record

USAGE = """\
restorelab explain A B [evaluation=NAME]: why two runs have different PSNR, in dB, step by step.
restorelab explain A published=29.23 [key=value ...]: the same for a printed number and the conventions that it has.

  A, B               folders of runs; a step is a convention of measuring that differs: A is measured again with B's
  evaluation=NAME    of which evaluation; A_NAME,B_NAME where the two call it differently; left out: the first
  protocol=literature   the conventions of a protocol's file, for a printed number; single ones are
  noise_clip=false   whether noise was clipped to [0, 1]
  clip_input=false   whether the degraded image was
  self_ensemble=false   whether the outputs for eight turns and flips of the input were averaged (x8)
  quantize=true      whether the output was rounded to 8 bits
  border=0           pixels cut off at each side
  color=rgb          rgb, or y for luma
  pooled=false       whether the squared error was averaged over all images before the logarithm
  seed=1             eval_seed of the noise; that of a printed number is unknown, and another one tells what it matters

What the steps do not account for is called unexplained: other weights, other images, another program.
"""

OWN = (
    "evaluation",
    "published",
    "protocol",
    "noise_clip",
    "clip_input",
    "self_ensemble",
    "quantize",
    "border",
    "color",
    "pooled",
    "seed",
)


@dataclass(frozen=True)
class Conventions:
    """How a number was measured.

    Attributes:
        noise_clip: whether the noise is clipped; None for a degradation that has no such option.
        clip_input, self_ensemble, quantize, border, color: as in `Protocol`.
        tlc: the side of the crops of a network with local statistics at test time; None without.
        seed: of the evaluation noise.
        pooled: whether the squared error is averaged over all pixels of the set before the logarithm.
    """

    noise_clip: bool | None
    seed: int
    clip_input: bool
    tlc: int | None
    self_ensemble: bool
    quantize: bool
    border: int
    color: str
    pooled: bool = False


WORDS = {
    "noise_clip": "noise clipped to [0, 1]",
    "seed": "seed of the noise",
    "clip_input": "input clipped to [0, 1]",
    "tlc": "local statistics (TLC)",
    "self_ensemble": "mean over eight turns and flips (x8)",
    "quantize": "output rounded to 8 bits",
    "border": "border in pixels",
    "color": "colour",
    "pooled": "squared error pooled over the set",
}
"""The conventions in the order in which they are changed: those that change the network's input come first."""

OF_OUTPUT = ("quantize", "border", "color", "pooled")
"""Conventions that do not change what the network restores."""


@dataclass(frozen=True)
class Step:
    """A convention that was changed: from what to what, and the PSNR in dB with it and all before it changed."""

    key: str
    before: Any
    after: Any
    psnr: float


def run(argv: Sequence[str]) -> int:
    """Measure and print the steps; gives the exit status.

    Raises:
        ConfigError: for a wrong key or value. DataError: for a run whose dataset or weights are missing.
    """
    if not argv or {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    folders = [word for word in argv if "=" not in word]
    given, _ = own_keys.split("explain", [word for word in argv if word not in folders], OWN, of_run=False)
    if len(folders) != (1 if "published" in given else 2):
        raise ConfigError("explain: expected two runs, or one run and published=NUMBER.")
    first = Record("A", Path(folders[0]).expanduser())
    names = own_keys.listed(given.get("evaluation", ""))
    name = names[0] if names else first.evaluations[0]
    own = conventions(first.config, first.evaluation(name))
    if "published" in given:
        target, wanted = _number("published", given["published"]), _conventions(own, given)
    else:
        second = Record("B", Path(folders[1]).expanduser())
        other = names[-1] if names else name if name in second.evaluations else second.evaluations[0]
        target, wanted = second.metric(other, "psnr"), conventions(second.config, second.evaluation(other))
    measured = MeasuredAnew(first, name)
    steps = list(explain(measured, own, wanted))
    print("\n".join(_lines(first.metric(name, "psnr"), steps, target, "published" in given)))
    if "published" in given and "seed" not in given:
        scatter = measured.psnr(replace(own, seed=own.seed + 1)) - measured.psnr(own)
        print(f"\nanother seed of the noise changes A by {scatter:+.3f} dB; the one of the printed number is unknown")
    return 0


def _lines(began: float, steps: Sequence[Step], target: float, printed: bool) -> Iterator[str]:
    rows, last = [("A as it was measured", f"{began:.3f}", "")], began
    for step in steps:
        what = f"{WORDS[step.key]}: {step.before} -> {step.after}"
        rows.append((what, f"{step.psnr:.3f}", f"{step.psnr - last:+.3f}"))
        last = step.psnr
    rows.append(("unexplained", "", f"{target - last:+.3f}"))
    rows.append(("published" if printed else "B as it was measured", f"{target:.3f}", f"{target - began:+.3f}"))
    yield from ruled(aligned([("", "PSNR (dB)", "step (dB)"), *rows]))


def explain(measured: "MeasuredAnew", own: Conventions, wanted: Conventions) -> Iterator[Step]:
    """Change one convention after another to the wanted one, and yield what PSNR that gives."""
    now = own
    for key in WORDS:
        before, after = getattr(now, key), getattr(wanted, key)
        if before != after:
            now = replace(now, **{key: after})
            yield Step(key, before, after, measured.psnr(now))


def conventions(config: Mapping[str, Any], entry: Mapping[str, Any]) -> Conventions:
    """The conventions of a run under one evaluation. config: of the run. entry: of its result.json."""
    noise = (config["evaluation"].get(degradation_of(entry["degradation"])) or {}).get("noise") or config["noise"]
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
    )


def _conventions(own: Conventions, given: Mapping[str, str]) -> Conventions:
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
    if "color" in given:
        if given["color"] not in ("rgb", "y"):
            raise ConfigError(f"color={given['color']}: {nearest(given['color'], ['rgb', 'y'])}")
        wanted["color"] = given["color"]
    if own.noise_clip is None:
        wanted.pop("noise_clip", None)
    return replace(own, **wanted)


def _number(key: str, value: str) -> float:
    try:
        return float(value)
    except ValueError:
        raise ConfigError(f"{key}={value}: expected a PSNR in dB, such as 29.23.") from None


class MeasuredAnew:
    """A run's network on one of its evaluations, by any conventions; an input is restored once."""

    def __init__(self, record: Record, evaluation: str) -> None:
        if record.external:
            raise DataError(f"{record.path}: an external method has outputs and no network to measure again.")
        self.record, self.evaluation = record, evaluation
        self._outputs: dict[tuple[Any, ...], tuple[list[Tensor], list[Tensor]]] = {}

    def psnr(self, by: Conventions) -> float:
        """The PSNR of the set in dB: the mean over the images, or of the pooled squared error."""
        restored, clean = self._restored(by)
        protocol = self._protocol(by)
        pairs = [protocol.measure(one[None], truth[None]) for one, truth in zip(restored, clean, strict=True)]
        if not by.pooled:
            return float(np.mean([float(values["psnr"]) for values in pairs]))
        sizes = [protocol.pair(one[None], one[None].clamp(0, 1))[0].numel() for one in restored]
        pooled = np.average([float(values["mse"]) for values in pairs], weights=sizes)
        return float(-10 * np.log10(pooled))

    def _protocol(self, by: Conventions) -> Protocol:
        chosen = {key: getattr(by, key) for key in ("border", "quantize", "clip_input", "color", "self_ensemble")}
        return Protocol(**chosen)

    def _restored(self, by: Conventions) -> tuple[list[Tensor], list[Tensor]]:
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
