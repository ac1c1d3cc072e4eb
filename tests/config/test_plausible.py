"""Values that no configuration may have: numbers that are none, Hydra's keys, networks beyond the memory at hand."""

import copy
import math
import random
from collections.abc import Iterator
from typing import Any

import pytest
import torch
from torch import nn

import runs
from restorelab.config import build, schema
from restorelab.config.schema import GROUPS
from restorelab.errors import ConfigError, UserError
from restorelab.training import checks, memory_bounds


def refused(*overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        checks.check_fit(build.parts(runs.composed([*overrides])))
    assert "\n" not in str(caught.value)
    return str(caught.value)


@pytest.mark.parametrize(
    "override",
    ["data.val=nan", "data.test=nan", "optimizer.lr=inf", "optimizer.weight_decay=inf", "trainer.checkpoint_every=nan",
     "clip=inf", "noise.sigma=[10,inf]", "loss=huber loss.delta=nan", "optimizer=sgd optimizer.momentum=nan",
     "callbacks=ema callbacks.ema.decay=nan", "scheduler.final=nan", "evaluation.gaussian_50.noise.sigma=inf",
     "optimizer.betas=[nan,0.9]"],
)  # fmt: skip
def test_numbers_must_be_finite(override: str) -> None:
    overrides = override.split()
    key = overrides[-1].partition("=")[0]
    if key == "evaluation.gaussian_50.noise.sigma":
        key = "evaluation.gaussian_50"
    assert refused(*overrides).startswith(key)


@pytest.mark.parametrize("key", ["data.size", "model.depth", "seed", "max_steps", "data.batch_size", "accumulate"])
def test_whole_numbers_have_an_end(key: str) -> None:
    assert refused(f"{key}=99999999999999999999").startswith(key)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ("data=folder data.root=/x data.source.sha256=abc", ["sha256", "'abc'", "64 hexadecimal"]),
        ("data=gopro data.root=/x noise=none data.source.md5=abc", ["md5", "32 hexadecimal"]),
        ("+evaluation.gaussia_n50.of=gaussian", ["evaluation.gaussia_n50", "blur, downsample, noise or jpeg"]),
        ("+evaluation.gaussian_5.noise.sigma=3", ["evaluation.gaussian_5.noise", "_target_"]),
        ("data.source._partial_=false", ["data.source._partial_", "expected true"]),
        ("~data.source._partial_", ["data.source._partial_", "expected true"]),
        ("optimizer._partial_=1", ["optimizer._partial_", "expected true"]),
        ("+noise._partial_=true", ["noise._partial_", "~noise._partial_"]),
        ("+model._args_=[1]", ["model._args_", "~model._args_"]),
        ("+objective._recursive_=false", ["objective._recursive_"]),
        ("+scheduler._convert_=all", ["scheduler._convert_"]),
        ("~model +model={_target_:torch.nn.Identity,_partial_:true}", ["model._partial_"]),
        ("~model +model={_target_:torch.nn.Identity,_convert_:al}", ["model._convert_", "'all'"]),
        ("~model +model={_target_:torch.nn.Identity,_recursive_:3}", ["model._recursive_", "true or false"]),
        ("seed={_target_:builtins.int}", ["seed", "a whole number"]),
        ("data.batch_size={_target_:builtins.int}", ["data.batch_size", "a whole number"]),
        ("optimizer.betas={}", ["optimizer"]),
        ("data.source=[]", ["data.source"]),
        ("scheduler=multistep scheduler.gamma=-1", ["scheduler", "gamma"]),
        ("scheduler=multistep scheduler.milestones=[30,60]", ["scheduler", "milestones", "share"]),
    ],
)
def test_nonsense_is_refused_by_its_key(overrides: str, words: list[str]) -> None:
    message = refused(*overrides.split())
    assert all(word in message for word in words), message


def test_a_foreign_class_takes_positional_arguments() -> None:
    node = "{_target_: torch.nn.Sequential, _args_: [{_target_: torch.nn.Identity}, {_target_: torch.nn.Tanh}]}"
    checks.check_fit(build.parts(runs.composed(["~model", f"+model={node}"])))


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model.depth=1000000000"], ["model", "tensors of weights", "depth"]),
        (["model.features=1000000"], ["model", "GiB", "at hand"]),
        (["model.features=1000000000000"], ["model"]),
        (["model.channels=1000000000"], ["model"]),
        (["data.batch_size=1000000000"], ["data.batch_size: 1,000,000,000 images", "GiB", "Lower"]),
        (["data.eval_batch_size=1000000000"], ["data.eval_batch_size", "GiB"]),
        (
            ["data.size=null", "data.augment=none", "data.batch_size=1000000000"],
            ["data.batch_size", "1x128x128", "GiB"],
        ),
        (["data.size=1000000"], ["data.size: one image of 1x1000000x1000000", "GiB"]),
    ],
)
def test_what_the_memory_cannot_hold_is_refused_before_it_is_made(overrides: list[str], words: list[str]) -> None:
    message = refused(*overrides)
    assert all(word in message for word in words), message


def test_the_bound_counts_bytes_of_weights(monkeypatch: pytest.MonkeyPatch) -> None:
    layer = (8 * 8 * 9 + 8) * 4  # bytes of a convolution of 8 to 8 channels and its bias
    for memory, fits in ((3 * layer, True), (3 * layer - 1, False)):
        monkeypatch.setattr(memory_bounds.memory, "available", lambda memory=memory: memory)
        device = torch.device("cpu")
        try:
            with torch.device("meta"), memory_bounds.bounded(device):
                [nn.Conv2d(8, 8, 3) for _ in range(3)]
            assert fits
        except ConfigError:
            assert not fits
    nn.Conv2d(8, 8, 3)  # the bound ends with its block


VALUES = [math.nan, math.inf, -1, 0, 1e30, "", [], {}, "abc", True, None, 10**20, -(10**6), 10**9]
SAMPLE = 40
OPTIONS = (
    ["model=dual_ae_skip", "data=folder", "data.root=/nowhere", "data.size=32", "noise=each", "callbacks=ema"],
    ["model=median", "blur=motion", "noise=gaussian_impulse", "optimizer=sgd", "scheduler=multistep"],
    ["model=red_net", "data.crop=32", "loss=sum", "blur=gaussian", "optimizer=adamw"],
)


def leaves(node: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    items = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    for key, value in items:
        yield (*path, key)
        yield from leaves(value, (*path, key))


@pytest.mark.parametrize("number", range(len(OPTIONS)))
def test_any_value_at_any_key_is_taken_or_refused_in_words(number: int) -> None:
    settings = runs.composed([*OPTIONS[number], "logger=csv", "trainer.accelerator=cpu"])
    draw = random.Random(number)
    places = [(path, value) for path in leaves({group: settings[group] for group in GROUPS}) for value in VALUES]
    for path, value in draw.sample(places, SAMPLE):
        changed = copy.deepcopy(settings)
        node: Any = changed
        for key in path[:-1]:
            node = node[key]
        node[path[-1]] = value
        if path[0] == "loss":
            changed["objective"]["loss"] = changed["loss"]  # as interpolation does
        try:
            schema.check_names(changed)
            checks.check_fit(build.parts(changed))
        except UserError:
            continue
        assert not isinstance(value, float) or math.isfinite(value), (path, value)
        assert not isinstance(value, int) or abs(value) < 2**63, (path, value)
