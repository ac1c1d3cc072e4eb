"""Networks from papers in real runs, made small: super-resolution, the noise level, and what the protocol says."""

import json
import re
from html import unescape
from pathlib import Path

import pytest
import torch

import runs
from restorelab.config import build
from restorelab.errors import ConfigError
from restorelab.training import checks, execute

REST = [entry for entry in runs.TINY if not entry.startswith("model")]

SMALL = {
    "edsr": ["model.features=4", "model.blocks=1"],
    "span": ["model.features=4"],
    "nafnet_tiny": ["model.width=4", "model.encoder=[1,1]", "model.decoder=[1,1]", "model.tlc=16"],
    "ffdnet": ["model.features=4", "model.depth=3"],
}


def result(folder: Path, model: str, *overrides: str) -> tuple[execute.Outcome, dict]:
    settings = runs.composed([*REST, f"model={model}", *SMALL[model], f"run_dir={folder}", "max_steps=2", *overrides])
    outcome = execute.execute(settings)
    return outcome, json.loads((folder / "result.json").read_text())


@pytest.mark.slow
@pytest.mark.parametrize(("model", "factor"), [("edsr", 2), ("edsr", 3), ("edsr", 4), ("span", 3)])
def test_super_resolution_by_the_degradations_factor(tmp_path: Path, model: str, factor: int) -> None:
    more = ["downsample=bicubic", f"downsample.factor={factor}", "noise=none", "data.size=48"]
    outcome, measured = result(tmp_path / "run", model, *more)
    assert outcome.status == "done"
    assert measured["macs_of"] == [1, 48 // factor, 48 // factor]
    assert measured["metrics"]["input/psnr"] > 15  # of the bicubic enlargement


@pytest.mark.slow
def test_the_protocol_says_tlc_and_x8(tmp_path: Path) -> None:
    outcome, measured = result(tmp_path / "run", "nafnet_tiny", "protocol.self_ensemble=true")
    assert outcome.status == "done"
    said = "Local means over 24x24 pixels in the network's channel attention (TLC)."
    page = unescape((tmp_path / "run" / "report.html").read_text())
    assert said in page
    assert "(x8)" in page
    assert measured["network_note"] == said[0].lower() + said[1:-1]
    assert measured["evaluations"][0]["protocol"]["self_ensemble"]


@pytest.mark.slow
def test_x8_of_a_trained_network_is_measured_by_evaluation_alone(tmp_path: Path) -> None:
    _, once = result(tmp_path / "train", "ffdnet", "noise.sigma=25")
    ckpt = tmp_path / "train" / "checkpoints" / "best.ckpt"
    again = [f"ckpt={ckpt}", "train=false", "noise.sigma=25"]
    _, same = result(tmp_path / "same", "ffdnet", *again)
    _, eight = result(tmp_path / "eight", "ffdnet", *again, "protocol.self_ensemble=true")
    assert same["metrics"]["test/psnr"] == pytest.approx(once["metrics"]["test/psnr"], abs=1e-4)
    assert abs(eight["metrics"]["test/psnr"] - once["metrics"]["test/psnr"]) > 1e-4
    assert same["evaluations"][0]["spec"] != eight["evaluations"][0]["spec"]
    assert torch.load(ckpt, weights_only=True)


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (["model=edsr", "model.scale=3", "downsample=bicubic", "downsample.factor=2", "data.size=48"],
         "It enlarges by 3, and downsample.factor=2 makes images smaller by 2: model.scale=2, or downsample.factor=3."),
        (["model=dncnn", "downsample=bicubic", "downsample.factor=2"],
         "It does not enlarge, and downsample.factor=2 makes images smaller by 2: choose a network that enlarges by 2"),
        (["model=edsr"], "It enlarges by 2, and nothing makes images smaller: downsample=bicubic downsample.factor=2."),
        (["model=span", "data=pairs", "data.root=/nowhere"],
         "It enlarges by 2, and the degraded images of the pairs are as large as the clean ones: choose a network"),
        (["model=ffdnet", "model.channels=3", "noise=gaussian"], "Set data.channels=3, or model.channels=1."),
    ],
)  # fmt: skip
def test_what_does_not_fit_is_told_with_both_numbers(chosen: list[str], words: str) -> None:
    with pytest.raises(ConfigError, match=re.escape(words)):
        checks.check_fit(build.parts(runs.composed(["noise=none", *chosen])))
