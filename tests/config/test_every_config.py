"""Every YAML of conf/ is a test case."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import runs
from restorelab.config import build, composition, signatures
from restorelab.config.foreign_signatures import parameters_of
from restorelab.config.schema import GROUPS, conf_dir
from restorelab.errors import ConfigError
from restorelab.judge.claims.claim import Claim
from restorelab.models.classifier import Classifier
from restorelab.study import plan
from restorelab.training import checks

FILES = sorted(conf_dir().glob("*/**/*.yaml"), key=str)
RUNS = ("experiment",)
STUDIES = ("study", "executor", "verify")

WITH = {
    "data/mnist": ["model=mnist_conv_ae"],
    "data/gopro": ["noise=none"],
    "data/pairs": ["noise=none"],
    "data/sidd_medium": ["noise=none"],
    "test/sidd_val": ["noise=none"],
    "test/polyu": ["noise=none"],
    "val/sidd_val": ["noise=none"],
    "val/polyu": ["noise=none"],
    "model/mnist_mlp_ae": ["data=mnist"],
    "model/mlp_ae": ["data=svhn", "downsample=avg_pool"],
    "model/cnn": ["data=svhn", "downsample=avg_pool"],
    "model/cnn_ae": ["data=svhn", "downsample=avg_pool"],
    "model/classifier": ["data=stl10_labelled", "noise=none", "objective=classify"],
    "model/edsr": ["downsample=bicubic", "noise=none"],
    "model/span": ["downsample=bicubic", "downsample.factor=4", "noise=none"],
    "objective/classify": ["data=stl10_labelled", "noise=none", "model=classifier"],
    "loss/perceptual": ["data=stl10", "noise=gaussian_impulse", "model=conv_deconv"],
    "downsample/avg_pool": ["model=identity", "model.scale=2"],
    "metrics/ms_ssim": ["data.size=192"],
    "downsample/bicubic": ["model=identity", "model.scale=2"],
}
"""What an option needs beside it."""


def name(file: Path) -> str:
    return file.relative_to(conf_dir()).with_suffix("").as_posix()


PERCEPTUAL = ("loss/perceptual", "experiment/stl10_dsc/perceptual")
"""What needs a trained classifier."""


@pytest.fixture(scope="session")
def classifier(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Weights of a classifier, as a run of it leaves them."""
    file = tmp_path_factory.mktemp("classifier") / "best.ckpt"
    torch.save(Classifier(init="torch").state_dict(), file)
    return file


def chosen(file: Path) -> list[str]:
    group, _, option = name(file).partition("/")
    return [f"{group}={option}", *WITH.get(name(file), []), "data.root=/nowhere"]


def targets(node: Any) -> Iterator[str]:
    if isinstance(node, dict):
        yield from [node["_target_"]] if "_target_" in node else []
        for child in node.values():
            yield from targets(child)
    elif isinstance(node, list):
        for child in node:
            yield from targets(child)


# Fast tests of tests/training/test_length.py and tests/degradations compose every experiment and evaluation, too.
@pytest.mark.parametrize(
    "file",
    [
        pytest.param(
            f, marks=[pytest.mark.slow] if name(f).startswith(("experiment/", "evaluation/")) else [], id=name(f)
        )
        for f in FILES
        if name(f).split("/")[0] not in STUDIES
    ],
)
def test_composes_and_fits(file: Path, request: pytest.FixtureRequest) -> None:
    if name(file) == "model/spandrel":
        pytest.skip("it is what a file of weights says: see tests/models/test_spandrel_network.py")
    if name(file) in ("metrics/lpips", "metrics/dists"):
        pytest.skip("it needs weights: see tests/metrics/test_deep_features.py")
    more = [f"loss.ckpt={request.getfixturevalue('classifier')}"] if name(file) in PERCEPTUAL else []
    settings = runs.composed([*chosen(file), *more])
    checks.check_fit(build.parts(settings))
    group, _, option = name(file).partition("/")
    assert settings["choices"][group] == option


@pytest.mark.parametrize("file", FILES, ids=name)
def test_is_well_made(file: Path) -> None:
    assert name(file).split("/")[0] in (*GROUPS, *RUNS, *STUDIES)
    content = yaml.safe_load(file.read_text())
    assert isinstance(content, dict)
    for target in targets(content):
        module, _, attribute = target.rpartition(".")
        assert callable(getattr(import_module(module), attribute)), target
        parameters = signatures.from_source(target)
        if parameters is None:
            parameters = parameters_of(name(file), target)
        assert signatures.ANY_KEY not in parameters, f"{target} takes any keyword: a typo would pass"


@pytest.mark.parametrize("group", GROUPS)
def test_every_group_has_a_default_and_options(group: str) -> None:
    root = yaml.safe_load((conf_dir() / "train.yaml").read_text())
    defaults = [next(iter(entry)) for entry in root["defaults"] if isinstance(entry, dict)]
    assert group in defaults or group == "evaluation"  # which the noise names
    assert list((conf_dir() / group).glob("*.yaml"))


@pytest.mark.parametrize("noise", [file.stem for file in sorted((conf_dir() / "noise").glob("*.yaml"))])
def test_a_noise_names_its_evaluation_and_another_replaces_it(noise: str) -> None:
    own = composition.compose([f"noise={noise}"])
    assert own["evaluation"]
    other = composition.compose([f"noise={noise}", "evaluation=gaussian_15"])
    assert list(other["evaluation"]) == ["gaussian_15"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model=mnist_mlp_ae"], ["mnist_mlp_ae", "1x64x64", "data.size=[28,28]"]),
        (["model=ae", "data.size=50"], ["model=ae", "1x50x50", "multiples of 4"]),
        (["model=ae", "model.channels=3"], ["model=ae", "model.channels=3"]),
        (["data.channels=3", "model.channels=1"], ["dncnn_small", "3x64x64"]),
        (["downsample=avg_pool"], ["64x64", "32x32"]),
        (["model=edsr", "noise=none"], ["1x128x128", "downsample=bicubic downsample.factor=2"]),
        (["model=identity", "downsample=bicubic", "downsample.factor=3"], ["downsample", "3"]),
    ],
)
def test_what_does_not_fit_dies_with_its_name(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        checks.check_fit(build.parts(composition.compose(overrides)))
    assert all(word in str(caught.value) for word in words), str(caught.value)


# Tests of the README plan faces_dual_ae in short, svhn_poisson and gopro_rednet.
SHORT = ("mnist_ae",)


@pytest.mark.parametrize(
    "study", [pytest.param(name, marks=[] if name in SHORT else [pytest.mark.slow]) for name in plan.names()]
)
def test_every_study_plans_and_its_parts_name_its_runs(study: str) -> None:
    read = plan.load(study)
    planned = plan.plan(read, ["data.root=/nowhere"], [0])
    assert [one.name for one in planned] == list(read.runs)
    for kind in ("tables", "figures", "claims"):
        for entry, node in getattr(read, kind).items():
            part = build.make(f"{kind}.{entry}", node)
            for run in _runs_of(part):
                assert run in read.runs or run == "input", f"{kind}.{entry} names the run {run!r}"


def _runs_of(part: Any) -> list[str]:
    if isinstance(part, Claim):
        return part.about
    found: list[str] = []
    for key in ("run", "runs"):
        value = getattr(part, key, None)
        found += [value] if isinstance(value, str) else list(value.values() if isinstance(value, dict) else value or [])
    return found + [entry["run"] for entry in getattr(part, "entries", []) if "run" in entry]
