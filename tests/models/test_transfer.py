"""transfer=RUN: weights of equal name are taken from another network, the rest starts anew."""

from pathlib import Path

import pytest
import torch

import runs
from restorelab.errors import ConfigError
from restorelab.models import weights
from restorelab.models.classifier import Classifier
from restorelab.models.conv_deconv import ConvDeconv
from restorelab.models.dncnn import DnCNN

WIDTHS = (4, 4, 8, 8, 8)


@pytest.fixture
def denoiser(tmp_path: Path) -> Path:
    torch.manual_seed(0)
    torch.save(ConvDeconv(1, WIDTHS, init="torch").state_dict(), tmp_path / "denoiser.ckpt")
    return tmp_path / "denoiser.ckpt"


def classifier(**options: object) -> Classifier:
    torch.manual_seed(1)
    return Classifier(**({"channels": 1, "height": 32, "width": 32, "widths": WIDTHS, "hidden": 8} | options))


def test_convolutions_are_the_denoisers_and_the_rest_is_its_own(denoiser: Path):
    net, fresh = classifier(), classifier()
    taken = weights.transfer(net, denoiser)
    assert taken == [f"conv{i}.{part}" for i in range(1, 6) for part in ("weight", "bias")]
    state, given = net.state_dict(), torch.load(denoiser, weights_only=True)
    assert all(torch.equal(state[name], given[name]) for name in taken)
    own = [name for name in state if name not in taken]
    assert own
    assert all(torch.equal(state[name], fresh.state_dict()[name]) for name in own)


def test_with_the_denoisers_gates_its_activations_are_the_classifiers(denoiser: Path):
    gates = (0.1, 0.2, 0.3, 0.4)
    net = classifier(gates=gates)
    weights.transfer(net, denoiser)
    source = ConvDeconv(1, WIDTHS, gates=gates)
    source.load_state_dict(torch.load(denoiser, weights_only=True))
    image = torch.rand(2, 1, 32, 32)
    for one, other in zip(net.activations(image), source.activations(image), strict=True):
        assert torch.equal(one, other)


def test_a_shape_that_does_not_fit_is_named_and_nothing_is_taken(denoiser: Path):
    net = classifier(widths=(4, 6, 8, 8, 8))
    before = {name: value.clone() for name, value in net.state_dict().items()}
    with pytest.raises(ConfigError, match=r"conv2\.weight is \(4, 4, 3, 3\), not \(6, 4, 3, 3\)"):
        weights.transfer(net, denoiser)
    assert all(torch.equal(value, before[name]) for name, value in net.state_dict().items())


def test_a_network_without_a_name_in_common_is_refused(denoiser: Path):
    with pytest.raises(ConfigError, match="none of its names"):
        weights.transfer(DnCNN(depth=3, features=4), denoiser)


def test_a_run_starts_from_them_and_a_missing_one_is_named(tmp_path: Path):
    torch.save({"model.0.weight": torch.full((4, 1, 3, 3), 0.25)}, tmp_path / "first.ckpt")
    done = runs.run(tmp_path / "run", f"transfer={tmp_path / 'first.ckpt'}", "optimizer.lr=1e-12", "max_steps=1")
    assert done.status == "done", done.message
    kept = torch.load(tmp_path / "run" / "checkpoints" / "best.ckpt", weights_only=True)["state_dict"]
    assert torch.allclose(kept["model.0.weight"], torch.full((4, 1, 3, 3), 0.25), atol=1e-6)
    assert not torch.allclose(kept["model.5.weight"], torch.full((1, 4, 3, 3), 0.25), atol=1e-2)
    missing = runs.run(tmp_path / "other", "transfer=/nowhere/best.ckpt")
    assert (missing.status, missing.exit_status) == ("failed", 2)
    assert "/nowhere" in missing.message
