"""How the weights that a run measured were trained, in words for its page."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from restorelab.config import packaged, trainer_arguments
from restorelab.config.from_checkpoint import run_of
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder


def trained(config: Mapping[str, Any], result: Mapping[str, Any], folder: RunFolder) -> str:
    """How the run trained; of one that evaluates a checkpoint, which run trained that, on what."""
    if steps := _steps(folder):
        rate = result["images_per_second"]
        speed = f"{rate:,.0f} images/s" if rate else "too few batches to measure the rate"
        return f"{_length(steps, config)}; {speed}"
    if result["parameters"] == 0:
        tuned = any(entry.get("tuned") for entry in result["evaluations"])
        return "nothing to learn" + ("; its settings were chosen on validation images" if tuned else "")
    if not config["ckpt"]:
        return "none: the network has its initial weights"
    return f"none here: {config['ckpt']} is evaluated, {_origin(Path(config['ckpt']).expanduser())}"


def _origin(ckpt: Path) -> str:
    """Which run a checkpoint is from and what that was trained on. ckpt: a run's folder, or a file in one."""
    if packaged.has_card(ckpt):
        card = packaged.read(ckpt).card
        return f"of which the model card says that it was trained on {card.get('data', 'data that it does not name')}"
    folder = RunFolder(ckpt if ckpt.is_dir() else ckpt.parent.parent)
    config = run_of(str(ckpt))
    if config is None:
        return "which lies in no run folder: what trained it is not known"
    choices = config.get("choices") or {}
    chosen = ", ".join(f"{group} {choices[group]}" for group in ("data", "blur", "downsample", "noise", "jpeg")
                       if choices.get(group, "none") != "none")  # fmt: skip
    steps = _steps(folder)
    length = f" in {_length(steps, config)}" if steps else ""
    return f"which run {config['name']} (seed {config['seed']}) trained on {chosen}{length}"


def _steps(folder: RunFolder) -> int:
    """Return the number of optimizer steps in metrics.csv."""
    steps = history.read(folder.metrics).get("step") if folder.metrics.is_file() else None
    return int(max(steps)) if steps else 0


def _length(steps: int, config: Mapping[str, Any]) -> str:
    images = config["data"]["batch_size"] * config["accumulate"] * trainer_arguments.device_count(config["trainer"])
    return f"{steps:,} optimizer steps of {images} images"
