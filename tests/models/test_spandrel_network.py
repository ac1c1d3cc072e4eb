"""Networks that spandrel recognizes by their weights; it needs torchvision, so it is in no pinned set."""

from pathlib import Path

import pytest
import torch

import restorelab
from restorelab.cli.main import main
from restorelab.errors import ConfigError, DataError
from restorelab.models import spandrel as ours

theirs = pytest.importorskip("spandrel", reason="the extra [spandrel] is not installed", exc_type=ImportError)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A small ESRGAN (BasicSR's names), which enlarges by 2, as BasicSR stores it."""
    from spandrel.architectures.ESRGAN import ESRGAN

    torch.manual_seed(0)
    torch.save({"params_ema": ESRGAN(num_filters=8, num_blocks=1, scale=2).state_dict()}, tmp_path / "esrgan.pth")
    return tmp_path / "esrgan.pth"


def test_a_network_is_recognized_and_restores_as_spandrel_does(file: Path) -> None:
    net = ours.Spandrel(str(file))
    image = torch.rand(1, 3, 17, 21)
    assert (net.name, net.channels, net.scale) == ("ESRGAN", 3, 2)
    assert torch.equal(net(image), theirs.ModelLoader().load_from_file(file)(image))
    assert torch.equal(restorelab.load(file)(image), net(image))
    assert not any(parameter.requires_grad for parameter in net.parameters())
    with torch.device("meta"):
        assert ours.Spandrel(str(file))(image.to("meta")).shape == (1, 3, 34, 42)


def test_it_is_evaluated_by_one_command(file: Path, tmp_path: Path) -> None:
    words = ["model=spandrel", "data=photos", "data.size=32", "data.limit=6", "data.channels=3", "downsample=bicubic",
             "noise=none", "evaluation=own", "logger=csv", "pictures=0", f"run_dir={tmp_path / 'run'}"]  # fmt: skip
    assert main(["evaluate", str(file), *words]) == 0
    assert (tmp_path / "run" / "result.json").is_file()


def test_unknown_weights_are_refused(tmp_path: Path) -> None:
    torch.save({"strange.weight": torch.ones(3, 3)}, tmp_path / "a.pth")
    with pytest.raises(ConfigError, match=r"no network in .*a\.pth, whose first weights are strange\.weight\."):
        ours.Spandrel(str(tmp_path / "a.pth"))


def test_damaged_weights_of_a_known_network_are_refused(file: Path) -> None:
    state = torch.load(file, weights_only=True)["params_ema"]
    name = next(name for name in state if "RDB1.conv2" in name)
    torch.save({other: value for other, value in state.items() if other != name}, file)
    with pytest.raises(ConfigError, match=rf"cannot build the network in .*Missing key.*{name}"):
        restorelab.load(file)
    torch.save(state | {name: state[name] * torch.nan}, file)
    with pytest.raises(DataError, match=rf"NaN or infinite values in 1 of its tensors: {name}"):
        restorelab.load(file)
