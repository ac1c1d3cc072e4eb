"""Every YAML of noise, blur, downsample, jpeg and evaluation composes, fits its target, builds and degrades."""

import inspect
import typing
from pathlib import Path

import hydra
import pytest
import torch
from hydra import compose, initialize_config_dir
from hydra.core.global_hydra import GlobalHydra
from hydra.utils import get_class
from omegaconf import OmegaConf

from restorelab.degradations.mixture import Each
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import PhiloxDraws, TorchDraws

CONF = Path(__file__).resolve().parents[2] / "conf"
NAMES = {group: sorted(path.stem for path in (CONF / group).glob("*.yaml"))
         for group in ("noise", "blur", "downsample", "jpeg", "evaluation")}  # fmt: skip
GOES_WITH = {
    "none": {"own"},
    "gaussian": {"gaussian_50"},
    "poisson": {"poisson_255"},
    "speckle": {"speckle_002"},
    "impulse": {"impulse_30"},
    "gaussian_impulse": {"gaussian_25_impulse_10"},
    "mixture": {"gaussian_50", "impulse_30", "speckle_002", "poisson_255"},
    "each": {"gaussian_50", "impulse_30", "speckle_002", "poisson_255"},
    "gopro_four": {"gaussian_10", "gaussian_30", "gaussian_50", "gaussian_70"},
}


@pytest.fixture
def run(tmp_path):
    """Compose a config of the groups alone, as train.yaml does."""
    (tmp_path / "probe.yaml").write_text(
        "defaults: [_self_, {blur: none}, {downsample: none}, {noise: gaussian}, {jpeg: none}, {experiment: null}]\n"
        f"hydra: {{searchpath: ['file://{CONF}']}}\n"
    )
    experiment = tmp_path / "experiment"
    experiment.mkdir()
    (experiment / "probe.yaml").write_text(
        "# @package _global_\n"
        "defaults: [{override /noise: each}, {override /evaluation: [poisson_30, mnist_gaussian]}]\n"
        "noise: {noises: {gaussian: {sigma: 10}}}\n"
    )
    GlobalHydra.instance().clear()
    with initialize_config_dir(str(tmp_path), version_base="1.3"):
        yield lambda *overrides: compose("probe", list(overrides))


def build(node):
    return hydra.utils.instantiate(node, _convert_="all")


def targets(node):
    if OmegaConf.is_dict(node):
        if "_target_" in node:
            yield node
        for value in node.values():
            yield from targets(value)


def test_the_groups_hold_what_the_issue_names():
    assert NAMES["noise"] == sorted(GOES_WITH)
    assert NAMES["blur"] == sorted(["none", "gaussian", "box", "motion"])
    assert NAMES["downsample"] == sorted(["none", "avg_pool", "bicubic"])
    assert NAMES["jpeg"] == ["none", "standard"]


@pytest.mark.parametrize(("group", "name"), [(group, name) for group, names in NAMES.items() for name in names])
def test_every_target_gets_all_of_its_parameters_and_no_other(run, group, name):
    chosen = f"evaluation=[{name}]" if group == "evaluation" else f"{group}={name}"
    for node in targets(run(chosen)[group]):
        assert typing.get_type_hints(get_class(node["_target_"]).__init__)  # the config's check reads them at run time
        signature = inspect.signature(get_class(node["_target_"])).parameters
        assert set(node) - {"_target_"} <= set(signature)
        if group != "evaluation" and name not in ("each", "mixture", "gopro_four"):
            assert set(node) - {"_target_"} == set(signature)  # everything is stated in the file


@pytest.mark.parametrize("blur", NAMES["blur"])
@pytest.mark.parametrize("downsample", NAMES["downsample"])
def test_every_blur_and_downsample_builds_and_degrades(run, blur, downsample):
    cfg = run(f"blur={blur}", f"downsample={downsample}", "noise=poisson")
    degradation = Degradation(build(cfg.blur), build(cfg.downsample), build(cfg.noise))
    degraded, drawn = degradation(torch.rand(2, 3, 32, 32), TorchDraws().reseed(0))
    assert tuple(degraded.shape[-2:]) == degradation.output_size((32, 32))
    assert "peak" in drawn


@pytest.mark.parametrize("name", NAMES["noise"])
def test_every_noise_builds_degrades_and_names_its_evaluation(run, name):
    cfg = run(f"noise={name}")
    noise = build(cfg.noise)
    counts = [1] * noise.variants if isinstance(noise, Each) else None
    degraded, drawn = Degradation(noise=noise)(torch.rand(noise.variants, 1, 8, 8), TorchDraws().reseed(0), counts)
    assert degraded.shape == (noise.variants, 1, 8, 8)
    assert tuple(drawn) == noise.parameters
    assert set(cfg.evaluation) == GOES_WITH[name]


@pytest.mark.parametrize("name", NAMES["evaluation"])
def test_every_evaluation_replaces_the_noise_own_and_has_single_values(run, name):
    for entry in run(f"evaluation=[{name}]").evaluation.values():
        assert set(entry) <= {"blur", "downsample", "noise", "jpeg", "of"}
        if "noise" not in entry:
            continue
        noise = build(entry.noise)
        assert all(not OmegaConf.is_list(value) for value in entry.noise.values())  # a fixed degradation
        image = torch.rand(1, 3, 8, 8, dtype=torch.float64)
        assert torch.equal(noise(image, PhiloxDraws(0))[0], noise(image, PhiloxDraws(0))[0])


def test_an_entry_is_named_after_its_file():
    for name in NAMES["evaluation"]:
        entries = set(OmegaConf.load(CONF / "evaluation" / f"{name}.yaml"))
        assert entries in ({name}, {"defaults"})


def test_the_command_line_and_an_experiment_replace_the_evaluation(run):
    cfg = run("noise=each", "evaluation=[gaussian_15_unclipped,impulse_30]", "noise.noises.gaussian.sigma=[10,50]")
    assert set(cfg.evaluation) == {"gaussian_15_unclipped", "impulse_30"}
    assert build(cfg.noise).noises["gaussian"].sigma == (10, 50)
    assert set(run("noise=impulse", "evaluation=gaussian_levels").evaluation) == {
        f"gaussian_{sigma}" for sigma in (15, 25, 50, 75)
    }
    cfg = run("experiment=probe")
    assert set(cfg.evaluation) == {"poisson_30", "mnist_gaussian"}
    assert build(cfg.noise).noises["gaussian"].sigma == 10
    assert set(run("experiment=probe", "evaluation=own").evaluation) == {"own"}


def test_the_commands_in_the_comments_compose(run):
    commands = [
        (path, line.split("train.py ")[1].replace("'", "").split())
        for group in ("noise", "blur", "downsample", "jpeg")
        for path in (CONF / group).glob("*.yaml")
        for line in path.read_text().splitlines()
        if line.startswith("# python train.py")
    ]
    assert len(commands) >= 12
    for path, overrides in commands:
        cfg = run(*overrides)
        assert f"{path.parent.name}={path.stem}" in overrides, path
        for part in ("blur", "downsample", "noise", "jpeg"):
            build(cfg[part])
