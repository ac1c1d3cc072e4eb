"""Which images lie on the device: those that fit beside the training."""

from collections.abc import Mapping
from pathlib import Path

import pytest
import torch

from data.test_loader import module
from restorelab.data import memory
from restorelab.data.residency import Room
from restorelab.degradations.noise import Gaussian

MIB = 1 << 20
NEEDS = {"weights": 100 * MIB, "gradients": 100 * MIB, "optimizer": 200 * MIB, "activations": 3000 * MIB}


@pytest.mark.parametrize(("residency", "free", "needs", "size", "resident", "said"), [
    ("auto", 8000, NEEDS, 3800, True, "training takes 3,400 MiB (weights 100 MiB, gradients 100 MiB, "
     "optimizer 200 MiB, activations 3,000 MiB) and 10% stay free: 3,800 MiB left"),
    ("auto", 8000, NEEDS, 3801, False, "3,801 MiB of images; of 8,000 MiB free on cuda training takes 3,400 MiB"),
    ("auto", 3000, NEEDS, 1, False, "0 MiB left"),
    ("auto", 8000, {}, 7200, True, "training takes 0 MiB"),
    ("auto", 8000, None, 4000, True, "images may take 50%: 4,000 MiB left"),
    ("auto", 8000, None, 4001, False, "images may take 50%"),
    ("device", 1, NEEDS, 4000, True, "data.residency=device; 4,000 MiB of images"),
    ("stream", 8000, NEEDS, 1, False, "data.residency=stream"),
])  # fmt: skip
def test_images_lie_on_the_device_where_they_fit(
    residency: str, free: int, needs: Mapping[str, int] | None, size: int, resident: bool, said: str
) -> None:
    room = Room(free * MIB, "cuda", lambda: needs)
    chosen, reason = room.take(residency, size * MIB, "images")
    assert chosen == resident
    assert said in reason


def test_images_that_were_let_in_take_room() -> None:
    room = Room(8000 * MIB, "cuda", lambda: NEEDS)
    assert room.take("auto", 3000 * MIB, "training images")[0]
    fits, reason = room.take("auto", 801 * MIB, "validation images")
    assert not fits
    assert "other images 3,000 MiB: 800 MiB left" in reason
    assert room.take("auto", 800 * MIB, "validation images")[0]


def test_a_run_streams_what_does_not_fit(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """24 images of 20x20, 9,600 bytes, and as many of float32 noise where it is drawn once."""
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path))
    for fixed, size in ((False, 9600), (True, 9600 + 4 * 20 * 400)):  # 20 of them are for training
        for short in (0, 1):
            data = module(Gaussian(25, clip=True, fixed=fixed))
            data._needs = lambda: {"weights": 500}
            monkeypatch.setattr(memory, "available", lambda size=size - short: -(-(size + 500) * 10 // 9))
            assert data.train_dataloader().prefetch == bool(short)
    assert data.device == torch.device("cpu")
