"""From argv and files to a resolved config."""

import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from restorelab.cli import main
from restorelab.config import build, composition
from restorelab.errors import ConfigError
from restorelab.training import checks


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user's folder with a ./conf of his own and a package beside it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    (tmp_path / "conf" / "model").mkdir(parents=True)
    (tmp_path / "conf" / "model" / "mine.yaml").write_text("_target_: my_nets.Blend\nchannels: ${data.channels}\n")
    (tmp_path / "my_nets.py").write_text(
        "from torch import nn\n\n\nclass Blend(nn.Conv2d):\n"
        "    def __init__(self, channels: int, width: int = 3):\n"
        "        super().__init__(channels, channels, width, padding=width // 2)\n"
    )
    return tmp_path


def test_the_names_of_a_run() -> None:
    settings = composition.compose(["model=ae", "noise=impulse", "seed=0", "threads=null"])
    assert settings["name"] == "ae-photos-impulse"
    assert settings["seed"] == 0
    assert settings["threads"] == composition.available_threads() >= 1
    assert settings["choices"]["model"] == "ae"
    assert "experiment" not in settings["choices"]
    assert composition.compose(["name=mine", "threads=3"])["name"] == "mine"
    assert composition.compose(["threads=3"])["threads"] == 3


def test_it_is_plain_data_that_yaml_gives_back() -> None:
    settings = composition.compose(["noise=each", "data.size=64", "optimizer.lr=1e-4"])
    assert yaml.safe_load(yaml.safe_dump(settings)) == settings
    assert settings["optimizer"]["lr"] == 1e-4


def test_the_users_own_conf_joins(own: Path) -> None:
    settings = composition.compose(["model=mine", "+model.width=5"])
    assert settings["choices"]["model"] == "mine"
    checks.check_fit(build.parts(settings))


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("_target_: my_nets.Blend\nchanels: 1\n", ["model.chanels", "'channels'"]),
        ("_target_: my_nets.Blend\nchannels: one\n", ["model.channels", "'one'"]),
        ("_target_: my_nets.Blnd\nchannels: 1\n", ["'Blend'"]),
        ("channels: 1\n", ["model", "_target_"]),
        ("_target_: my_nets.Blend\n", ["model.channels", "missing"]),
        ("_target_: my_nets.Blend\nchannels: 2\n", ["model=mine", "1x64x64"]),
        ("_target_: my_nets.Blend\nchannels: 1\nwidth: 4\n", ["model=mine", "1x65x65"]),
        ("_target_: restorelab.models.ae.AE\nseperable: true\n", ["model.seperable", "'separable'"]),
        ("_target_: pathlib.Path\n", ["model", "torch.nn.Module"]),
    ],
)
def test_a_users_own_file_is_checked_like_ours(own: Path, text: str, words: list[str]) -> None:
    (own / "conf" / "model" / "mine.yaml").write_text(text)
    with pytest.raises(ConfigError) as caught:
        checks.check_fit(build.parts(composition.compose(["model=mine"])))
    assert all(word in str(caught.value) for word in words), str(caught.value)


def test_a_misspelled_option_is_looked_for_in_both_places(own: Path) -> None:
    with pytest.raises(ConfigError, match=f"(?s){own}.*'mine'"):
        composition.compose(["model=mien"])


def test_a_foreign_module_needs_no_file() -> None:
    checks.check_fit(build.parts(composition.compose(["~model", "+model={_target_: torch.nn.Identity}"])))
    node = "+model={_target_: torch.nn.Conv2d, in_channels: 1, out_channels: 1, kernel_size: 3}"
    with pytest.raises(ConfigError, match="1x62x62"):
        checks.check_fit(build.parts(composition.compose(["~model", node])))


def composed_by_train(argv: list[str], monkeypatch: pytest.MonkeyPatch) -> dict[str, Any]:
    seen: list[dict[str, Any]] = []
    monkeypatch.setattr(main, "run_one", lambda settings, *rest: seen.append(settings) or 0)
    assert main.main(["train", *argv]) == 0
    return seen[0]


def test_a_run_repeats_from_its_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    first = composition.compose(["model=dual_ae", "noise=each", "data.size=32", "optimizer=sgd", "seed=5"])
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "config.yaml").write_text(yaml.safe_dump(first, sort_keys=False))
    again = composed_by_train(["--config-dir", "run", "--config-name", "config"], monkeypatch)
    assert again == first
    changed = composed_by_train(["--config-dir", "run", "--config-name", "config", "seed=6"], monkeypatch)
    assert changed == {**first, "seed": 6}
    assert [path.name for path in tmp_path.iterdir()] == ["run"]  # Hydra makes no folders


def test_train_and_compose_agree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    overrides = ["model=ae_sep", "noise=mixture", "evaluation=[own,poisson_30]", "logger=csv"]
    assert composed_by_train(overrides, monkeypatch) == composition.compose(overrides)


def test_composing_imports_nothing_heavy() -> None:
    code = (
        "import sys, restorelab.cli.main, restorelab.config.schema, restorelab.cli.preview\n"
        "from restorelab.config.composition import compose\n"
        "compose(['model=dual_ae_skip', 'noise=each', 'data=imdb_wiki'])\n"
        "heavy = {'torch', 'lightning', 'numpy', 'wandb', 'kornia', 'matplotlib', 'scipy'} & set(sys.modules)\n"
        "assert not heavy, heavy"
    )
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@pytest.mark.parametrize("size", ["64", "null"])
def test_a_size_of_one_number_where_two_are_read_is_explained(size: str) -> None:
    with pytest.raises(ConfigError, match=r"model\.height: .*data\.size=\[64,64\]"):
        composition.compose(["model=classifier", "objective=classify", f"data.size={size}"])


IDENTITY = ["~model.channels", "~model.depth", "~model.features", "~model.batch_norm", "~model.residual"]


@pytest.mark.parametrize(
    ("overrides", "group", "name"),
    [
        (["model._target_=torch.nn.Identity", *IDENTITY], "model", "Identity"),
        (["~model", "+model={_target_: torch.nn.Identity}"], "model", "Identity"),
        (["model.depth=3"], "model", "dncnn_small"),
        (["model._target_=restorelab.models.dncnn.DnCNN"], "model", "dncnn_small"),
        (["model={depth: 3}"], "model", "dncnn_small"),
        (["model=dual_ae_skip", "data.size=32"], "model", "dual_ae_skip"),
        (["noise._target_=my_noises.Rain"], "noise", "Rain"),
        (["loss._target_=torch.nn.MSELoss"], "loss", "MSELoss"),
        (["optimizer._target_=torch.optim.NAdam"], "optimizer", "NAdam"),
        (["data.source._target_=my_sources.Scans"], "data", "Scans"),
        (["data=mnist", "data.limit=3"], "data", "mnist"),
    ],
)
def test_a_replaced_target_is_called_by_its_class(overrides: list[str], group: str, name: str) -> None:
    settings = composition.compose(overrides)
    assert settings["choices"][group] == name
    parts = [settings["choices"][key] for key in ("model", "data", "noise")]
    assert settings["name"] == "-".join(parts)


def test_an_experiments_own_class_is_called_by_its_name(own: Path) -> None:
    (own / "conf" / "experiment").mkdir()
    text = "# @package _global_\ndefaults: [{override /model: mine}]\nmodel: {_target_: my_nets.Other}\n"
    (own / "conf" / "experiment" / "x.yaml").write_text(text)
    assert composition.compose(["experiment=x"])["choices"]["model"] == "Other"
    assert composition.compose(["model=mine"])["choices"]["model"] == "mine"


def test_several_options_of_a_group_are_a_choice() -> None:
    chosen = composition.compose(["logger=[wandb,csv]", "callbacks=[]"])["choices"]
    assert chosen["logger"] == "wandb,csv"
    assert "callbacks" not in chosen
    assert chosen["model"] == "dncnn_small"
