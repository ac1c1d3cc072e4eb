"""Runs with given means, for the tests of a study's tables."""

from pathlib import Path
from typing import Any

import numpy as np
import yaml

from restorelab.report.page import environment
from restorelab.report.table import Table
from restorelab.runs.record import Record
from synthetic import groups, write

IMAGES = 10


def record(folder: Path, name: str, seed: int, psnr: dict[str, float], **result: Any) -> Record:
    """A run whose images all measure `psnr` (by evaluation), with an input of 15 dB and the MSEs that go with it."""
    columns = {
        evaluation: {
            "psnr": np.full(IMAGES, value),
            "ssim": np.full(IMAGES, value / 100),
            "mse": np.full(IMAGES, 10 ** (-value / 10)),
            "input_mse": np.full(IMAGES, 10**-1.5),
        }
        for evaluation, value in psnr.items()
    }
    made = write(folder, name, seed, columns, of=groups(IMAGES, 1), **result)
    settings = made.config | {"choices": {"data": "photos"}, "data": {"batch_size": 8}}
    (made.path / "config.yaml").write_text(yaml.safe_dump(settings))
    return Record(name, made.path)


def html(table: Table) -> str:
    module = environment().get_template("table.html").module
    return str(module.data_table(table, {}, "t", True, False))
