"""Files of weights as people have them: wrapped, cut short, of another network, or no weights at all."""

import re
import zipfile
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

import restorelab
import runs
from restorelab.errors import ConfigError, DataError, UserError
from restorelab.models import weights
from restorelab.models.dncnn import DnCNN
from restorelab.runs.run_folder import RunFolder
from restorelab.training import run_progress


def net() -> DnCNN:
    return DnCNN(depth=3, features=4)


@pytest.fixture
def state() -> dict[str, torch.Tensor]:
    torch.manual_seed(3)
    return net().state_dict()


def prefixed(prefix: str, state: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    return {f"{prefix}{name}": value for name, value in state.items()}


WRAPPED = {
    "bare": lambda state: state,
    "DistributedDataParallel": lambda state: prefixed("module.", state),
    "torch.compile": lambda state: prefixed("_orig_mod.", state),
    "both": lambda state: prefixed("module._orig_mod.", state),
    "BasicSR": lambda state: {"params": prefixed("", {n: v + 1 for n, v in state.items()}), "params_ema": state},
    "BasicSR in parallel": lambda state: {"params": prefixed("module.", state)},
    "Lightning": lambda state: {"state_dict": prefixed("net.", state) | {"loss_fn.vgg.0.weight": torch.ones(1)},
                                "epoch": 3},
    "a trainer": lambda state: {"model": state, "optimizer": {"state": {}}, "epoch": 3},
    "swa_utils": lambda state: prefixed("module.", state) | {"n_averaged": torch.tensor(3)},
    "a holder of the same name": lambda state: {"state_dict": prefixed("model.", state)},
}  # fmt: skip


@pytest.mark.parametrize("wrap", WRAPPED.values(), ids=WRAPPED)
def test_wrapped_weights_are_found(wrap: Any, state: dict[str, torch.Tensor], tmp_path: Path):
    """DnCNN's own names begin with `model.`, which is a wrapper's name as well."""
    torch.save(wrap(state), tmp_path / "a.pth")
    loaded = net()
    weights.load_into(loaded, tmp_path / "a.pth")
    assert all(torch.equal(value, state[name]) for name, value in loaded.state_dict().items())


@pytest.mark.parametrize("wrap", [WRAPPED["bare"], WRAPPED["both"]])
def test_safetensors_are_read_as_they_are(wrap: Any, state: dict[str, torch.Tensor], tmp_path: Path):
    halves = {name: value.half() for name, value in state.items()}
    save_file(wrap(halves), tmp_path / "a.safetensors")
    loaded = net()
    weights.load_into(loaded, tmp_path / "a.safetensors")
    for name, value in loaded.state_dict().items():
        assert value.dtype == state[name].dtype
        assert torch.equal(value, halves[name].to(value.dtype))
    (tmp_path / "a.safetensors").write_bytes((tmp_path / "a.safetensors").read_bytes()[:40])
    with pytest.raises(DataError, match=r"a\.safetensors .*damaged, or not a safetensors file"):
        weights.read(tmp_path / "a.safetensors")


def test_names_that_differ_are_listed_with_the_nearest(state: dict[str, torch.Tensor], tmp_path: Path):
    other = {name.replace("model.", "body."): value for name, value in state.items()} | {"tail.scale": torch.ones(1)}
    torch.save(other, tmp_path / "a.pth")
    with pytest.raises(ConfigError, match=r"it lacks model\.0\.bias \(it has body\.0\.bias\), .* and 7 more; it has "):
        weights.load_into(net(), tmp_path / "a.pth")


def test_a_part_of_a_larger_network_is_not_taken_for_the_network(tmp_path: Path):
    part = nn.Sequential(nn.Conv2d(1, 1, 1))
    torch.save({"model.0.weight": torch.ones(1, 1, 1, 1), "model.0.bias": torch.ones(1), "tail.weight": torch.ones(1)},
               tmp_path / "a.pth")  # fmt: skip
    with pytest.raises(ConfigError, match=r"another network than Sequential: it lacks 0\.bias"):
        weights.load_into(part, tmp_path / "a.pth")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda value: value.to_sparse(), r"0\.weight is torch\.sparse_coo; expected a plain tensor"),
        (lambda value: value.to("meta"), r"0\.weight is without values"),
        (lambda value: torch.quantize_per_tensor(value, 0.1, 0, torch.qint8), r"is torch\.qint8; expected a plain"),
        (lambda value: value.to(torch.int8), r"0\.weight is torch\.int8, not torch\.float32"),
        (lambda value: value.to(torch.complex64), r"0\.weight is torch\.complex64, not torch\.float32"),
    ],
    ids=["sparse", "meta", "quantized", "whole numbers", "complex"],
)
@pytest.mark.filterwarnings("ignore::DeprecationWarning", "ignore::UserWarning")
def test_tensors_that_are_no_plain_fractions_are_named(change: Any, words: str, state: Any, tmp_path: Path):
    torch.save(state | {"model.0.weight": change(state["model.0.weight"])}, tmp_path / "a.pth")
    with pytest.raises(UserError, match=words):
        weights.load_into(net(), tmp_path / "a.pth")


def test_floats_of_8_bits_are_read(state: dict[str, torch.Tensor], tmp_path: Path):
    rounded = state["model.0.weight"].to(torch.float8_e4m3fn)
    torch.save(state | {"model.0.weight": rounded}, tmp_path / "a.pth")
    loaded = net()
    weights.load_into(loaded, tmp_path / "a.pth")
    assert torch.equal(loaded.state_dict()["model.0.weight"], rounded.float())


def cut(file: Path) -> None:
    torch.save(net().state_dict(), file)
    file.write_bytes(file.read_bytes()[: file.stat().st_size // 3])


def archive(file: Path) -> None:
    with zipfile.ZipFile(file, "w") as content:
        content.writestr("a/hello.txt", "hello")


DAMAGED = {
    "cut": (cut, "cut short"),
    "empty": (lambda file: file.touch(), "is empty"),
    "web page": (lambda file: file.write_text("\n<!DOCTYPE html><html>"), "web page"),
    "lfs": (lambda file: file.write_text("version https://git-lfs.github.com/spec/v1\n"), "git lfs pull"),
    "zip of something else": (archive, "an archive of other files. Unpack it"),
    "image": (lambda file: file.write_bytes(b"\xff\xd8\xff\xe0JFIF"), "it is an image"),
    "text": (lambda file: file.write_text("hello"), "not a file that torch.save wrote"),
    "folder": (lambda file: file.mkdir(), r"is a folder without checkpoints/best\.ckpt"),
    "one tensor": (lambda file: torch.save(torch.ones(2), file), "no state dict"),
    "no weights": (lambda file: torch.save({"epoch": 3, "lr": 0.1}, file), "no state dict of tensors. It holds epoch"),
    "whole module": (
        lambda file: torch.save(nn.Linear(1, 1), file),
        r"such as torch\.nn\.modules\.linear\.Linear, which is not unpickled, as that can run any code",
    ),
}


@pytest.mark.parametrize(("make", "words"), DAMAGED.values(), ids=DAMAGED)
def test_what_is_no_file_of_weights_is_named_and_told_apart(make: Any, words: str, tmp_path: Path):
    make(tmp_path / "a.pth")
    with pytest.raises(UserError, match=words) as caught:
        weights.read(tmp_path / "a.pth")
    assert str(tmp_path / "a.pth") in str(caught.value)


@pytest.mark.parametrize(
    ("name", "words"),
    [
        ("net.py", "Python code. Name the folder of a run"),
        ("config.yaml", "config of a run. Name the run's folder, {}"),
        ("net.onnx", "export the network as .safetensors"),
    ],
)
def test_what_is_named_in_place_of_weights_is_told_by_its_name(name: str, words: str, tmp_path: Path):
    (tmp_path / name).write_text("import torch")
    with pytest.raises(DataError, match=re.escape(words.format(tmp_path))):
        weights.read(tmp_path / name, "model")


def test_a_run_that_is_not_finished_says_how_to_finish_it(tmp_path: Path):
    run = RunFolder(tmp_path / "run")
    run.best.parent.mkdir(parents=True)
    run.config.write_text("{}")
    for place in (run.path, run.best):
        with pytest.raises(ConfigError, match=r"model: the run .*run has no .* with resume=true\.$"):
            weights.read(place, "model")
    run.last.touch()
    with pytest.raises(ConfigError, match=re.escape(f"resume=true, or take its last weights, model={run.last}.")):
        weights.read(run.path, "model")


def test_a_file_that_is_not_there_is_compared_with_weights_alone(tmp_path: Path):
    for name in ("weights.pth", "weight.txt", ".bashrc"):
        (tmp_path / name).touch()
    with pytest.raises(ConfigError, match=re.escape("Did you mean 'weights.pth'? Allowed: weights.pth.")):
        weights.find(tmp_path / "weight.pth")


@pytest.mark.parametrize("key", ["ckpt", "transfer"])
def test_a_misfit_is_told_before_data_is_looked_for_and_leaves_no_folder(key: str, tmp_path: Path):
    torch.save(DnCNN(depth=3, features=6).state_dict(), tmp_path / "other.pth")
    outcome = runs.run(tmp_path / "run", f"{key}={tmp_path / 'other.pth'}", "data=folder", "data.root=/nowhere")
    assert outcome.exit_status == 2
    assert "(6, 1, 3, 3), not (4, 1, 3, 3)" in outcome.message
    assert not (tmp_path / "run").exists()


STOP = "+callbacks.{}={{_target_: lightning.pytorch.callbacks.EarlyStopping, monitor: {}}}"


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([STOP.format("stop", "val/psnrr")], "Did you mean 'val/psnr'"),
        ([STOP.format("a", "val/psnr"), STOP.format("b", "val/psnr")], r"cannot tell it from callbacks\.a"),
    ],
)
def test_a_callback_that_cannot_work_is_told_before_data_is_looked_for(overrides: Any, words: str, tmp_path: Path):
    outcome = runs.run(tmp_path / "run", *overrides, "data=folder", "data.root=/nowhere")
    assert outcome.exit_status == 2
    assert words.replace("\\", "") in outcome.message
    assert not (tmp_path / "run").exists()


def test_a_damaged_checkpoint_of_a_run_says_what_is_left(tmp_path: Path, state: dict[str, torch.Tensor]):
    folder = RunFolder(tmp_path)
    folder.best.parent.mkdir()
    cut(folder.last)
    with pytest.raises(DataError, match=rf"last\.ckpt .* cut short.*remove {folder.last}"):
        run_progress.require_whole(folder)
    torch.save({"state_dict": state}, folder.best)
    with pytest.raises(DataError, match=rf"last\.ckpt .* cut short.*the best weights, ckpt={folder.best}"):
        run_progress.require_whole(folder)
    torch.save({"state_dict": state}, folder.last)
    with pytest.raises(DataError, match=r"last\.ckpt does not hold the state of a run"):
        run_progress.require_whole(folder)
    whole = {run_progress.KEY: {"steps": 3}, "callbacks": {"Limits": {"seconds": 1.0}}}
    torch.save({"state_dict": prefixed("net.", state), **whole}, folder.last)
    with pytest.raises(DataError, match=rf"best\.ckpt does not say which step .*the last weights, ckpt={folder.last}"):
        run_progress.require_whole(folder)
    torch.save({"state_dict": state, "restorelab": {"step": 3}}, folder.best)
    run_progress.require_whole(folder)
    cut(folder.best)
    with pytest.raises(DataError, match=rf"best\.ckpt .* cut short.*the last weights, ckpt={folder.last}"):
        run_progress.require_whole(folder)


def test_load_takes_runs_checkpoints_and_foreign_files(tmp_path: Path, state: dict[str, torch.Tensor]):
    """Clamped as it is measured; raw where that is asked for."""
    run = RunFolder(tmp_path / "run")
    settings = runs.settings(run.path)
    run.open(settings, resume=False)
    scaled = {name: value * 3 for name, value in state.items()}
    torch.save({"state_dict": scaled}, run.best)
    torch.save({"state_dict": prefixed("net.", scaled)}, run.last)
    torch.save(prefixed("module.", scaled), tmp_path / "foreign.pth")
    image = torch.rand(1, 1, 16, 16, generator=torch.Generator().manual_seed(0))
    raw = restorelab.load(run.path, clamp=False)(image)
    assert raw.min() < 0 or raw.max() > 1
    own = ["model=dncnn", "model.depth=3", "model.features=4"]
    for loaded in (
        restorelab.load(run.path), restorelab.load(run.best), restorelab.load(run.last),
        restorelab.load(tmp_path / "foreign.pth", model=own), restorelab.load(tmp_path / "foreign.pth", model=net()),
    ):  # fmt: skip
        assert isinstance(loaded, DnCNN)
        assert not loaded.training
        assert torch.equal(loaded(image), raw.clamp(0, 1))
    with pytest.raises(ConfigError, match=r"lies in no run folder.*model="):
        restorelab.load(tmp_path / "foreign.pth")
