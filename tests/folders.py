"""Folders of runs that never ran, with configs as train.py leaves them, for the tests of the comparison."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

import synthetic

GAUSSIAN = "restorelab.degradations.noise.Gaussian"
IMPULSE = "restorelab.degradations.noise.Impulse"
NOISES: dict[str, dict[str, Any]] = {
    "gaussian": {"_target_": GAUSSIAN, "sigma": [25, 75], "clip": True, "fixed": False},
    "impulse": {"_target_": IMPULSE, "amount": [0.15, 0.45], "salt": 0.5, "clip": True, "fixed": False},
}
EVALUATIONS: dict[str, dict[str, Any]] = {
    "gaussian_10": {"noise": {"_target_": GAUSSIAN, "sigma": 10, "clip": True}},
    "gaussian_50": {"noise": {"_target_": GAUSSIAN, "sigma": 50, "clip": True}},
    "gaussian_90": {"noise": {"_target_": GAUSSIAN, "sigma": 90, "clip": True}},
    "impulse_30": {"noise": {"_target_": IMPULSE, "amount": 0.3, "salt": 0.5, "clip": True}},
}


def config(model: str = "ae", noise: str = "gaussian", seed: int = 0, **changed: Any) -> dict[str, Any]:
    """A resolved config. changed: by dotted key with double underscores, `optimizer__lr=0.1`."""
    found: dict[str, Any] = {
        "name": f"{model}-photos-{noise}", "run_dir": "x", "runs_dir": "runs", "data_dir": "data", "seed": seed,
        "split_seed": 0, "eval_seed": 0, "threads": 1, "ckpt": None, "transfer": None, "debug": False,
        "choices": {"model": model, "data": "photos", "noise": noise, "loss": "mse", "logger": "csv"},
        "model": {"_target_": f"restorelab.models.{model}.X", "width": 8},
        "data": {"_target_": "restorelab.data.dataset.Dataset", "batch_size": 16, "root": "/somewhere"},
        "blur": {"_target_": "restorelab.degradations.blur.NoBlur"},
        "downsample": {"_target_": "restorelab.degradations.downsample.NoDownsample"},
        "noise": NOISES.get(noise, NOISES["gaussian"]), "evaluation": {},
        "loss": {"_target_": "restorelab.losses.mse.MSE", "reduction": "mean"},
        "objective": {"_target_": "restorelab.objectives.supervised.Supervised"},
        "optimizer": {"_target_": "torch.optim.Adam", "lr": 0.001}, "logger": {"_target_": "x"},
        "protocol": {"_target_": "restorelab.metrics.protocol.Protocol"},
    }  # fmt: skip
    for key, value in changed.items():
        node = found
        *path, last = key.split("__")
        for part in path:
            node = node[part]
        node[last] = value
    return found


def write(
    folder: Path,
    settings: Mapping[str, Any],
    means: Mapping[str, float],
    *,
    place: str | None = None,
    count: int = synthetic.GROUPS * synthetic.EACH,
    history: Mapping[str, Sequence[float]] | None = None,
    **options: Any,
) -> Path:
    """A run of a config with a mean PSNR by evaluation; see `synthetic.write` for the rest."""
    seed = int(settings["seed"])
    columns = {}
    for number, (evaluation, mean) in enumerate(means.items()):
        values = synthetic.psnr(mean, 100 * number + seed, count=count)
        columns[evaluation] = {"psnr": values, "mse": 10 ** (-values / 10), "ssim": np.clip(values / 50, 0, 1)}
    name = place or f"run{len(list(folder.glob('*'))) if folder.exists() else 0}"
    options.setdefault("model", settings["choices"].get("model", "x") if "choices" in settings else "x")
    if "of" not in options:
        options["of"] = synthetic.groups(count // synthetic.EACH)
    record = synthetic.write(folder, name, seed, columns, history=history, **options)
    own = {name: EVALUATIONS[name] for name in means if name in EVALUATIONS}
    (record.path / "config.yaml").write_text(yaml.safe_dump({**settings, "evaluation": own or {"own": {}}}))
    return record.path


def curve(last: float, steps: int = 5) -> dict[str, list[float]]:
    """metrics.csv of a run whose best val/psnr is its last one."""
    return {
        "step": [10.0 * (i + 1) for i in range(steps)], "epoch": [float(i) for i in range(steps)],
        "train/loss": [1 / (i + 1) for i in range(steps)],
        "val/psnr": [last - (steps - 1 - i) for i in range(steps)],
    }  # fmt: skip


def fail(folder: Path, place: str, settings: Mapping[str, Any], message: str = "the loss is not finite") -> Path:
    """A run that failed."""
    path = folder / place
    path.mkdir(parents=True)
    (path / "config.yaml").write_text(yaml.safe_dump(dict(settings)))
    (path / "failure.json").write_text(json.dumps({"status": "failed", "error": "UserError", "message": message}))
    return path
