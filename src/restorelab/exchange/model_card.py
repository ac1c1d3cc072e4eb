"""The model card of a network: how it was trained and what it reaches, as plain data and as Markdown."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from torch import nn

from restorelab.config import packaged
from restorelab.data.set_names import degradation_of
from restorelab.degradations.strength import stretches
from restorelab.judge import bootstrap
from restorelab.metrics import cost
from restorelab.noise_level import takes_sigma
from restorelab.runs import loading
from restorelab.runs.record import Record
from restorelab.runs.run_folder import RunFolder
from restorelab.runs.samples import MetricSample

RECIPE = ("blur", "downsample", "noise", "jpeg", "loss", "optimizer", "scheduler", "clip")
"""Keys of a run's config that the card repeats."""


def card_of(record: Record, net: nn.Module, texts: Mapping[str, str], measurements: Sequence[Record]) -> dict[str, Any]:
    """Return the model card of a finished run's network, as plain data.

    texts: `summary`, `data`, `licence`, ... measurements: the runs whose numbers it gives.
    """
    training = _training_of(record)
    levels = stretches(training.config["noise"].get("sigma")) if training and takes_sigma(net) else []
    return {
        "schema": packaged.SCHEMA,
        "name": record.name,
        **texts,
        "model": record.config["model"],
        "channels": int(record.config["data"]["channels"]),
        "sigma": [levels[0][0], levels[-1][1]] if levels else None,
        "trained": _training(training) if training else {},
        "numbers": [row for measurement in measurements for row in _numbers(measurement)],
        "parameters": cost.parameters(net),
        "versions": record.result.get("versions", {}),
    }


def _training_of(record: Record) -> Record | None:
    """Return the run that trained the weights of a run: itself, or of an evaluation theirs; None if it is not known."""
    trained = record.config.get("train", True) or not record.config.get("ckpt")
    return record if trained else _before(record)


def _before(record: Record) -> Record | None:
    """Return the finished run whose weights a run began with; None for none, and for weights of no run."""
    ckpt = record.config.get("ckpt")
    folder = ckpt and (Path(ckpt) if Path(ckpt).is_dir() else loading.run_of(Path(ckpt)))
    return Record(record.name, folder) if folder and RunFolder(folder).done else None


def _training(record: Record) -> dict[str, Any]:
    """Return how the weights were made: data plain enough for JSON. `before` is the training that it went on from."""
    config, before = record.config, _before(record)
    steps = record.history.get("step")
    return {
        **{key: config[key] for key in RECIPE if config.get(key) is not None},
        "choices": config.get("choices"),
        "seed": record.seed,
        "steps": int(max(steps)) if steps else None,
        "batch_size": config["data"].get("batch_size"),
        "crop": config["data"].get("crop"),
        **{key: record.result.get(key) for key in ("seconds", "device", "git")},
        **({"before": _training(before)} if before else {}),
    }


def _numbers(record: Record) -> list[dict[str, Any]]:
    """Return PSNR and SSIM of every evaluation, with 95 % intervals over groups of test images (one seed).

    The set is a test set's name; of an evaluation of other images than those of the training, the folder's.
    """
    numbers = []
    root = record.config["data"].get("root") if record.config.get("ckpt") else None
    for entry in record.result["evaluations"]:
        name = entry["degradation"]
        images = record.per_image(name)
        own = Path(root).name if root and entry["set"] == "test" else entry["set"]
        row = {"set": own, "evaluation": degradation_of(name), "images": len(images.ids), "spec": entry["spec"]}
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


def markdown(card: Mapping[str, Any]) -> str:
    """Return the text of a card. card: see `card_of`."""
    sigma = card.get("sigma")
    level = f" It takes the noise level, {sigma[0]:g} to {sigma[1]:g} in 8-bit units." if sigma else ""
    bands = "gray" if card["channels"] == 1 else "RGB"
    numbers = [
        "| set | evaluation | images | PSNR, dB | SSIM | input PSNR, dB |",
        "| --- | --- | --- | --- | --- | --- |",
        *(_row(row) for row in card.get("numbers") or []),
        "",
        "Means over the images, each measured by itself; in parentheses the 95 % bootstrap interval over groups of "
        "images.",
    ]
    trained = [f"- {key}: {_plain(value)}" for key, value in (card.get("trained") or {}).items() if value is not None]
    lines = [
        f"# {card['name']}",
        "",
        *([card["summary"], ""] if card.get("summary") else []),
        f"{card['parameters']:,} parameters; {bands} images, values in [0, 1].{level}",
        "",
        "## Numbers",
        "",
        *(numbers if card.get("numbers") else ["These weights were not measured."]),
        "",
        "## Training",
        "",
        *(trained or ["How the weights were trained is not known."]),
        "",
        "## Network",
        "",
        *(f"- {key}: {_plain(value)}" for key, value in card["model"].items()),
        "",
        f"Licence: {card.get('licence', 'not stated')}",
    ]
    return "\n".join(lines) + "\n"


def _row(row: Mapping[str, Any]) -> str:
    """Return a line of the table, with an empty cell for each number that is not known."""
    psnr, ssim, of_input = _number(row.get("psnr"), ".2f"), _number(row.get("ssim"), ".4f"), row.get("input_psnr")
    match row.get("psnr_interval"):
        case [float() as low, float() as high]:
            psnr += f" ({low:.2f} to {high:.2f})"
    cells = str(row.get("set") or ""), row["evaluation"], _number(row.get("images"), ","), psnr, ssim
    return f"| {' | '.join(cells)} | {_number(of_input, '.2f')} |"


def _number(value: Any, form: str) -> str:
    return f"{value:{form}}" if isinstance(value, int | float) else ""


def _plain(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {_plain(below)}" for key, below in value.items())
    return f"{value:,}" if isinstance(value, int) and not isinstance(value, bool) else str(value)
