"""On a real GPU: training steps, the evaluation's bits, and where the images lie. `make gpu` runs these first."""

import json
from pathlib import Path

import pytest
import torch

import runs
from device.test_compile import by_model
from restorelab.config import build, composition
from restorelab.data.datamodule import DataModule
from restorelab.data.sample import Sample

if not torch.cuda.is_available():
    pytest.skip("needs a CUDA device", allow_module_level=True)
CUDA = torch.device("cuda", 0)


def module(*overrides: str) -> DataModule:
    parts = build.parts(composition.compose([*runs.TINY, "trainer.accelerator=cuda", *overrides]))
    data = DataModule(
        parts.dataset, parts.degradation, parts.evaluations, seed=0, split_seed=0, eval_seed=0, protocol={}, device=CUDA
    )
    data.setup()
    return data


@pytest.mark.parametrize("mode", ["float32", "bf16", "deterministic"])
@pytest.mark.parametrize("experiment", by_model().values(), ids=by_model())
def test_a_step_of_each_network(experiment: str, mode: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loss and every gradient are finite; with deterministic algorithms a second step has the same bits."""
    monkeypatch.setenv("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    parts = build.parts(composition.compose([f"experiment={experiment}", "data.root=/nowhere"]))
    torch.manual_seed(0)
    net = parts.net().to(CUDA, memory_format=torch.channels_last)
    height, width = getattr(net, "size", None) or parts.dataset.train_shape or (32, 32)
    clean = torch.rand(4, parts.dataset.channels, height, width, device=CUDA)
    degraded = torch.rand(4, parts.dataset.channels, *parts.degradation.output_size((height, width)), device=CUDA)
    label = torch.zeros(4, dtype=torch.int64, device=CUDA)
    found = []
    torch.use_deterministic_algorithms(mode == "deterministic")
    try:
        for _ in range(2):
            net.zero_grad()
            torch.manual_seed(0)
            sample = Sample(label, clean, degraded.contiguous(memory_format=torch.channels_last), label=label)
            with torch.autocast("cuda", torch.bfloat16, enabled=mode == "bf16"):
                loss = parts.objective(net, sample, parts.degradation, None)[0]  # type: ignore[arg-type]
            loss.backward()
            found.append([loss, *(p.grad for p in net.parameters() if p.grad is not None)])
    finally:
        torch.use_deterministic_algorithms(False)
    assert len(found[0]) > 1
    assert all(tensor.isfinite().all() for tensor in found[0])
    if mode == "deterministic":
        assert all(torch.equal(one, other) for one, other in zip(*found, strict=True))


def test_the_evaluation_has_the_bits_of_the_cpu(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each in a cache of its own, so that neither reads what the other made."""
    bits = {}
    for accelerator in ("cuda", "cpu"):
        monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / f"cache-{accelerator}"))
        outcome = runs.run(tmp_path / accelerator, "max_steps=2", "noise=each", f"trainer.accelerator={accelerator}")
        assert outcome.status == "done", outcome.message
        evaluations = json.loads((tmp_path / accelerator / "result.json").read_text())["evaluations"]
        bits[accelerator] = {entry["degradation"]: entry["bits"] for entry in evaluations}
    assert bits["cuda"] == bits["cpu"]


def test_images_lie_where_residency_says() -> None:
    """On the device or in pinned memory, the same images either way, and degraded on the device."""
    shown = {}
    for residency in ("device", "stream"):
        data = module(f"data.residency={residency}")
        sample = next(iter(data.train_dataloader()))
        assert sample.clean.is_cuda == (residency == "device")
        assert sample.clean.is_pinned() == (residency == "stream")
        prepared = data.prepare(sample.to(CUDA))
        assert prepared.degraded is not None
        assert prepared.degraded.device == CUDA
        shown[residency] = (prepared.clean, prepared.degraded)
    for one, other in zip(*shown.values(), strict=True):
        assert torch.equal(one, other)
