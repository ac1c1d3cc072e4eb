"""What a run is called by: everything scientific counts, nothing else does."""

from typing import Any

import pytest

from restorelab import composition
from restorelab.sweep.identity import identity


def of(*overrides: str) -> str:
    return identity(composition.compose(["threads=1", *overrides]))


def test_the_hash_itself_stays_as_it_was() -> None:
    """Of runs that people have: json.dumps with sorted keys of what is scientific, by sha256, cut to eight digits."""
    settings: dict[str, Any] = {
        "name": "x", "run_dir": "a", "model": {"_target_": "m"}, "data": {"root": "/x", "size": 3}, "loss": {},
        "ckpt": "/a/b/run-1", "transfer": None, "callbacks": {"panels": {}, "ema": {"decay": 0.9}}, "seed": 1,
        "trainer": {"bar": True, "max_epochs": 2}, "logger": {"project": "p"}, "threads": 4,
    }  # fmt: skip
    # echo -n '{"callbacks": {"ema": {"decay": 0.9}}, "ckpt": "run-1", "data": {"size": 3}, "loss": {}, "model":
    # {"_target_": "m"}, "seed": 1, "trainer": {"max_epochs": 2}, "transfer": null}' | sha256sum
    assert identity(settings) == "8538f64d"


@pytest.mark.parametrize(
    "override",
    ["name=x", "run_dir=x", "runs_dir=x", "data_dir=x", "threads=3", "logger=csv",
     "logger.project=x", "~callbacks.panels", "data.root=/x", "data.residency=stream", "data.eval_batch_size=3",
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


def test_weights_count_by_the_name_of_their_run() -> None:
    assert of("ckpt=runs/a/gated-s0-1") == of("ckpt=/elsewhere/gated-s0-1") != of("ckpt=runs/a/gated-s0-2")


def test_a_checkpoint_counts_by_its_run_and_only_the_best_is_the_run() -> None:
    assert of("ckpt=runs/a/checkpoints/best.ckpt") == of("ckpt=runs/a") != of("ckpt=runs/b/checkpoints/best.ckpt")
    assert of("ckpt=runs/a/checkpoints/last.ckpt") != of("ckpt=runs/a")


def test_a_folder_of_ones_own_images_counts_by_its_last_name() -> None:
    assert of("data=folder", "data.root=/a/cats") == of("data=folder", "data.root=/b/cats")
    assert of("data=folder", "data.root=/a/cats") != of("data=folder", "data.root=/a/dogs")


def test_composing_leaves_the_settings_as_they_are() -> None:
    settings = composition.compose(["ckpt=a/b"])
    before = repr(settings)
    identity(settings)
    assert repr(settings) == before
