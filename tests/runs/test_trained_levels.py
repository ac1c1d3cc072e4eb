"""The noise levels that the network of a run was trained for, which decide what `restore` leaves as it is."""

from pathlib import Path

import pytest
import torch
import yaml

import runs
from restorelab.config import build
from restorelab.runs.for_restoring import network


@pytest.mark.parametrize(
    ("overrides", "expected"),
    [
        (["noise.sigma=25"], (25, 25)),
        (["noise.sigma=[5,50]"], (5, 50)),
        (["noise.sigma=[50,15,25]"], (15, 50)),
        (["noise.sigma=[levels,15,50]"], (15, 50)),
        (["noise.sigma=25", "downsample=avg_pool"], None),
        (["noise=impulse"], None),
    ],
)
def test_levels_of_a_run(overrides: list[str], expected: tuple[float, float] | None, tmp_path: Path) -> None:
    config = runs.composed([*runs.TINY, *overrides])
    (tmp_path / "config.yaml").write_text(yaml.safe_dump(config))
    (tmp_path / "checkpoints").mkdir()
    torch.save(build.make("model", config["model"]).state_dict(), tmp_path / "checkpoints" / "best.ckpt")
    assert network(tmp_path / "checkpoints" / "best.ckpt", "cpu").sigma == expected
