"""What a run is called by: everything scientific counts, the content of what it reads too, nothing else does."""

import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from restorelab.runs.inputs import Inputs
from restorelab.runs.run_identity import identity
from restorelab.sweep.composer import Composer

COMPOSER = Composer(threads=1)


def of(*overrides: str) -> str:
    return identity(COMPOSER.compose(overrides))


def images(folder: Path, *seeds: int) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(seeds):
        pixels = np.random.default_rng(seed).integers(0, 256, (16, 16), np.uint8)
        Image.fromarray(pixels).save(folder / f"{number}.bmp")
    return folder


def of_images(folder: Path) -> str:
    return of("data=folder", f"data.root={folder}")


def test_the_hash_is_of_what_is_scientific_and_of_the_content(tmp_path: Path) -> None:
    """json.dumps with sorted keys, by sha256, cut to eight digits; of weights the first 16 digits of their sha256."""
    (tmp_path / "w.pth").write_bytes(b"weights")
    settings: dict[str, Any] = {
        "name": "x", "run_dir": "a", "model": {"_target_": "m"}, "data": {"root": "/x", "size": 3}, "loss": {},
        "ckpt": str(tmp_path / "w.pth"), "transfer": None, "callbacks": {"panels": {}, "ema": {"decay": 0.9}},
        "seed": 1, "trainer": {"bar": True, "max_epochs": 2}, "logger": {"project": "p"}, "threads": 4,
    }  # fmt: skip
    # echo -n '{"callbacks": {"ema": {"decay": 0.9}}, "ckpt": "9a129038d9a00aed", "data": {"size": 3}, "loss": {},
    # "model": {"_target_": "m"}, "seed": 1, "trainer": {"max_epochs": 2}, "transfer": null}' | sha256sum
    assert identity(settings) == "d4308236"


@pytest.mark.parametrize(
    "override",
    ["name=x", "run_dir=x", "runs_dir=x", "data_dir=x", "threads=3", "logger=csv",
     "logger.wandb.project=x", "~callbacks.panels", "data.root=/x", "data.residency=stream", "data.eval_batch_size=3",
     "trainer.bar=false", "trainer.log_every=3", "trainer.checkpoint_every=null", "trainer.accelerator=cpu",
     "resume=true"],
)  # fmt: skip
def test_what_changes_no_result_changes_no_identity(override: str) -> None:
    assert of(override) == of()


@pytest.mark.parametrize(
    "override",
    ["seed=1", "split_seed=1", "eval_seed=1", "model=ae", "noise=impulse", "evaluation=own", "optimizer.lr=1e-4",
     "data.size=32", "data.batch_size=8", "trainer.max_epochs=3", "trainer.precision=bf16-mixed", "max_steps=3",
     "max_time=00:10:00", "accumulate=2", "clip=1.0", "ckpt=a/b", "transfer=a", "callbacks=ema",
     "debug=true", "train=false"],
)  # fmt: skip
def test_what_is_scientific_changes_it(override: str) -> None:
    assert of(override) != of()


@pytest.mark.parametrize("key", ["ckpt", "transfer", "loss.ckpt", "loss.losses.seen.ckpt"])
def test_weights_count_by_their_content_wherever_they_lie(tmp_path: Path, key: str) -> None:
    places = [tmp_path / name / "net_latest.pth" for name in ("a", "b", "c")]
    for place, content in zip(places, (b"one", b"two", b"one"), strict=True):
        place.parent.mkdir()
        place.write_bytes(content)
    first, second, third = (identity(_with(key, str(place))) for place in places)
    assert first == third != second


def _with(key: str, value: str) -> dict[str, Any]:
    settings: dict[str, Any] = {"data": {}}
    *path, last = key.split(".")
    node = settings
    for part in path:
        node = node.setdefault(part, {})
    node[last] = value
    return settings


def test_a_run_counts_by_its_best_weights_until_they_change(tmp_path: Path) -> None:
    kept = tmp_path / "run" / "checkpoints"
    kept.mkdir(parents=True)
    (kept / "best.ckpt").write_bytes(b"best")
    (kept / "last.ckpt").write_bytes(b"last")
    run, best, last = (of(f"ckpt={place}") for place in (tmp_path / "run", kept / "best.ckpt", kept / "last.ckpt"))
    assert run == best != last
    moved = (tmp_path / "run").rename(tmp_path / "moved")
    assert of(f"ckpt={moved}") == run
    (moved / "checkpoints" / "best.ckpt").write_bytes(b"trained further")
    assert of(f"ckpt={moved}") != run


def test_a_run_that_is_planned_and_not_done_counts_by_what_it_was_promised_to_be(tmp_path: Path) -> None:
    settings = COMPOSER.compose([f"ckpt={tmp_path}/gated"])
    inputs, other = Inputs(), Inputs()
    inputs.promise(tmp_path / "gated", "0123abcd")
    other.promise(tmp_path / "gated", "4567abcd")
    before = identity(settings, inputs)
    assert before != identity(settings, other)
    (tmp_path / "gated" / "checkpoints").mkdir(parents=True)
    (tmp_path / "gated" / "checkpoints" / "best.ckpt").write_bytes(b"done")
    assert identity(settings, inputs) == before


def test_images_count_by_their_content_and_names_wherever_they_lie(tmp_path: Path) -> None:
    one, other = images(tmp_path / "A" / "HR", 0, 1), images(tmp_path / "B" / "HR", 2, 3)
    first = of_images(one)
    assert of_images(other) != first
    moved = one.rename(tmp_path / "elsewhere")
    assert of_images(moved) == of_images(Path(shutil.copytree(moved, tmp_path / "copy"))) == first
    times = (moved / "1.bmp").stat()
    images(moved, 0, 7)  # the second image is another one of the same size, and its time is put back
    os.utime(moved / "1.bmp", ns=(times.st_atime_ns, times.st_mtime_ns))
    replaced = of_images(moved)
    images(moved, 0, 1, 4)
    assert len({first, replaced, of_images(moved)}) == 3


def test_one_look_at_a_dataset_is_enough_for_many_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings = COMPOSER.compose(["data=folder", f"data.root={images(tmp_path / 'own', 0, 1)}"])
    inputs, looks = Inputs(), []
    from restorelab.data.sources.folder import Folder

    monkeypatch.setattr(Folder, "fingerprint", lambda folder: looks.append(folder) or {})
    assert len({identity({**settings, "seed": seed}, inputs) for seed in range(50)}) == 50
    assert len(looks) == 1


def test_images_that_are_not_there_are_told_apart_by_their_place() -> None:
    assert of_images(Path("/a/cats")) == of_images(Path("/a/cats")) != of_images(Path("/b/cats"))


def test_composing_leaves_the_settings_as_they_are() -> None:
    settings = COMPOSER.compose(["ckpt=a/b"])
    before = repr(settings)
    identity(settings)
    assert repr(settings) == before
