"""Folders of runs that never ran, with numbers of known differences, for the tests of what compares runs."""

import csv
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import yaml

from restorelab.runs.record import Record, Runs

GROUPS = 40
EACH = 3
"""Images of a group."""


def groups(count: int = GROUPS, each: int = EACH) -> list[str]:
    return [f"g{i}" for i in range(count) for _ in range(each)]


def write(
    folder: Path,
    name: str,
    seed: int,
    columns: Mapping[str, Mapping[str, Sequence[float]]],
    *,
    of: Sequence[str] | None = None,
    history: Mapping[str, Sequence[float]] | None = None,
    spec: str = "s",
    bits: str = "b",
    loss: str = "restorelab.losses.mse.MSE",
    entry: Mapping[str, Any] | None = None,
    metrics: Mapping[str, float] | None = None,
    ids: Sequence[str] | None = None,
    **result: Any,
) -> Record:
    """A run's folder. `columns`: by evaluation and metric, a value an image; `of`: groups; `history`: the curve."""
    path = folder / f"{name}-{seed}"
    path.mkdir(parents=True)
    of = of or groups()
    ids = ids or [f"i{n}" for n in range(len(of))]
    config = {
        "seed": seed, "ckpt": None, "loss": {"_target_": loss, "reduction": "mean"},
        "objective": {"_target_": "restorelab.objectives.supervised.Supervised"},
    }  # fmt: skip
    (path / "config.yaml").write_text(yaml.safe_dump(config))
    evaluations, rows = [], []
    for evaluation, values in columns.items():
        table = {"psnr": np.full(len(of), 25.0), **values}
        table.setdefault("input_psnr", np.full(len(of), 15.0))
        means = {
            ("input/" + n[6:] if n.startswith("input_") else "test/" + n): float(np.mean(v)) for n, v in table.items()
        }
        evaluations.append({
            "set": "test", "degradation": evaluation, "spec": f"{spec}-{evaluation}", "bits": bits, "images": len(of),
            "protocol": {"border": 0}, "seconds": 3.0, "dead_pixels": 0, "tuned": None,
            "metrics": means | dict(metrics or {}), **(entry or {}),
        })  # fmt: skip
        for i, image in enumerate(ids):
            rows.append({"id": image, "group": of[i], "evaluation": evaluation, **{n: v[i] for n, v in table.items()}})
    with (path / "per_image.csv").open("w", newline="") as stream:
        writer = csv.DictWriter(stream, fieldnames=list(rows[0]))
        writer.writeheader()
        writer.writerows(rows)
    if history:
        with (path / "metrics.csv").open("w", newline="") as stream:
            writer = csv.writer(stream)
            writer.writerow(history)
            writer.writerows(zip(*(["" if np.isnan(v) else v for v in c] for c in history.values()), strict=True))
    content = {"parameters": 1000, "macs": 5000, "seconds": 60.0, "images_per_second": 100.0, "model": name}
    (path / "result.json").write_text(json.dumps({**content, "evaluations": evaluations, **result}))
    return Record(name, path)


def psnr(mean: float, seed: int, *, images: float = 0.3, seeds: float = 0.0, count: int = GROUPS * EACH) -> np.ndarray:
    """PSNR by image: the images' own levels, the same for every run, the run's mean, and its noise."""
    own = np.random.default_rng(99).normal(0, 3, count)
    noise = np.random.default_rng(int(mean * 1000) * 10 + seed)
    return mean + own + noise.normal(0, images, count) + noise.normal(0, seeds or 1e-9)


def study(folder: Path, means: Mapping[str, float], seeds: int = 3, evaluation: str = "noise", **options: Any) -> Runs:
    """Runs that differ in mean PSNR (and in the MSE that goes with it), measured under one evaluation."""
    found = []
    for name, mean in means.items():
        for seed in range(seeds):
            values = psnr(mean, seed)
            columns = {evaluation: {"psnr": values, "mse": 10 ** (-values / 10)}}
            found.append(write(folder, name, seed, columns, **options))
    return Runs(found)
