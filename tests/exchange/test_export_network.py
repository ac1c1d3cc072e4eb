"""`restorelab export`: files of other programs that restore what the network restores, and cards that say so."""

import json
import shutil
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
import yaml

import restorelab
import runs
from restorelab.cli.main import main
from restorelab.config import composition, packaged
from restorelab.exchange import dtmodel, export_check, export_source, exported_file, model_card
from restorelab.models import spandrel
from restorelab.restoring.inference import restore
from restorelab.runs.record import Record

TAKES_SIGMA = ("model.widths=[4,8]", "model.blocks=[1,1]", "model.noise_level=true")


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("export") / "trained"
    evaluations = "evaluation=[gaussian_25,jpeg_10]"
    outcome = runs.run(folder, "trainer.max_epochs=1", evaluations, "data.test=4", "data.limit=24")
    assert outcome.status == "done", outcome.message
    return folder


def told(capsys: pytest.CaptureFixture[str], *arguments: Any, status: int = 0) -> str:
    assert main(["export", *map(str, arguments)]) == status
    captured = capsys.readouterr()
    return captured.out + captured.err


@pytest.mark.parametrize("ending", ["pth", "safetensors"])
def test_weights_with_their_card(
    trained: Path, ending: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / f"mine.{ending}"
    said = told(capsys, trained, f"out={file}", "images=2", "summary=gray noise", "licence=CC0")
    assert "On 4 test images the file differs from the network by at most 0.00000 dB" in said
    card = json.loads(file.with_suffix(".json").read_text())
    assert (card["summary"], card["licence"], card["channels"]) == ("gray noise", "CC0", 1)
    assert card["check"]["largest_db"] == 0
    assert [row["evaluation"] for row in card["numbers"]] == ["gaussian_25", "jpeg_10"]
    image = torch.rand(1, 1, 20, 24)
    expected = restorelab.load(trained)(image)
    (tmp_path / "plain").touch()
    assert {f.stat().st_mode for f in (file, file.with_suffix(".json"))} == {(tmp_path / "plain").stat().st_mode}
    if ending == "safetensors":  # it is a packaged network of one's own
        assert torch.equal(packaged.load(packaged.read(file))(image).clamp(0, 1), expected)
    own = ["model=dncnn", "model.depth=3", "model.features=4"]
    assert torch.equal(restorelab.load(file, model=own)(image), expected)


def test_a_model_card_is_markdown(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    told(capsys, trained, f"out={tmp_path / 'card.md'}")
    text = (tmp_path / "card.md").read_text()
    result = json.loads((trained / "result.json").read_text())
    for entry in result["evaluations"]:
        (row,) = [line for line in text.splitlines() if f"| {entry['degradation']} |" in line]
        assert f"{entry['metrics']['test/psnr']:.2f}" in row
    assert f"{result['parameters']:,} parameters" in text


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["RUN"], ["where it goes"]),
        (["RUN", "out=OUT/a.onx"], [".onx", "'.onnx'"]),
        (["RUN", "out=OUT/a.onnx", "format=onyx"], ["'onnx'"]),
        (["RUN", "out=OUT/a.pth", "format=onnx"], ["ends in .onnx"]),
        (["RUN", "out=OUT/none/a.onnx"], ["there is no folder"]),
        (["RUN", "out=OUT/a.pth", "sigma=25"], ["weights alone"]),
        (["RUN", "out=OUT/a.onnx", "sigma=300"], ["0 to 255"]),
        (["RUN", "out=OUT/a.onnx", "sigma=25"], ["DnCNN does not take the noise level"]),
        (["RUN", "out=OUT/a.dtmodel"], ["takes 1 channel", "data.channels=3"]),
        (["RUN", "out=OUT/a.pth", "images=0"], ["images=0"]),
        (["RUN", "out=OUT/a.pth", "ouput=b"], ["ouput", "'out'"]),
        (["RUN/checkpoints/none.ckpt", "out=OUT/a.pth"], ["there is no"]),
        (["denoise_grey", "out=OUT/a.pth"], ["denoise_grey"]),
    ],
)
def test_what_cannot_be_exported_is_told_with_status_2(
    trained: Path, arguments: list[str], words: list[str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    said = told(capsys, *(a.replace("RUN", str(trained)).replace("OUT", str(tmp_path)) for a in arguments), status=2)
    assert all(word in said for word in words), said
    assert not list(tmp_path.iterdir())


def test_a_file_that_is_there_is_kept(trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "a.json").write_text("mine")
    assert "a.json exists" in told(capsys, trained, f"out={tmp_path / 'a.pth'}", status=2)
    assert (tmp_path / "a.json").read_text() == "mine"
    told(capsys, trained, f"out={tmp_path / 'a.pth'}", "overwrite=true", "images=1")
    assert json.loads((tmp_path / "a.json").read_text())["format"] == "torch"


def test_a_file_that_restores_otherwise_is_not_kept(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """An exporter that loses 1 % of the weights' size, as coarse quantization would."""
    write = torch.save
    monkeypatch.setattr(torch, "save", lambda state, file: write({n: v * 0.9 for n, v in state.items()}, file))
    said = told(capsys, trained, f"out={tmp_path / 'a.pth'}", "images=2", status=1)
    assert "Expected at most 0.01 dB, so no file is kept" in said
    assert not list(tmp_path.iterdir())


def test_an_output_that_is_not_a_number_differs(trained: Path) -> None:
    """Only of one image, which is not the first: a maximum may pass NaN over."""
    source = export_source.open_source(str(trained), {})
    calls: list[int] = []

    def run(degraded: torch.Tensor, level: torch.Tensor | None) -> torch.Tensor:
        calls.append(1)
        return degraded / (len(calls) != 3)

    check = export_check.compare(source, run, None, 2)
    assert (check.images, np.isnan(check.decibels), np.isnan(check.pixel)) == (4, True, True)


def test_a_run_without_test_images_is_checked_on_photographs(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(composition, "compose", runs.composed)  # which gives the same in a third of the time
    run = shutil.copytree(trained, tmp_path / "run")
    result = json.loads((run / "result.json").read_text())
    (run / "result.json").write_text(json.dumps(result | {"evaluations": [], "metrics": {}}))
    assert "On 2 test images" in told(capsys, run, f"out={tmp_path / 'a.pth'}", "images=2")
    assert json.loads((tmp_path / "a.json").read_text())["numbers"] == []


def test_weights_that_were_not_measured_have_no_numbers(trained: Path) -> None:
    for name, count in (("best", 2), ("last", 0)):
        card = export_source.open_source(f"{trained}/checkpoints/{name}.ckpt", {}).card
        assert len(card["numbers"]) == count
        assert card["trained"]["steps"] > 0
    assert "These weights were not measured." in model_card.markdown(card)


def test_the_card_of_an_evaluation_tells_how_its_weights_were_trained(trained: Path) -> None:
    """Or that it is not known, of weights from elsewhere; never the defaults of the evaluation's own config."""
    net = restorelab.load(trained)
    net.takes_sigma = True
    record, evaluation = Record("run", trained), Record("run", trained)
    record.config["noise"]["sigma"] = [15, 50, 25]
    assert model_card.card_of(record, net, {}, [])["sigma"] == [15, 50]
    evaluation.config |= {"train": False, "ckpt": str(trained), "seed": 7}
    evaluation.config["data"]["root"] = "photographs/Set12"
    card = model_card.card_of(evaluation, net, {}, [evaluation])
    assert card["trained"] == model_card.card_of(Record("run", trained), net, {}, [])["trained"]
    assert [row["set"] for row in card["numbers"]] == ["Set12", "Set12"]
    longer = Record("run", trained)
    longer.config |= {"ckpt": f"{trained}/checkpoints/best.ckpt", "clip": 8.0}
    training = model_card.card_of(longer, net, {}, [])["trained"]
    assert (training["clip"], training["before"]) == (8, card["trained"])
    evaluation.config["ckpt"] = "/from/elsewhere.pth"
    card = model_card.card_of(evaluation, net, {}, [])
    assert (card["trained"], card["sigma"]) == ({}, None)
    assert "How the weights were trained is not known." in model_card.markdown(card)
    evaluation.config["data"]["root"] = None
    evaluation.result["evaluations"][0] |= {"set": "bsd68", "degradation": "bsd68/gaussian_25"}
    evaluation.per_image = lambda name: record.per_image(name.rpartition("/")[2])
    (first, second) = model_card.card_of(evaluation, net, {}, [evaluation])["numbers"]
    assert (first["set"], first["evaluation"], second["set"]) == ("bsd68", "gaussian_25", "test")


def test_weights_outside_of_a_run_are_refused_whatever_is_installed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spandrel, "installed", lambda: True)
    torch.save({"weight": torch.ones(1)}, tmp_path / "w.pth")
    assert "evaluate" in told(capsys, tmp_path / "w.pth", f"out={tmp_path / 'a.pth'}", status=2)
    (tmp_path / "a.pth").mkdir()
    said = told(capsys, tmp_path / "w.pth", f"out={tmp_path / 'a.pth'}", "overwrite=true", status=2)
    assert "a.pth is a folder" in said


def test_a_run_of_somebody_else_executes_nothing(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copied = tmp_path / "copied"
    shutil.copytree(trained, copied)
    config = yaml.safe_load((copied / "config.yaml").read_text())
    config["model"] = {"_target_": "stealthy_package.module.Name"}
    (copied / "config.yaml").write_text(yaml.safe_dump(config))
    said = told(capsys, copied, f"out={tmp_path / 'a.pth'}", status=2)
    assert "stealthy_package.module.Name is not imported" in said
    assert "trust=[stealthy_package]" in said


def test_padding_by_indices_is_that_of_restore() -> None:
    """Reflection at the lower and right edge, so that a network with a multiple takes any size."""

    class Strided(torch.nn.Module):
        multiple = 8

        def forward(self, image: torch.Tensor) -> torch.Tensor:
            return torch.nn.functional.interpolate(torch.nn.functional.avg_pool2d(image, 8), scale_factor=8.0)

    net = Strided()
    for size in ((16, 24), (17, 31), (9, 12)):
        image = torch.rand(2, 1, *size)
        assert torch.equal(exported_file.Exportable(net, None)(image), restore(net, image))


@pytest.mark.slow
@pytest.mark.parametrize("sigma", [None, 25])
def test_onnx_takes_any_size_and_batch_and_the_noise_level(
    sigma: int | None, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    onnxruntime = pytest.importorskip("onnxruntime", reason="the extra [export] is not installed")
    run = tmp_path / "run"
    base = [o for o in runs.TINY if not o.startswith("model")]
    from restorelab.training import execute

    outcome = execute.execute(runs.composed([
        *base, f"run_dir={run}", "model=unet", *TAKES_SIGMA, "noise.sigma=[0,50]", "evaluation=gaussian_25",
        "trainer.max_epochs=1", "data.channels=3", "data.test=3",
    ]))  # fmt: skip
    assert outcome.status == "done", outcome.message
    said = told(capsys, run, f"out={tmp_path / 'a.onnx'}", "images=2", *([f"sigma={sigma}"] if sigma else []))
    assert "differs from the network by at most 0.0000" in said
    session = onnxruntime.InferenceSession(tmp_path / "a.onnx")
    assert [given.name for given in session.get_inputs()] == ["degraded", *([] if sigma else ["sigma"])]
    assert session.get_outputs()[0].name == "restored"
    metadata = session.get_modelmeta().custom_metadata_map
    assert json.loads(metadata["channels"]) == 3
    assert ("sigma" in metadata) == (sigma is None)
    net = restorelab.load(run)
    for shape in ((1, 3, 33, 47), (2, 3, 48, 64), (3, 3, 24, 25)):
        image, level = torch.rand(shape), torch.full((shape[0],), (sigma or 15) / 255)
        given = {"degraded": image.numpy()} | ({} if sigma else {"sigma": level.numpy()})
        (output,) = session.run(None, given)
        np.testing.assert_allclose(output, restore(net, image, level).numpy(), atol=2e-6)
    if sigma:
        told(capsys, run, f"out={tmp_path / 'mine.dtmodel'}", "images=1", "sigma=25")
        with zipfile.ZipFile(tmp_path / "mine.dtmodel") as archive:
            assert set(archive.namelist()) == {"denoise-mine/config.json", "denoise-mine/model.onnx"}
            config = json.loads(archive.read("denoise-mine/config.json"))
        assert {key: config[key] for key in ("id", "task", "backend", "num_inputs")} == {
            "id": "denoise-mine", "task": "denoise", "backend": "onnx", "num_inputs": 1,
        }  # fmt: skip
        session = onnxruntime.InferenceSession(dtmodel.model_in(tmp_path / "mine.dtmodel"))
        (taken,) = session.get_inputs()
        assert (taken.name, taken.shape[1], taken.type) == ("input", 3, "tensor(float)")
        assert session.get_outputs()[0].name == "output"
    else:
        assert "Add a constant one" in told(capsys, run, f"out={tmp_path / 'mine.dtmodel'}", status=2)
