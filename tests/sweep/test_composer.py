"""Many runs composed as Hydra composes each, in a fraction of the time."""

from pathlib import Path
from typing import Any

import pytest

from restorelab.config import composition
from restorelab.errors import ConfigError
from restorelab.study import plan as studies
from restorelab.sweep import grid
from restorelab.sweep.composer import Composer

MIX = (
    [],
    ["seed=3"],
    ["seed=4", "model=ae", "noise=impulse"],
    ["model=ae", "seed=3", "noise=impulse"],
    ["model=ae", "seed=4", "noise=impulse"],
    ["data.size=32"],  # ${data.size} is the source's patch
    ["data.size=[32,48]", "data=gopro", "noise=none"],
    ["data.size=null", "data.crop=[16,24]"],
    ["data.channels=3", "model=dual_ae_skip"],  # ${data.channels} is the network's
    ["data.channels=3", "seed=4", "model=dual_ae_skip"],
    ["data.source.patch=16", "data.size=48"],
    ["model.channels=${data.batch_size}", "data.batch_size=7"],
    ["data.batch_size=${seed}", "seed=5"],  # which a seed's copy must not miss
    ["data.batch_size=${seed}", "seed=6"],
    ["name=${model.depth}${seed}", "seed=5", "model=dncnn"],
    ["name=${model.depth}${seed}", "seed=6", "model=dncnn"],
    ["noise.sigma=[10,20]"],
    ["noise=each", "noise.noises.gaussian.sigma=[1,2]"],
    ["noise=each", "noise.noises={gaussian: ${noise.noises.impulse}}"],
    ["noise={_target_: restorelab.degradations.noise.Gaussian, sigma: 3}"],  # a mapping is merged, no choice
    ["noise.sigma=5", "noise={sigma: 3}"],
    ["noise={sigma: 3}", "noise.sigma=5"],
    ["evaluation=[own,poisson_30]", "noise=mixture"],
    ["evaluation=four_noises", "~evaluation.impulse_30"],
    ["evaluation.extra={noise: {_target_: restorelab.degradations.noise.NoNoise}}", "noise=impulse"],
    ["+evaluation.extra={}", "noise=impulse"],
    ["+evaluation.extra.noise=${noise}", "noise=impulse"],
    ["callbacks=none"],
    ["~callbacks.panels"],
    ["~callbacks.panels", "+callbacks.panels={_target_: restorelab.training.callbacks.ema.EMA}"],
    ["+callbacks.mine={_target_: restorelab.training.callbacks.ema.EMA, decay: 0.5}"],
    ["++optimizer.lr=0.5", "optimizer=sgd"],
    ["optimizer.lr=1e-4", "optimizer.lr=1e-5"],
    ["optimizer=sgd", "optimizer=adamw", "optimizer.lr=3"],
    ["optimizer.lr=1", "optimizer=adamw"],  # the order of a choice and a value does not matter
    ["~loss", "+loss={_target_: restorelab.losses.mse.MSE}"],
    ["~optimizer.lr", "+optimizer.lr=2"],
    ["logger=csv", "run_dir='a, b'", "data_dir=/x", "data=mnist"],
    ["data_dir=/x", "data=mnist", "model=mnist_conv_ae"],
    ["threads=3"],
    ["threads=null", "clip=1.5", "max_time=00:01:00"],
    ["experiment=faces_dual_ae/ae", "data.root=/x"],
    ["experiment=faces_dual_ae/ae", "data.root=/x", "model=dual_ae", "seed=3"],
    ["experiment=faces_dual_ae/ae", "data.root=/x", "length=short"],
    ["experiment=faces_dual_ae/ae", "data.root=/x", "length=short", "data.batch_size=9", "seed=3"],
    ["experiment=faces_dual_ae/ae", "data.root=/x", "length=short", "data.batch_size=9", "seed=4"],
    ["experiment=faces_dual_ae/ae", "data.root=/x", "length=short", "short=['seed=7','max_steps=5']"],
    ["hydra.verbose=true"],
)


WRONG = (
    ["modle=ae"],
    ["model=aee"],
    ["model.dpeth=3", "model=dncnn"],
    ["+model.dpeth=3", "model=dncnn"],
    ["optimizer.lr.x=3"],
    ["seed=-1"],
    ["seed=-1", "model=ae"],
    ["seed=x"],
    ["threads=0"],
    ["length=long"],
    ["length=short"],
    ["~callbacks.pannels"],
    ["~optimizer.lr=7"],
    ["~threads"],
    ["~seed"],
    ["+seed=3"],
    ["+optimizer.lr=7"],
    ["noise=gaussian,impulse"],
    ["data.val=1,2"],
    ["model@other=ae"],
    ["foo@bar=1"],
    ["++model=ae"],
    ["model=3"],
    ["data.size=${data.sizee}"],
    ["data.root=???"],
    ["experiment=faces_dual_ae"],
    ["clip=0"],
    ["a b"],
    ["data.size=[1"],
)


def outcome(compose: Any, overrides: list[str]) -> Any:
    try:
        return compose(overrides)
    except ConfigError as error:
        return str(error)


@pytest.fixture(scope="module")
def composer() -> Composer:
    """One for all cases: what it keeps of one run must not show in the next."""
    return Composer()


@pytest.mark.parametrize(
    "overrides",
    [
        pytest.param(one, marks=[pytest.mark.slow] if place % 3 else [], id=" ".join(one))
        for place, one in enumerate(MIX)
    ],
)
def test_it_composes_as_composing_each_does(overrides: list[str], composer: Composer) -> None:
    assert outcome(composer.compose, overrides) == outcome(composition.compose, overrides)


@pytest.mark.parametrize("overrides", WRONG, ids=" ".join)
def test_it_refuses_what_composing_each_refuses_in_the_same_words(overrides: list[str], composer: Composer) -> None:
    expected = outcome(composition.compose, overrides)
    assert isinstance(expected, str), expected
    assert outcome(composer.compose, overrides) == expected


@pytest.mark.parametrize("study", [name for name in studies.names() if name.endswith(("_ae", "_dsc", "_bsd"))])
@pytest.mark.slow
def test_the_runs_of_a_study_too(study: str, composer: Composer) -> None:
    for own in studies.load(study).runs.values():
        overrides = [*[studies.REFERENCE.sub("=/some/where", override) for override in own], "data.root=/x", "seed=3"]
        assert composer.compose(overrides) == composition.compose(overrides)


def test_the_users_own_options_are_composed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "noise").mkdir(parents=True)
    (tmp_path / "conf" / "noise" / "mine.yaml").write_text("_target_: restorelab.degradations.noise.NoNoise\n")
    overrides = ["noise=mine", "+evaluation.a={}"]
    assert Composer().compose(overrides) == composition.compose(overrides)


def test_what_it_gives_belongs_to_the_caller() -> None:
    composer = Composer()
    for seed in (1, 2, 1, 2):
        given = composer.compose(["noise=each", f"seed={seed}"])
        assert given == composition.compose(["noise=each", f"seed={seed}"])
        given["noise"]["noises"].clear()
        given["data"]["source"]["patch"] = -1


def test_it_asks_hydra_once_for_each_choice_of_groups(monkeypatch: pytest.MonkeyPatch) -> None:
    from restorelab.sweep import composer as module

    asked: list[tuple[str, ...]] = []
    original = module.compose
    monkeypatch.setattr(
        module, "compose", lambda name, said, **k: asked.append(tuple(said)) or original(name, said, **k)
    )
    composer = Composer()
    for one in grid.expand(["model=ae,dncnn", "optimizer.lr=1,2,3", "seed=0,1", "noise=impulse"]):
        composer.compose(one.overrides)
    assert asked == [("model=ae", "noise=impulse"), ("model=dncnn", "noise=impulse")]
