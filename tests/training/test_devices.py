"""Two devices by gloo: they train together, stop together, and one of them evaluates."""

import json
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import runs
from restorelab.data.datamodule import FrozenLoader
from restorelab.data.frozen import FrozenSet
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder


@pytest.mark.slow
def test_two_devices_train_as_one(tmp_path: Path) -> None:
    overrides = ("noise=none", "blur=gaussian", "blur.sigma=1.0", "data.augment=none", "model.batch_norm=false",
                 "optimizer=sgd", "max_steps=5", "data.val=1")  # fmt: skip
    two = runs.run(tmp_path / "two", "trainer.devices=2", "data.batch_size=4", *overrides)
    assert two.status == "done", two.message
    one = runs.run(tmp_path / "one", "data.batch_size=8", *overrides)
    assert one.status == "done", one.message
    results = [json.loads((tmp_path / n / "result.json").read_text()) for n in ("one", "two")]
    assert results[0]["evaluations"][0]["bits"] == results[1]["evaluations"][0]["bits"]
    weights = [torch.load(RunFolder(tmp_path / n).last, weights_only=True) for n in ("one", "two")]
    assert weights[0]["global_step"] == weights[1]["global_step"]
    # One validation image leaves the second device without any; the means are those of one device all the same.
    curves = [history.read(RunFolder(tmp_path / n).metrics) for n in ("one", "two")]
    assert curves[0]["val/psnr"] == pytest.approx(curves[1]["val/psnr"], abs=1e-3, nan_ok=True)
    # Without noise two halves of a batch are the whole: the mean of their gradients is its gradient, but for rounding.
    for name, value in weights[0]["state_dict"].items():
        torch.testing.assert_close(weights[1]["state_dict"][name], value, rtol=1e-4, atol=1e-6)


class Shapes:
    """Stands for a frozen set of images of some shapes."""

    places = FrozenSet.places

    def __init__(self, shapes: list[tuple[int, int]]) -> None:
        self.table = SimpleNamespace(shapes=np.array(shapes, dtype=int).reshape(-1, 2))
        self.rows = np.arange(len(shapes))

    def _check_sizes(self) -> None: ...

    def __len__(self) -> int:
        return len(self.rows)

    def batches(self, *chosen: Any, **more: Any) -> Iterator[list[int]]:
        return (places.tolist() for places in self.places(*chosen, **more))


@pytest.mark.parametrize("world", [1, 2, 3, 8])
@pytest.mark.parametrize(
    "shapes", [[(8, 8)], [(8, 8)] * 7, [(8, 8 + i) for i in range(5)], [(8, 8)] * 5 + [(9, 9)] * 2]
)
def test_ranks_measure_every_image_once_in_equally_many_batches(shapes: list[tuple[int, int]], world: int) -> None:
    """Mixed sizes, and fewer images than ranks."""
    sets = [Shapes([]), Shapes(shapes), Shapes(shapes[:1])]
    loaders = [FrozenLoader(sets, 2, rank, world) for rank in range(world)]
    given = [list(loader) for loader in loaders]
    assert {len(batches) for batches in given} == {len(loader) for loader in loaders}
    assert len({len(loader) for loader in loaders}) == 1
    for number, frozen in enumerate(sets):
        seen = [place for batches in given for of, places in batches for place in places if of == number]
        assert sorted(seen) == list(range(len(frozen)))


@pytest.mark.slow
@pytest.mark.parametrize("crop", ["32", "null"])
def test_two_devices_with_images_of_mixed_sizes(crop: str, tmp_path: Path) -> None:
    """The same means as one device gives, for weights that do not change; EMA and validation within an epoch too."""
    generator = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for i in range(10):
        image = generator.integers(0, 255, (40 + i, 50 + 2 * i), dtype=np.uint8)
        Image.fromarray(image).save(tmp_path / "data" / f"{i:02}.png")
    same = ("data=folder", f"data.root={tmp_path / 'data'}", f"data.crop={crop}", "data.limit=null", "data.val=3",
            "data.test=2", "data.augment=flip", "data.batch_size=2", "model.batch_norm=false", "optimizer.lr=1e-30",
            "callbacks=ema", "trainer.max_epochs=2", "trainer.validate_steps=1")  # fmt: skip
    for name, devices in (("one", 1), ("two", 2)):
        outcome = runs.run(tmp_path / name, *same, f"trainer.devices={devices}")
        assert outcome.status == "done", outcome.message
    one, two = (
        [v for v in history.read(RunFolder(tmp_path / n).metrics)["val/psnr"] if not np.isnan(v)]
        for n in ("one", "two")
    )
    assert two == pytest.approx([one[0]] * len(two), abs=1e-5)


@pytest.mark.slow
def test_a_rank_that_dies_ends_the_run(tmp_path: Path) -> None:
    fail = "+callbacks.fail={_target_: runs.FailAt, batch: 3, how: raise}"
    outcome = runs.run(tmp_path / "run", "trainer.devices=2", "data.batch_size=4", fail)
    assert outcome.status == "failed"
    assert outcome.exit_status == 1
    assert json.loads(RunFolder(tmp_path / "run").failure.read_text())["status"] == "failed"


@pytest.mark.slow
def test_two_devices_stop_together_and_go_on(tmp_path: Path) -> None:
    overrides = ("trainer.devices=2", "data.batch_size=4", "trainer.checkpoint_every=null")
    assert runs.run(tmp_path / "whole", *overrides).status == "done"
    terminate = "+callbacks.fail={_target_: runs.FailAt, batch: 9, how: '15'}"
    stopped = runs.run(tmp_path / "cut", *overrides, terminate)
    assert (stopped.status, stopped.exit_status) == ("interrupted", 143)
    assert "resume=true" in stopped.message
    assert torch.load(RunFolder(tmp_path / "cut").last, weights_only=True)["global_step"] == 10  # the next poll
    assert runs.run(tmp_path / "cut", *overrides, "resume=true").status == "done"
    for file in ("metrics.csv", "per_image.csv"):
        assert (tmp_path / "whole" / file).read_text() == (tmp_path / "cut" / file).read_text()
