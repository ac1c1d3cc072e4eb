"""Networks of conf/model, made small, as files that restore what they restore; or a refusal that names why."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import runs
from restorelab.config import build
from restorelab.errors import ConfigError
from restorelab.exchange import export_network, exported_file, sets
from restorelab.exchange.export_check import Check, compare
from restorelab.exchange.export_source import ExportSource
from restorelab.noise_level import takes_sigma

pytestmark = pytest.mark.slow

DOWN = ["downsample=bicubic", "noise=none", "evaluation=own"]
SMALL: dict[str, list[str]] = {
    "dncnn": ["model.depth=3", "model.features=4"],
    "unet": ["model.widths=[4,8]", "model.blocks=[1,1]", "model.noise_level=true"],
    "ircnn": ["model.features=4"],
    "ffdnet": ["model.features=4", "model.depth=3"],
    "drunet": ["model.widths=[4,6,8,8]", "model.blocks=1"],
    "nafnet_tiny": ["model.width=4", "model.encoder=[1,1]", "model.decoder=[1,1]"],
    "restormer": ["model.width=8", "model.blocks=[1,1,1,1]", "model.refinement=1"],
    "swinir": ["model.width=12", "model.depths=[2]", "model.heads=2"],
    "scunet": ["model.blocks=[1,1,1,1,1,1,1]"],
    "edsr": ["model.features=4", "model.blocks=1", *DOWN],
    "span": ["model.features=4", *DOWN],
    "ae": [],
    "dual_ae_skip": [],
    "red_net": [],
    "mnist_conv_ae": [],
    "median": [],
}
"""Overrides by the option of the group."""


def _source(model: str, folder: Path, *overrides: str) -> ExportSource:
    """A network with its initial weights, and two test images of sides that no stride divides."""
    folder.mkdir()
    for number in range(2):
        smooth = np.add.outer(np.arange(54), np.arange(70)) * (number + 1) % 256
        Image.fromarray(smooth.astype(np.uint8)).save(folder / f"{number}.png")
    data = ["data=folder", f"data.root={folder}", "data.test=all", "data.val=0", "evaluation=gaussian_25"]
    settings: dict[str, Any] = runs.composed([*data, f"model={model}", *overrides])
    net = build.make("model", settings["model"]).eval()
    card = {"name": model, "model": settings["model"], "channels": settings["data"]["channels"]}
    protocol = build.make("protocol", settings["protocol"])
    return ExportSource(net, card, lambda: sets.open_sets(settings, "test")[1], protocol)


@pytest.mark.parametrize("model", SMALL)
def test_an_onnx_file_restores_what_the_network_restores(model: str, tmp_path: Path) -> None:
    pytest.importorskip("onnxscript")
    source = _source(model, tmp_path / "images", *SMALL[model])
    exported_file.write(source, source.card, tmp_path / "a.onnx", "onnx", None)
    check = compare(source, exported_file.opened(source, tmp_path / "a.onnx", "onnx", None), None, 2)
    assert check.images == 2
    assert check.decibels <= Check.LIMIT


@pytest.mark.parametrize("kind", ["torch", "safetensors", "dtmodel"])
@pytest.mark.parametrize("model", SMALL)
def test_files_of_color_networks_restore_what_the_network_restores(model: str, kind: str, tmp_path: Path) -> None:
    if kind == "dtmodel":
        pytest.importorskip("onnxscript")
    source = _source(model, tmp_path / "images", *SMALL[model], "data.channels=3")
    sigma = 25.0 if kind == "dtmodel" and takes_sigma(source.net) else None
    file = tmp_path / f"a{export_network.ENDINGS[kind]}"
    if kind == "dtmodel" and getattr(source.net, "scale", 1) > 1:
        with pytest.raises(ConfigError, match="this network enlarges"):
            exported_file.write(source, source.card, file, kind, sigma)
        return
    if kind != "dtmodel" and not source.net.state_dict():
        with pytest.raises(ConfigError, match="has no weights"):
            exported_file.write(source, source.card, file, kind, sigma)
        return
    exported_file.write(source, source.card, file, kind, sigma)
    check = compare(source, exported_file.opened(source, file, kind, sigma), sigma, 2)
    assert check.decibels <= (Check.LIMIT if kind == "dtmodel" else 0)


def test_a_network_of_one_size_is_refused(tmp_path: Path) -> None:
    source = _source("mnist_mlp_ae", tmp_path / "images", "data.size=[28,28]")
    with pytest.raises(ConfigError, match="only images of 28x28"):
        exported_file.write(source, source.card, tmp_path / "a.onnx", "onnx", None)
