"""The `trainer` group: its values, and how they fit the rest of a config."""

import csv
import inspect
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from lightning.pytorch import Trainer
from torch import nn

import runs
from restorelab.config import build, signatures, trainer_arguments
from restorelab.errors import ConfigError
from restorelab.runs.run_folder import RunFolder
from restorelab.training.trainer_config import TrainerConfig


@pytest.mark.parametrize(
    ("value", "mode"),
    [
        (False, None),
        (True, "default"),
        ("default", "default"),
        ("reduce-overhead", "reduce-overhead"),
        ("max-autotune", "max-autotune"),
        ("max-autotune-no-cudagraphs", "max-autotune-no-cudagraphs"),
    ],
)
def test_compile_takes_the_modes_of_torch(value: Any, mode: str | None, monkeypatch: pytest.MonkeyPatch) -> None:
    modes = []
    monkeypatch.setattr(nn.Module, "compile", lambda self, mode: modes.append(mode))
    TrainerConfig(accelerator="cpu", compile=value).lay_out(nn.Conv2d(1, 1, 1))
    assert modes == ([] if mode is None else [mode])


def refusal(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        build.parts(runs.composed([*runs.TINY, *overrides]))
    return str(caught.value)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["trainer.compile=reduce-overhed"], ["trainer.compile", "Did you mean 'reduce-overhead'", "max-autotune"]),
        (["trainer.compile=reduce-overhead", "accumulate=2"], ["accumulate=2", "max-autotune-no-cudagraphs"]),
        (["trainer.compile=max-autotune", "accumulate=4"], ["accumulate=4", "trainer.compile=max-autotune:"]),
    ],
)
def test_what_does_not_fit_is_told_at_once(overrides: list[str], words: list[str]) -> None:
    message = refusal(*overrides)
    assert all(word in message for word in words), message


def test_a_norm_that_fused_optimizers_cannot_clip_is_told_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Lightning refuses it at the first step."""
    monkeypatch.setattr(TrainerConfig, "device", torch.device("cuda"))
    message = refusal("trainer.precision=16-mixed", "clip=1.0")
    assert all(word in message for word in ("clip=1.0", "optimizer.fused=false", "bf16-mixed")), message
    build.parts(runs.composed([*runs.TINY, "trainer.precision=16-mixed", "clip=1.0", "optimizer.fused=false"]))


@pytest.mark.parametrize("value", ["trainer.steps_per_call=0", "trainer.steps_per_call=-1"])
def test_a_call_takes_a_step_at_least(value: str) -> None:
    assert "at least 1" in refusal(value)


def test_several_steps_a_call_are_for_one_device() -> None:
    message = refusal("trainer.steps_per_call=8", "trainer.devices=2")
    assert all(word in message for word in ("trainer.steps_per_call=8", "trainer.devices=2", "=1")), message


def test_a_config_that_was_read_is_held_to_the_modes_too() -> None:
    with pytest.raises(ConfigError, match="'fast' does not exist"):
        TrainerConfig(compile="fast")  # type: ignore[arg-type]


AT_ONCE = """
import sys
from restorelab.config import composition
from restorelab.errors import ConfigError
composition.compose(["trainer.strategy=ddp", "trainer.limit_val_batches=0.5", "trainer.devices=2"])
try:
    composition.compose(["trainer.strateg=ddp"])
except ConfigError as error:
    print(error)
print({"torch", "lightning"} & set(sys.modules))
"""


def test_arguments_of_lightning_are_known_without_importing_it() -> None:
    said = subprocess.run([sys.executable, "-c", AT_ONCE], capture_output=True, text=True, check=True).stdout
    assert "Did you mean 'strategy'? Allowed: accelerator, bar," in said, said
    assert said.endswith("set()\n"), said


def test_every_argument_of_lightning_is_taken_or_has_something_in_its_place() -> None:
    real = set(inspect.signature(Trainer).parameters)
    assert set(trainer_arguments.arguments()) == real
    assert set(trainer_arguments.INSTEAD) <= real
    own = signatures.from_source(trainer_arguments.GROUP)
    assert own is not None
    assert real <= set(trainer_arguments.taken("trainer", {"strategy": "ddp"}, own)) | set(trainer_arguments.INSTEAD)


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("trainer.limit_train_batches=many", ["'many' does not fit", "a whole number"]),
        ("trainer.detect_anomaly=3", ["3 does not fit", "true or false"]),
        ("trainer.logger=true", ["the run sets this argument", "logger=csv"]),
        ("trainer.gradient_clip_val=1.0", ["clip=1.0"]),
        ("trainer.strategy=fsdp", ["trainer.strategy=ddp", "best.ckpt holds them whole"]),
        ("trainer.devices=none", ["trainer.devices: none does not fit", "[0,1], or auto"]),
        ("trainer.num_nodes=0", ["trainer.num_nodes: 0 does not fit"]),
    ],
)
def test_an_argument_that_does_not_fit_is_told_at_once(override: str, words: list[str]) -> None:
    message = refusal(override)
    assert all(word in message for word in words), message


@pytest.mark.parametrize(
    ("override", "words"),
    [
        ("trainer.gradient_clip_algorithm=values", ["trainer.gradient_clip_algorithm=values", "'value', 'norm'"]),
        ("trainer.strategy=dpp", ["trainer.strategy=dpp", "Lightning's Trainer refuses"]),
        ("trainer.min_steps=1000", ["trainer.min_steps=1000", "the run has"]),
    ],
)
def test_what_lightning_refuses_is_one_sentence(override: str, words: list[str], tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", override)
    assert outcome.exit_status == 2
    assert outcome.trace is None
    assert all(word in outcome.message for word in words), outcome.message


def steps(run_dir: Path) -> list[int]:
    with RunFolder(run_dir).metrics.open() as stream:
        return [int(row["step"]) for row in csv.DictReader(stream)]


def test_limits_and_a_profiler_reach_lightning_and_the_length_follows(tmp_path: Path) -> None:
    given = ("trainer.limit_train_batches=2", "trainer.limit_val_batches=1", "trainer.profiler=simple")
    outcome = runs.run(tmp_path, *given, "evaluation=gaussian_levels", "noise=gaussian")
    assert outcome.status == "done", outcome.message
    assert max(steps(tmp_path)) == 3 * 2
    assert "run_training_batch" in (tmp_path / "fit-profile.txt").read_text()
    with RunFolder(tmp_path).metrics.open() as stream:
        measured = [row for row in csv.DictReader(stream) if row["val/psnr"]]
    assert len(measured) == 3
    assert all(float(row["val/psnr"]) > 5 for row in measured)  # though not every evaluation had a batch


def test_batches_to_overfit_are_the_same_ones_in_each_epoch() -> None:
    data = build.parts(runs.composed(runs.TINY)).data()
    shown = {}
    data.train_dataloader()  # made before there is a trainer, as a run's is
    for batches in (0.0, 1):
        data.trainer = SimpleNamespace(overfit_batches=batches)  # type: ignore[assignment]
        loader = data.train_dataloader()
        for epoch in (0, 1):
            loader.sampler.set_epoch(epoch)
            shown[batches, epoch] = next(iter(loader)).index.tolist()
    assert shown[1, 0] == shown[1, 1] == shown[0.0, 0] != shown[0.0, 1]


@pytest.mark.parametrize(("precision", "kind"), [("bf16-true", torch.bfloat16), (64, torch.float64)])
def test_true_precisions_train_in_theirs_and_measure_in_float32(
    precision: Any, kind: torch.dtype, tmp_path: Path
) -> None:
    given = ("trainer.max_epochs=1", f"trainer.precision={precision}", "loss=ssim", "callbacks=ema")
    assert runs.run(tmp_path, *given).status == "done"
    folder = RunFolder(tmp_path)
    last = torch.load(folder.last, weights_only=True)
    assert {value.dtype for value in last["state_dict"].values() if value.is_floating_point()} == {kind}
    best = torch.load(folder.best, weights_only=True)["state_dict"]
    assert {value.dtype for value in best.values() if value.is_floating_point()} == {torch.float32}  # EMA's


def test_gradients_are_clipped_by_value_in_both_loops(tmp_path: Path) -> None:
    given = ("trainer.gradient_clip_algorithm=value", "clip=1e-3", "optimizer=sgd", "max_steps=4")
    weights = {}
    for name, more in {"plain": (), "called": ("trainer.steps_per_call=3",), "norm": ()}.items():
        chosen = given[1:] if name == "norm" else given
        assert runs.run(tmp_path / name, *chosen, *more).status == "done"
        weights[name] = runs.tensors(torch.load(RunFolder(tmp_path / name).last, weights_only=True)["state_dict"])
    assert all(torch.equal(value, weights["called"][name]) for name, value in weights["plain"].items())
    assert any(not torch.equal(value, weights["norm"][name]) for name, value in weights["plain"].items())


LBFGS = ("optimizer._target_=torch.optim.LBFGS", "optimizer.lr=0.01", "max_steps=2", "trainer.channels_last=false")


def test_an_optimizer_that_needs_a_closure_is_refused_where_it_gets_none(tmp_path: Path) -> None:
    refused = runs.run(tmp_path / "refused", *LBFGS, "trainer.steps_per_call=4")
    assert refused.exit_status == 2
    assert "trainer.steps_per_call=4: LBFGS computes the loss several times" in refused.message
    assert runs.run(tmp_path / "run", *LBFGS).status == "done"
