"""Every file of conf/loss builds a loss that is least for a perfect result and gives gradients."""

from pathlib import Path

import pytest
import torch
from hydra.utils import instantiate
from omegaconf import OmegaConf

from restorelab.models.classifier import Classifier

FILES = sorted((Path(__file__).resolve().parents[2] / "conf" / "loss").glob("*.yaml"))


def test_names():
    assert {path.stem for path in FILES} >= {"mse", "l1", "huber", "charbonnier", "bce", "ssim", "ms_ssim", "sum"}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.stem)
def test_contract(path, tmp_path):
    torch.manual_seed(0)
    config = OmegaConf.create({"data": {"channels": 3, "size": [32, 32]}, "loss": OmegaConf.load(path)})
    if path.stem == "perceptual":
        config.loss.ckpt = str(tmp_path / "best.ckpt")
        torch.save(Classifier(height=32, width=32, init="torch").state_dict(), config.loss.ckpt)
    loss = instantiate(config.loss, _convert_="all")
    clean = torch.rand(2, 3, 32, 32)
    restored = (clean + 0.1 * torch.randn_like(clean)).clamp(0.01, 0.99).requires_grad_()
    value = loss(restored, clean)
    assert value.shape == ()
    assert value.dtype == torch.float32
    assert loss(clean, clean) < value
    value.backward()
    # A step down the gradient lowers the loss: a flipped sign or a detached term would not.
    step = 1e-3 * restored.grad / restored.grad.norm()
    assert loss(restored.detach() - step, clean) < value
