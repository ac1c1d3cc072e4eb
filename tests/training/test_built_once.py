"""A run's config is checked once, and its parts are built once."""

from pathlib import Path

import pytest
import torch

import runs
from restorelab.cli import main
from restorelab.config import build, schema
from restorelab.models.dncnn import DnCNN
from restorelab.training import checks

BUILT: list[str] = []


class Counted(DnCNN):
    """Notes on which device each of its instances is built."""

    def __init__(self, channels: int, depth: int, features: int, batch_norm: bool, residual: bool) -> None:
        super().__init__(channels, depth, features, batch_norm=batch_norm, residual=residual)
        BUILT.append(torch.empty(0).device.type)


def test_train_builds_a_network_for_its_shapes_and_one_to_train(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[str] = []
    for module, name in ((schema, "check_names"), (schema, "check_values"), (build, "parts"), (checks, "check_fit")):
        check = getattr(module, name)
        monkeypatch.setattr(module, name, lambda config, check=check, name=name: (calls.append(name), check(config))[1])
    BUILT.clear()
    target = f"model._target_={__name__}.Counted"
    assert main.main(["train", *runs.TINY, "data.limit=40", "max_steps=2", f"run_dir={tmp_path}", target]) == 0
    assert BUILT == ["meta", "cpu"]
    assert calls == ["check_names", "parts", "check_values", "check_fit"]
