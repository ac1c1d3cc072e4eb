"""Every shipped part goes through a training step and a validation step on a CUDA device, and the host never waits."""

from pathlib import Path
from types import SimpleNamespace

import pytest
import torch

from device.fake_cuda import CUDA, fake_cuda, on_cuda
from restorelab import build, checks, composition
from restorelab.config import conf_dir
from restorelab.data.datamodule import DataModule
from restorelab.sample import Sample
from restorelab.schedule import Plan, plan
from restorelab.task import RestorationTask
from restorelab.validation import validation_names
from test_every_config import PERCEPTUAL, WITH, classifier

__all__ = ["classifier"]  # a fixture

GROUPS = ("model", "loss", "objective", "noise", "blur", "downsample", "optimizer", "scheduler")
FILES = [file for group in GROUPS for file in sorted((conf_dir() / group).glob("*.yaml"))]
BATCH = 4


def name(file: Path) -> str:
    return f"{file.parent.name}/{file.stem}"


def parts_of(file: Path, *more: str) -> build.Parts:
    overrides = [f"{file.parent.name}={file.stem}", *WITH.get(name(file), []), "data.root=/nowhere"]
    overrides += more if name(file) in PERCEPTUAL else ()
    # PyTorch 2.13 has no fake kernel of the fused SGD; its other kernels are the same arithmetic.
    overrides += ["optimizer.fused=false"] if name(file) == "optimizer/sgd" else []
    return build.parts(composition.compose(overrides))


def stored(parts: build.Parts) -> Sample:
    """A batch as the loader gives it, on the device."""
    height, width = parts.dataset.train_shape or (32, 32)
    clean = torch.zeros(BATCH, parts.dataset.channels, height, width, dtype=torch.uint8, device=CUDA)
    variants = parts.degradation.variants
    counts = None if variants == 1 else tuple(BATCH // variants + (i < BATCH % variants) for i in range(variants))
    label = torch.zeros(BATCH, dtype=torch.int64, device=CUDA)
    return Sample(torch.zeros(BATCH, dtype=torch.int64, device=CUDA), clean, counts=counts, counter=0, label=label)


def data_of(parts: build.Parts) -> DataModule:
    return DataModule(
        parts.dataset, parts.degradation, parts.evaluations, seed=0, split_seed=0, eval_seed=0, protocol={}, device=CUDA
    )


def task_of(parts: build.Parts, net: torch.nn.Module, schedule: Plan) -> RestorationTask:
    task = RestorationTask(
        net, parts.objective, parts.degradation, build.make("optimizer", parts.config["optimizer"]),
        schedule, total=10, evaluations=list(parts.evaluations),
        protocol=parts.protocol, channels_last=True, seed=0,
    )  # fmt: skip
    task._device = CUDA  # what `.to(device)` notes
    data = SimpleNamespace(frozen=lambda part: [range(BATCH) for _ in parts.evaluations])
    task._trainer = SimpleNamespace(datamodule=data, global_rank=0)  # type: ignore[assignment]
    return task


@pytest.mark.parametrize("file", FILES, ids=name)
def test_a_step_never_waits_for_the_device(file: Path, classifier: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    parts = parts_of(file, f"loss.ckpt={classifier}")
    with torch.device("meta"):
        net = parts.net()
    if not checks.learnable(net):
        pytest.skip("learns nothing: it is never trained on a device")
    schedule = plan(parts.config["scheduler"], validation_names(list(parts.evaluations), parts.objective.metrics))
    with fake_cuda(monkeypatch):
        on_cuda(net)
        if isinstance(loss := getattr(parts.objective, "loss", None), torch.nn.Module):
            on_cuda(loss)
        task = task_of(parts, net, schedule)
        sample = data_of(parts).prepare(stored(parts))
        train(task, sample)
        validate(task, sample)


def train(task: RestorationTask, sample: Sample) -> None:
    """Loss, clipping, optimizer, schedule and average of the weights; on gradients that backward would have made."""
    configured = task.configure_optimizers()
    optimizer, schedule = configured["optimizer"], configured["lr_scheduler"]["scheduler"]
    loss = task.training_step(sample, 0)
    assert loss.device == CUDA
    assert loss.dtype == torch.float32
    assert loss.requires_grad
    for parameter in task.parameters():
        parameter.grad = torch.zeros_like(parameter)
    torch.nn.utils.clip_grad_norm_(task.parameters(), 1.0)
    optimizer.step()
    if task.plan.interval == "step":  # else between epochs or validations, where waiting is allowed
        schedule.step()


def validate(task: RestorationTask, sample: Sample) -> None:
    task.on_validation_epoch_start()
    task.validation_step((0, sample), 0)
    assert task._sums.device == CUDA
