"""The main job, through the command that the README gives first: a tar of faces, its table, impulse noise."""

import csv
import io
import json
import os
import subprocess
import sys
import tarfile
from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.io import savemat

from data.test_source_imdb_wiki import NAN, cells

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def faces(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """`wiki_crop.tar` as the original lays it out: 36 real faces of 12 persons, and wiki.mat inside."""
    folder = tmp_path_factory.mktemp("imdb_wiki")
    files = sorted((shared / "data" / "faces").glob("*.jpg"))[:36]
    paths = [f"{i % 7:02}/{i}_{file.stem}.jpg" for i, file in enumerate(files)]
    record = {
        "full_path": cells(paths),
        "name": cells([f"Person {i // 3}" for i in range(len(files))]),
        "face_score": np.full((1, len(files)), 3.0),
        "second_face_score": np.full((1, len(files)), NAN),
    }
    table = io.BytesIO()
    savemat(table, {"wiki": record})
    with tarfile.open(folder / "wiki_crop.tar", "w") as archive:
        for name, data in [
            ("wiki.mat", table.getvalue()),
            *((p, f.read_bytes()) for p, f in zip(paths, files, strict=True)),
        ]:
            entry = tarfile.TarInfo(f"wiki_crop/{name}")
            entry.size = len(data)
            archive.addfile(entry, io.BytesIO(data))
    return folder


def train(folder: Path, *overrides: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, str(ROOT / "train.py"), *overrides]
    environment = os.environ | {"WANDB_MODE": "offline"}
    return subprocess.run(command, capture_output=True, text=True, cwd=folder, env=environment, check=False)


def test_main_job(faces: Path, tmp_path: Path) -> None:
    done = train(
        tmp_path, "model=dual_ae_skip", "data=imdb_wiki", "noise=impulse", f"data.root={faces}", "data.batch_size=8",
        "max_steps=3", "threads=1", "run_dir=run",
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    run = tmp_path / "run"
    result = json.loads((run / "result.json").read_text())
    assert result["parameters"] == 91_488
    assert [entry["degradation"] for entry in result["evaluations"]] == ["impulse_30"]
    # 30 % of the pixels black or white costs faces 10.4 dB, give or take what twelve of them differ.
    assert result["metrics"]["input/psnr"] == pytest.approx(10.4, abs=0.6)
    with (run / "per_image.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert {row["group"] for row in rows}.isdisjoint({"", "Person"})
    assert all(len([r for r in rows if r["group"] == row["group"]]) == 3 for row in rows)  # persons stay whole
    assert Image.open(run / "images" / "impulse_30.png").size[0] > 400
    assert list((run / "wandb").glob("offline-run-*/*.wandb"))
    for word in ("impulse_30", "report.html", "wandb sync"):
        assert word in done.stdout
    assert torch.load(run / "checkpoints" / "best.ckpt", weights_only=True)["restorelab"]["step"] == 3


@pytest.mark.slow
def test_runs_of_a_multirun_are_those_of_single_runs(tmp_path: Path) -> None:
    common = ("model=median", "data.limit=60", "logger=csv", "threads=1")
    several = train(tmp_path, "-m", "model.kernel=3,5", "noise=gaussian,impulse", *common, "runs_dir=many")
    assert several.returncode == 0, several.stderr
    assert "4 of 4 runs succeeded" in several.stdout
    found = {file.read_text() for file in (tmp_path / "many").rglob("per_image.csv")}
    assert len(found) == 4
    one = train(tmp_path, "model.kernel=5", "noise=impulse", *common, "run_dir=one")
    assert one.returncode == 0
    assert (tmp_path / "one" / "per_image.csv").read_text() in found
