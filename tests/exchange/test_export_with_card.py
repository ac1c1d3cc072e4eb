"""A network is exported with its card as the package has them, and is the same network under its name."""

import hashlib
import json
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from scoring import Made

import restorelab
from restorelab.config import packaged
from restorelab.errors import ConfigError, DataError, UserError
from restorelab.exchange import export_check, export_network
from restorelab.runs.record import Record

TEXTS = ["summary=removes noise", "data=photographs", "licence=CC0", "command=python train.py noise=gaussian"]


def exported(run: Path, out: Path, *more: str) -> int:
    return export_network.run([str(run), f"out={out}", *TEXTS, *more])


@pytest.fixture(scope="module")
def folder(made: Made, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("networks")
    assert exported(made.run, out / "tiny.safetensors", "precision=auto") == 0
    return out


@pytest.fixture
def named(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(packaged, "FOLDER", folder)
    return folder


def test_the_name_gives_the_run_s_network(made: Made, named: Path) -> None:
    image = torch.rand(1, 1, 20, 24, generator=torch.Generator().manual_seed(0))
    by_name, by_run = restorelab.load("tiny"), restorelab.load(made.run)
    restored = by_name(image)
    assert not by_name.training
    assert (restored - by_run(image)).abs().max() < 1e-3  # half precision: 11 bits
    assert torch.equal(restored, restorelab.load(named / "tiny.safetensors")(image))
    assert packaged.lines() == ["tiny: removes noise"]


def test_the_card_tells_how_it_was_made_and_measured(made: Made, named: Path) -> None:
    card = json.loads((named / "tiny.json").read_text())
    record = Record("run", made.run)
    assert card["sha256"] == hashlib.sha256((named / "tiny.safetensors").read_bytes()).hexdigest()
    assert {tensor.dtype for tensor in load_file(named / "tiny.safetensors").values()} == {torch.float16, torch.int64}
    assert card["parameters"] == record.result["parameters"]
    assert (card["licence"], card["sigma"], card["channels"]) == ("CC0", None, 1)
    assert card["trained"]["steps"] == max(record.history["step"])
    assert [row["evaluation"] for row in card["numbers"]] == record.evaluations
    for row in card["numbers"]:
        assert row["psnr"] == pytest.approx(record.metric(row["evaluation"], "psnr"), abs=1e-6)
        low, high = row["psnr_interval"]
        assert low < row["psnr"] < high
    assert (card["precision"], card["check"]["images"]) == ("float16", 18)
    assert 0 < card["check"]["largest_db"] < export_network.LOSS


def test_the_numbers_may_be_those_of_evaluations(made: Made, named: Path, tmp_path: Path) -> None:
    assert exported(made.run, tmp_path / "tiny.safetensors", f"measured={made.run},{made.run}") == 0
    numbers = json.loads((tmp_path / "tiny.json").read_text())["numbers"]
    assert numbers == 2 * json.loads((named / "tiny.json").read_text())["numbers"]


def test_numbers_of_other_weights_are_refused(made: Made, tmp_path: Path) -> None:
    other = shutil.copytree(made.run, tmp_path / "other")
    state = torch.load(other / "checkpoints" / "best.ckpt", weights_only=True)
    torch.save({**state, "epoch": 99}, other / "checkpoints" / "best.ckpt")
    with pytest.raises(ConfigError, match=r"measured=.*other: it measured .*which are not the weights in"):
        exported(made.run, tmp_path / "tiny.safetensors", f"measured={other}")
    assert not list(tmp_path.glob("tiny*"))


def test_precision_is_kept_where_it_is_asked_for(made: Made, tmp_path: Path) -> None:
    assert exported(made.run, tmp_path / "tiny.safetensors") == 0
    image = torch.rand(1, 1, 20, 24, generator=torch.Generator().manual_seed(0))
    assert torch.equal(restorelab.load(tmp_path / "tiny.safetensors")(image), restorelab.load(made.run)(image))


def test_half_precision_that_changes_too_much_is_not_kept(
    made: Made, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Here any change at all is too much for `auto`, and 16 bits are refused where they were asked for."""
    monkeypatch.setattr(export_network, "LOSS", 0.0)
    assert exported(made.run, tmp_path / "tiny.safetensors", "precision=auto") == 0
    assert json.loads((tmp_path / "tiny.json").read_text())["precision"] == "float32"
    monkeypatch.setattr(export_check.Check, "LIMIT", 0.0)
    with pytest.raises(UserError, match="Expected at most 0 dB, so no file is kept"):
        exported(made.run, tmp_path / "half.safetensors", "precision=half")
    assert not list(tmp_path.glob("half*"))
    with pytest.raises(ConfigError, match=r"precision=quarter: .*half"):
        exported(made.run, tmp_path / "half.safetensors", "precision=quarter")
    with pytest.raises(ConfigError, match="format=onnx computes in float32"):
        exported(made.run, tmp_path / "half.onnx", "precision=half")


def test_a_wrong_name_is_told_with_the_nearest(named: Path) -> None:
    with pytest.raises(ConfigError, match=r"'dncnn' is .*, but a model that train builds, without weights"):
        packaged.find("dncnn")
    with pytest.raises(ConfigError, match=r"'tinny' is neither a run[a-z, ]*\. Did you mean 'tiny'"):
        restorelab.load("tinny")


def _copied(folder: Path, out: Path, **changes: object) -> Path:
    card = json.loads((folder / "tiny.json").read_text()) | changes
    (out / "copy.json").write_text(json.dumps(card))
    (out / "copy.safetensors").write_bytes((folder / "tiny.safetensors").read_bytes())
    return out / "copy.safetensors"


def test_a_card_is_data_and_names_no_code(folder: Path, tmp_path: Path) -> None:
    file = _copied(folder, tmp_path, model={"_target_": "os.system", "command": "true"})
    with pytest.raises(ConfigError, match=r"os\.system is not imported"):
        restorelab.load(file)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"sigma": [0, "75"]}, "`sigma`, two numbers"),
        ({"parameters": "many"}, "`parameters`, a whole number"),
        ({"trained": {"choices": ["unet"]}}, "so its `choices`"),
        ({"numbers": [{"set": "set12"}]}, "each with an `evaluation`"),
        ({"channels": 2}, "`channels` of 1 or 3"),
        ({"schema": 2}, "it is of schema 2, and this version reads 1"),
    ],
)
def test_a_card_with_other_values_is_refused(folder: Path, tmp_path: Path, changes: dict, words: str) -> None:
    with pytest.raises(DataError, match=f"is not a model card: .*{words}"):
        restorelab.load(_copied(folder, tmp_path, **changes))


def test_damage_is_told(folder: Path, tmp_path: Path) -> None:
    file = _copied(folder, tmp_path)
    file.write_bytes(file.read_bytes()[:-1])
    with pytest.raises(DataError, match="SHA-256"):
        restorelab.load(file)
    file = _copied(folder, tmp_path, sha256=hashlib.sha256(b"nothing").hexdigest())
    file.write_bytes(b"nothing")
    with pytest.raises(DataError, match="cannot be read as safetensors"):
        restorelab.load(file)
    save_file({"other": torch.zeros(3)}, tmp_path / "copy.safetensors")
    card = json.loads((tmp_path / "copy.json").read_text()) | {"sha256": hashlib.sha256(file.read_bytes()).hexdigest()}
    (tmp_path / "copy.json").write_text(json.dumps(card))
    with pytest.raises(DataError, match="the network in its card"):
        restorelab.load(file)
    (tmp_path / "copy.json").write_text("{")
    with pytest.raises(DataError, match="cannot be read as a model card"):
        restorelab.load(file)
