"""Every YAML of conf/ is a test case."""

from collections.abc import Iterator
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorelab import build, checks, composition, config, signatures
from restorelab.config import GROUPS, conf_dir
from restorelab.errors import ConfigError

FILES = sorted(conf_dir().glob("*/**/*.yaml"), key=str)
RUNS = ("experiment",)
STUDIES = ("study",)

WITH = {
    "data/mnist": ["model=mnist_conv_ae"],
    "model/mnist_mlp_ae": ["data=mnist"],
    "downsample/avg_pool": ["model=identity", "model.scale=2"],
    "downsample/bicubic": ["model=identity", "model.scale=2"],
}
"""What an option needs beside it."""


def name(file: Path) -> str:
    return file.relative_to(conf_dir()).with_suffix("").as_posix()


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


@pytest.mark.parametrize("file", [f for f in FILES if name(f).split("/")[0] not in STUDIES], ids=name)
def test_composes_and_fits(file: Path) -> None:
    settings = composition.compose(chosen(file))
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
            parameters = config._imported(name(file), target)
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
        (["model=identity", "downsample=bicubic", "downsample.factor=3"], ["downsample", "3"]),
    ],
)
def test_what_does_not_fit_dies_with_its_name(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        checks.check_fit(build.parts(composition.compose(overrides)))
    assert all(word in str(caught.value) for word in words), str(caught.value)
