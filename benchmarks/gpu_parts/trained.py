"""Trained networks in the results: one archive, whole after each run that is added."""

import shutil
import zipfile
from pathlib import Path

KEPT = ("config.yaml", "result.json", "metrics.csv", "per_image.csv", "checkpoints/best.ckpt")


def keep(run: str, name: str, out: Path) -> None:
    """Add what matters of a run's folder to trained.zip."""
    archive, half = out / "trained.zip", out / ".trained.zip"
    if archive.is_file():
        shutil.copy(archive, half)
    with zipfile.ZipFile(half, "a", zipfile.ZIP_DEFLATED) as packed:
        for file in (Path(run, kept) for kept in KEPT):
            if file.is_file():
                packed.write(file, f"{name.replace(', ', '-').replace(' ', '_')}/{file.relative_to(run)}")
    half.replace(archive)
