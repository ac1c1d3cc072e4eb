"""Make a packaged network from a finished run: `python -m restorelab.exchange.package RUN NAME`.

It writes NAME.safetensors and NAME.json (the model card); see `restorelab.config.packaged`. The weights are stored
in half precision if no restored test image changes by more than `LOSS` dB by that.
"""

import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from restorelab import file_names
from restorelab.config import build, own_keys, packaged
from restorelab.errors import ConfigError, UserError
from restorelab.judge import bootstrap
from restorelab.models import weights
from restorelab.restoring import inference
from restorelab.runs import run_folder
from restorelab.runs.record import Record
from restorelab.runs.samples import MetricSample

USAGE = """\
python -m restorelab.exchange.package RUN NAME [key=value ...]: a packaged network from a finished run.

  summary=TEXT    one line that says what the network is for
  data=TEXT       what it was trained on
  licence=TEXT    the licence of that data, and of the weights
  command=TEXT    the command that trained it
  measured=RUNS   runs of `restorelab evaluate` with these weights, separated by commas: their numbers go into the
                  card in place of the run's own
  precision=auto  of the stored weights: auto, half or float
  out=FOLDER      where both files go, by default into the package
"""

OWN = ("summary", "data", "licence", "command", "measured", "precision", "out")
REQUIRED = ("summary", "data", "licence", "command")

LOSS = 0.005
"""dB that half precision may change the PSNR of any compared test image: half of the last digit that tables print."""

COMPARED = 12
"""Test images of each evaluation that both precisions are compared on."""


def run(argv: Sequence[str]) -> int:
    """Write both files and print where they are; gives the exit status.

    Raises:
        ConfigError: for a missing or wrong argument.
        DataError: for a run that is not finished.
    """
    if {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    plain = [word for word in argv if "=" not in word]
    options, _ = own_keys.split("package", [word for word in argv if "=" in word], OWN, of_run=False)
    missing = [f"{key}=TEXT" for key in REQUIRED if key not in options]
    if len(plain) != 2 or missing:
        raise ConfigError(f"package {' '.join(plain)}: expected RUN NAME {' '.join(missing)}".rstrip())
    precision = options.get("precision", "auto")
    if precision not in ("auto", "half", "float"):
        raise ConfigError(f"precision={precision}: expected auto, half or float.")
    out = Path(options["out"]).expanduser() if "out" in options else packaged.FOLDER
    texts = {key: value for key, value in options.items() if key in REQUIRED}
    measured = [Path(path).expanduser() for path in options["measured"].split(",")] if "measured" in options else []
    print(package(Path(plain[0]).expanduser(), plain[1], texts, out, measured=measured, precision=precision))
    return 0


def package(
    run: Path,
    name: str,
    texts: Mapping[str, str],
    out: Path,
    *,
    measured: Sequence[Path] = (),
    precision: str = "auto",
) -> str:
    """Write NAME.safetensors and NAME.json into a folder; returns a summary.

    texts: `summary`, `data`, `licence` and `command`. measured: runs that measured these weights, for the card.

    Raises:
        ConfigError, DataError: as `run`.
    """
    from safetensors.torch import save

    file_names.require("package", name)
    record = Record(name, run)
    measurements = [Record(name, path) for path in measured] or [record]
    state = weights.read(record.folder.best)
    net: nn.Module = build.make("model", record.config["model"])
    state = {key: value.contiguous() for key, value in weights.fitted(net, record.folder.best).items()}
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    change = None if precision == "float" else _change(measurements, net, state, half)
    stored_half = precision == "half" or (precision == "auto" and change is not None and change[0] <= LOSS)
    data = save(half if stored_half else state)
    card = card_of(record, net, texts, measurements) | {
        "name": name,
        "precision": _precision(stored_half, change),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    out.mkdir(parents=True, exist_ok=True)
    run_folder.write_bytes(out / f"{name}{packaged.WEIGHTS}", data)
    run_folder.write_json(out / f"{name}{packaged.CARD}", card)
    return f"{out / name}{packaged.WEIGHTS}: {len(data):,} bytes, {card['precision']}"


def card_of(record: Record, net: nn.Module, texts: Mapping[str, str], measurements: Sequence[Record]) -> dict[str, Any]:
    """The model card of a finished run's network, as plain data.

    texts: `summary`, `data`, `licence`, ... measurements: the runs whose numbers it gives.
    """
    return {
        "schema": packaged.SCHEMA,
        "name": record.name,
        **texts,
        "model": record.config["model"],
        "channels": int(record.config["data"]["channels"]),
        "sigma": _sigma_range(net, record.config["noise"]),
        "trained": _training(record),
        "numbers": [row for measurement in measurements for row in _numbers(measurement)],
        "parameters": sum(parameter.numel() for parameter in net.parameters()),
        "versions": record.result.get("versions", {}),
    }


def _sigma_range(net: nn.Module, noise: Mapping[str, Any]) -> list[float] | None:
    """The noise levels that a network which takes them was trained for, in 8-bit units."""
    if not getattr(net, "takes_sigma", False):
        return None
    sigma = noise.get("sigma")
    if sigma is None:
        raise ConfigError("package: the network takes the noise level, but the run's noise has no `sigma`.")
    low, high = sigma if isinstance(sigma, list) else (sigma, sigma)
    return [float(low), float(high)]


def _training(record: Record) -> dict[str, Any]:
    """How the weights were made: data plain enough for JSON."""
    config = record.config
    steps = record.history.get("step")
    kept = {
        key: config.get(key)
        for key in ("blur", "downsample", "noise", "jpeg", "loss", "optimizer", "scheduler", "clip")
    }
    return {
        **{key: value for key, value in kept.items() if value is not None},
        "choices": config.get("choices"),
        "seed": record.seed,
        "steps": int(max(steps)) if steps else None,
        "batch_size": config["data"].get("batch_size"),
        "crop": config["data"].get("crop"),
        "seconds": record.result.get("seconds"),
        "device": record.result.get("device"),
        "git": record.result.get("git"),
    }


def _numbers(record: Record) -> list[dict[str, Any]]:
    """PSNR and SSIM of every evaluation, with 95 % intervals over groups of test images (one seed)."""
    numbers = []
    for entry in record.result["evaluations"]:
        name = entry["degradation"]
        images = record.per_image(name)
        images_of = Path(str(record.config["data"].get("root"))).name if record.config.get("ckpt") else entry.get("set")
        row = {"set": images_of, "evaluation": name, "images": len(images.ids), "spec": entry.get("spec")}
        for metric in ("psnr", "ssim"):
            if metric not in images.columns:
                continue
            values = images.columns[metric]
            row[metric], row[f"input_{metric}"] = float(values.mean()), float(images.columns[f"input_{metric}"].mean())
            if len(set(images.groups)) > 1:
                estimate = bootstrap.estimate([MetricSample(name, values[None], images.groups)], [1.0])
                row[f"{metric}_interval"] = [estimate.low, estimate.high]
        numbers.append(row)
    return numbers


@torch.inference_mode()
def _change(
    records: Sequence[Record], net: nn.Module, single: dict[str, Tensor], half: dict[str, Tensor]
) -> tuple[float, float, int] | None:
    """What half precision of the weights changes on test images: the largest change of a PSNR in dB, the largest of a
    pixel in 8-bit units, and how many images were compared; None if the test images are not there.
    """  # fmt: skip
    protocol = build.make("protocol", records[0].config["protocol"])
    largest, pixel, count = 0.0, 0.0, 0
    try:
        sets = [record.frozen(name) for record in records for name in record.evaluations]
    except UserError as error:
        print(f"package: the precisions were not compared: {error}", file=sys.stderr)
        return None
    for frozen in sets:
        for place in range(min(COMPARED, len(frozen))):
            degraded, clean = protocol.prepare(frozen.image(place)[None]), frozen.clean(place)[None]
            outputs = []
            for state in (single, half):
                net.load_state_dict({key: value.float() if value.is_floating_point() else value
                                     for key, value in state.items()})  # fmt: skip
                with inference.exact():
                    outputs.append(inference.restore(net, degraded, frozen.sigma(place)))
            before, after = (float(protocol.measure(output, clean)["psnr"]) for output in outputs)
            largest = max(largest, abs(before - after))
            pixel = max(pixel, 255 * float((outputs[0] - outputs[1]).abs().max()))
            count += 1
    return largest, pixel, count


def _precision(stored_half: bool, change: tuple[float, float, int] | None) -> str:
    words = "float16" if stored_half else "float32"
    if change is None:
        return words
    return (
        f"{words}; float16 changes the PSNR of {change[2]} test images by at most {change[0]:.4f} dB "
        f"and a pixel by at most {change[1]:.3f} of 255"
    )


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
