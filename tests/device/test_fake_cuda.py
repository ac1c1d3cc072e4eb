"""Every shipped part on a CUDA device: the host never waits for it, and nothing that it computes with lies elsewhere.

Models, losses and objectives go through the step in float32, bfloat16 and float16, and backward; networks through the
average of the weights and a validation, too. PyTorch's engine needs a real device, so that backward runs on fake
tensors of the CPU: what asks for a value raises there as well. Degradations prepare a batch; optimizers and schedules
take a step.
"""

from dataclasses import replace
from functools import lru_cache
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from torch import nn
from torch._subclasses.fake_tensor import DataDependentOutputException, DynamicOutputShapeException
from torch.utils._python_dispatch import _disable_current_modes

import runs
from config.test_every_config import PERCEPTUAL, WITH, classifier
from data.test_frozen import Arrays
from device.fake_cuda import CUDA, HostSyncError, autocast, fake_cuda, placed
from restorelab.config import build
from restorelab.config.schema import conf_dir
from restorelab.data import cache, store
from restorelab.data.datamodule import DataModule, FrozenLoader
from restorelab.data.decode import Decoding
from restorelab.data.loader import Order, TrainLoader
from restorelab.data.sample import Sample
from restorelab.data.turns import Turns
from restorelab.metrics.protocol import Protocol
from restorelab.metrics.ssim import _Blur
from restorelab.objectives.objective import Objective
from restorelab.restoring.inference import restore
from restorelab.training import checks
from restorelab.training.callbacks.ema import EMA
from restorelab.training.evaluation import validation_names
from restorelab.training.schedule import plan
from restorelab.training.task import RestorationTask

__all__ = ["classifier"]  # a fixture

BATCH = 4
SIDE = 32
MIXED = (torch.bfloat16, torch.float16)


LARGE = ("drunet", "edsr", "nafnet_tiny", "nafnet_w32", "nafnet_w64", "restormer", "scunet", "span", "swinir")
"""Networks of many layers, of two to ten seconds each."""


def files(*groups: str) -> Any:
    options = [
        file for group in groups for file in sorted((conf_dir() / group).glob("*.yaml")) if file.stem != "spandrel"
    ]  # whose network is in a file of weights
    marked = [
        pytest.param(file, marks=pytest.mark.slow if file.stem in LARGE else (), id=name(file)) for file in options
    ]
    return pytest.mark.parametrize("file", marked)


def name(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


@lru_cache
def composed(*overrides: str) -> dict[str, Any]:
    return runs.composed([*overrides, "data.root=/nowhere"])


def parts_of(file: Path, ckpt: Path | None = None) -> build.Parts:
    """What the option makes of a run. Hydra is asked once for all options that need the same beside them."""
    group, beside = file.parent.name, WITH.get(name(file), [])
    config = OmegaConf.create(composed(*beside))
    config[group] = OmegaConf.load(file)
    config[group].pop("defaults", None)  # of a noise: the evaluation that goes with it
    if group == "loss" and name(file) in PERCEPTUAL:
        config.loss.ckpt = str(ckpt)
    if group == "optimizer" and "fused" in config.optimizer:
        config.optimizer.fused = file.stem != "sgd"  # PyTorch 2.13 has no fake kernel of the fused SGD
    config.objective = OmegaConf.load(conf_dir() / "objective" / f"{config.choices.objective}.yaml")
    if group == "objective":
        config.objective = OmegaConf.load(file)
    plain = OmegaConf.to_container(config, resolve=True)
    assert isinstance(plain, dict)
    return build.parts(plain)


def stored(parts: build.Parts, device: torch.device = CUDA) -> Sample:
    """A batch as the loader gives it."""
    clean = torch.zeros(
        BATCH, parts.dataset.channels, *(parts.dataset.train_shape or (SIDE, SIDE)), dtype=torch.uint8, device=device
    )
    variants = parts.degradation.variants
    counts = None if variants == 1 else tuple(BATCH // variants + (i < BATCH % variants) for i in range(variants))
    label = torch.zeros(BATCH, dtype=torch.int64, device=device)
    return Sample(torch.zeros_like(label), clean, counts=counts, counter=0, label=label)


def data_of(parts: build.Parts, device: torch.device = CUDA) -> DataModule:
    return DataModule(
        parts.dataset,
        parts.degradation,
        parts.evaluations,
        seed=0,
        split_seed=0,
        eval_seed=0,
        protocol={},
        device=device,
    )


def task_of(parts: build.Parts, net: nn.Module, device: torch.device = CUDA) -> RestorationTask:
    with _disable_current_modes():  # the names are made with numbers
        measured = validation_names(list(parts.evaluations), list(parts.measures))
    schedule = plan(parts.config["scheduler"], measured)
    task = RestorationTask(
        net, parts.objective, parts.degradation, build.make("optimizer", parts.config["optimizer"]),
        schedule, total=10, evaluations=list(parts.evaluations),
        protocol=parts.protocol, channels_last=True, seed=0,
    )  # fmt: skip
    task._device = device  # what `.to(device)` notes
    data = SimpleNamespace(frozen=lambda part: [range(BATCH) for _ in parts.evaluations])
    task._trainer = SimpleNamespace(datamodule=data, global_rank=0, global_step=0)  # type: ignore[assignment]
    return task


def blank(parts: build.Parts) -> nn.Module:
    """The network without values, to be placed on a device."""
    with torch.device("meta"):
        return parts.net()


def step(parts: build.Parts, net: nn.Module, device: torch.device) -> tuple[RestorationTask, Sample, torch.Tensor]:
    """One training step up to its loss, from a batch as it is stored."""
    if isinstance(loss := getattr(parts.objective, "loss", None), nn.Module):
        placed(loss, device)
    task = task_of(parts, placed(net, device), device)
    task.configure_optimizers()
    sample = data_of(parts, device).prepare(stored(parts, device))
    return task, sample, task.training_step(sample, 0)


def check_step(parts: build.Parts, net: nn.Module, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss is float32 and on the device in every precision, and the host never waits, backward neither."""
    with fake_cuda(monkeypatch):
        task, sample, loss = step(parts, net, CUDA)
        losses = [loss]
        for dtype in MIXED:
            with autocast(dtype):
                loss, output = parts.objective(task.net, sample, parts.degradation, task.draws(sample))
            losses.append(loss)
            assert output.dtype in (dtype, torch.float32)  # what is added to the input is float32
        for loss in losses:
            assert (loss.device, loss.dtype, loss.requires_grad, loss.ndim) == (CUDA, torch.float32, True, 0)
    host = torch.device("cpu")
    with fake_cuda(monkeypatch):
        task, _, loss = step(parts, net, host)
        loss.backward()
        trained = [p for p in task.net.parameters() if p.requires_grad]
        assert any(p.grad is not None for p in trained)
        assert all(p.grad.dtype == p.dtype for p in trained if p.grad is not None)


@pytest.mark.filterwarnings("ignore:Accessing the data pointer of FakeTensor")  # by the copy of a network
@files("model")
def test_a_model_is_trained_averaged_and_validated(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(file)
    net = blank(parts)
    if not checks.learnable(net):
        pytest.skip("learns nothing: it is never trained on a device")
    check_step(parts, net, monkeypatch)
    with fake_cuda(monkeypatch) as strict:
        task = task_of(parts, placed(net))
        average(task)
        height, width = getattr(net, "size", None) or (SIDE + 1, SIDE - 1)
        scale = getattr(net, "scale", 1)
        height, width = height // scale * scale, width // scale * scale
        given = torch.empty(2, parts.dataset.channels, height // scale, width // scale, device=CUDA)
        if parts.objective.restores:
            assert restore(task.measured_net, given, given.new_zeros(2)).shape == (
                2,
                parts.dataset.channels,
                height,
                width,
            )
        assert strict.copies == 0


def average(task: RestorationTask) -> None:
    """Begin an average of the weights and take in a step; the task measures it from then on."""
    ema = EMA()
    ema.on_train_start(task._trainer, task)
    task._trainer.global_step = 1
    ema.on_train_batch_end(task._trainer, task, None, None, 0)
    assert all(tensor.device == CUDA for tensor in task.measured_net.state_dict().values())
    assert task.measured_net is not task.net


def small(parts: build.Parts) -> nn.Module:
    """A network for parts that take any."""
    channels = parts.dataset.channels
    return nn.Conv2d(channels, channels, 3, padding=1, device="meta") if parts.objective.restores else blank(parts)


@files("loss", "objective")
def test_a_loss_is_float32_and_never_waits(file: Path, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(file, classifier)
    check_step(parts, small(parts), monkeypatch)
    if file.parent.name == "objective":
        with fake_cuda(monkeypatch) as strict:
            task = task_of(parts, placed(small(parts)))
            task.on_validation_epoch_start()
            task.validation_step((0, data_of(parts).prepare(stored(parts))), 0)
            task.validation_step((None, stored(parts)), 1)
            taken = [*task._losses, *task._taken[0].values()]
            assert all(value.device == CUDA for metric in taken for value in (*metric.values, *task._bad))
            assert [len(metric.values) for metric in taken] == [1] * len(taken)
            assert strict.copies == 0


@files("noise", "blur", "downsample")
def test_a_degradation_never_waits(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(file)
    with fake_cuda(monkeypatch) as strict:
        sample = data_of(parts).prepare(stored(parts))
        assert sample.degraded is not None
        assert sample.degraded.dtype == torch.float32
        assert tuple(sample.degraded.shape[-2:]) == parts.degradation.output_size(tuple(sample.clean.shape[-2:]))
        assert all(values.device == CUDA for values in (sample.clean, sample.degraded, *sample.parameters.values()))
        assert strict.copies == 0


@files("optimizer", "scheduler")
def test_an_optimizer_and_its_schedule_never_wait(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(file)
    net = small(parts)
    with fake_cuda(monkeypatch) as strict:
        task = task_of(parts, placed(net))
        configured = task.configure_optimizers()
        for _ in range(2):
            for parameter in task.parameters():
                parameter.grad = torch.zeros_like(parameter)
            torch.nn.utils.clip_grad_norm_(task.parameters(), 1.0)
            configured["optimizer"].step()
            task.schedule.add(torch.zeros((), device=CUDA))
            if task.plan.interval == "step":  # else between epochs or validations, where waiting is allowed
                configured["lr_scheduler"]["scheduler"].step()
        assert strict.copies == 0


@pytest.mark.parametrize("options", [
    {}, {"color": "y"}, {"border": 4}, {"quantize": True, "clip_input": True},
], ids=str)  # fmt: skip
@pytest.mark.parametrize("scale", [1, 2])
def test_the_protocol_never_waits(options: dict[str, Any], scale: int, monkeypatch: pytest.MonkeyPatch) -> None:
    protocol = Protocol(**options)
    with fake_cuda(monkeypatch) as strict:
        clean = torch.empty(BATCH, 3, SIDE, SIDE, device=CUDA)
        degraded = protocol.prepare(torch.empty(BATCH, 3, SIDE // scale, SIDE // scale, device=CUDA))
        for restored in (clean, clean.to(torch.bfloat16)):
            measures = Objective().measures(protocol).fresh(CUDA)
            for value in (*measures(restored, clean).values(), *measures.of_input(degraded, clean).values()):
                assert (value.device, value.dtype, value.shape) == (CUDA, torch.float64, (BATCH,))
        assert strict.copies == 0


def test_the_backward_of_the_window_stays_on_the_device(monkeypatch: pytest.MonkeyPatch) -> None:
    ours = [kind for kind in torch.autograd.Function.__subclasses__() if kind.__module__.startswith("restorelab.")]
    assert ours == [_Blur]  # each one's backward is to be tried here
    with fake_cuda(monkeypatch):
        gradient = _Blur.backward(None, torch.empty(2, 3, SIDE - 10, SIDE - 10, device=CUDA))
        assert (gradient.device, gradient.shape) == (CUDA, (2, 3, SIDE, SIDE))


@pytest.mark.parametrize("augment", ["none", "dihedral"])
@pytest.mark.parametrize("crop", [None, (16, 16)])
@pytest.mark.parametrize("pairs", [False, True])
def test_a_resident_batch_is_one_pinned_copy(
    pairs: bool, crop: tuple[int, int] | None, augment: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path))
    table = cache.prepare(Arrays(((20, 20),) * 8), Decoding(1))

    def on_device(dtype: torch.dtype) -> store._Flat:
        return store._Flat(torch.empty(8 * 400, dtype=dtype, device=CUDA), table.offsets, table.shapes)

    with fake_cuda(monkeypatch) as strict, monkeypatch.context() as patch:
        # The images themselves are copied once a run, and may wait.
        sources = on_device(torch.uint8), on_device(torch.float32) if pairs else None
        patch.setattr(store.TableStore, "_sources", lambda self: sources)
        images = store.TableStore(table, np.arange(8), crop, CUDA, True, turns=Turns(augment, images=8), pad=pairs)
        loader = TrainLoader(images, Order(images.buckets, BATCH, seed=0), prefetch=False)
        for sample in (gathered.to(CUDA) for gathered in loader):
            tensors = [t for t in (sample.index, sample.clean, sample.degraded, sample.label) if t is not None]
            assert len(tensors) == 2 + pairs
            assert all(tensor.device == CUDA for tensor in tensors)
            assert all(tensor.shape == (BATCH, 1, *(crop or (20, 20))) for tensor in tensors[1:])
        assert strict.copies == len(loader)


@pytest.mark.parametrize("keep", [False, True])
def test_a_validation_waits_for_nothing_but_its_end(keep: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = build.parts(composed())
    net = small(parts)
    with fake_cuda(monkeypatch) as strict:
        task = task_of(parts, placed(net))
        here = data_of(parts, torch.device("cpu")).prepare(stored(parts, torch.device("cpu")))
        frozen = SimpleNamespace(
            places=lambda *how: [range(BATCH)], batches=lambda *how: iter([replace(here, parameters={}).pinned()])
        )
        loader: Any = FrozenLoader([frozen, frozen], "auto", 0, 1, CUDA, keep=keep)  # type: ignore[list-item]
        for number in range(3):
            task.on_validation_epoch_start()
            for of, sample in loader:
                task.validation_step((of and 0, sample.to(CUDA)), 0)
            tensors = 2 * 4  # two batches of index, clean, degraded and label
            assert strict.copies == tensors * (1 if keep else number + 1)


def test_what_would_wait_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    with fake_cuda(monkeypatch) as strict:
        there, here = torch.ones(3, device=CUDA), torch.ones(3)
        for waits in (there.item, there.cpu, there.tolist, there.nonzero, lambda: here.to(CUDA),
                      lambda: here.to(CUDA, non_blocking=True), lambda: there.to("cpu", non_blocking=True),
                      lambda: there + here, lambda: bool((there > 0).all()), lambda: torch.tensor([1.0], device=CUDA),
                      lambda: there[there > 0]):  # fmt: skip
            with pytest.raises(
                (HostSyncError, DataDependentOutputException, DynamicOutputShapeException, RuntimeError)
            ):
                waits()
        assert here.pin_memory().to(CUDA, non_blocking=True).device == CUDA
        assert strict.copies > 0
