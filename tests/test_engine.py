"""The `trainer` group: its values, and how they fit the rest of a config."""

from typing import Any

import pytest
import torch
from torch import nn

import runs
from restorelab.config import build
from restorelab.errors import ConfigError
from restorelab.training.trainer_config import Engine


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
    Engine(accelerator="cpu", compile=value).lay_out(nn.Conv2d(1, 1, 1))
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
    monkeypatch.setattr(Engine, "device", torch.device("cuda"))
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
        Engine(compile="fast")  # type: ignore[arg-type]
