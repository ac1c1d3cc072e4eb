"""`trainer.graph=true` without a GPU: everything but the recording itself, for which a stand-in repeats the work."""

from collections.abc import Callable
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
from torch import Generator, Tensor, nn

import runs
from restorelab.config import build
from restorelab.data.sample import Sample
from restorelab.degradations.rng import TorchDraws
from restorelab.errors import ConfigError
from restorelab.training import loop
from restorelab.training.graph import WARMUP, Gradients, Result
from restorelab.training.trainer_config import TrainerConfig
from runs import same


class Repeating:
    """Does recorded work again at each replay, on the memory of its first input and into that of its first results.

    As a CUDA graph does, recording leaves no trace in buffers and generators, a generator is only given the seed that
    it has while it goes on, and gradients are overwritten where they lie.
    """

    def __init__(self, net: nn.Module) -> None:
        self.net = net
        self.warmed = 0
        self.replays: list[int] = []  # the number of images of each

    def warm(self, work: Callable[[], Result]) -> Result:
        self.warmed += 1
        return work()

    def record(self, work: Callable[[], Result], generators: list[Generator]) -> tuple[Result, Callable[[], None]]:
        buffers = [buffer.clone() for buffer in self.net.buffers()]
        state, seeds = torch.get_rng_state(), [generator.initial_seed() for generator in generators]
        result, gradients = work(), self._gradients()
        torch.set_rng_state(state)
        assert [generator.initial_seed() for generator in generators] == seeds
        for buffer, value in zip(self.net.buffers(), buffers, strict=True):
            buffer.copy_(value)

        def replay() -> None:
            self.replays.append(len(result[0]))
            for parameter in self.net.parameters():
                parameter.grad = None
            with pytest.MonkeyPatch.context() as patch:  # the host's part, seeds, is not done again
                patch.setattr(TorchDraws, "reseed", lambda draws, *key: draws)
                again, found = work(), self._gradients()
            pairs = zip([*_memory(result), *gradients], [*_memory(again), *found], strict=True)
            with torch.no_grad():
                for old, new in pairs:
                    if old is not new:
                        old.copy_(new)

        return result, replay

    def _gradients(self) -> list[Tensor]:
        return [parameter.grad for parameter in self.net.parameters() if parameter.grad is not None]


def _memory(result: Result) -> list[Tensor]:
    sample, loss = result
    assert sample.degraded is not None
    return [sample.clean, sample.degraded, loss, *sample.parameters.values()]


@pytest.fixture
def recorders(monkeypatch: pytest.MonkeyPatch) -> list[Repeating]:
    """The stand-ins that runs were given, in order."""
    made: list[Repeating] = []

    def gradients(task: Any, data: Any, context: Any, scaler: Any) -> Gradients:
        made.append(Repeating(task.net))
        return Gradients(task, data, context, scaler, made[-1])

    monkeypatch.setattr(loop, "Gradients", gradients)
    monkeypatch.setattr(TrainerConfig, "check", lambda *rest: None)
    return made


@pytest.mark.parametrize(
    "overrides",
    [
        # 47 images: 4 batches of 10 and one of 7, which has a graph of its own from the fourth epoch on
        ("callbacks=ema", "clip=0.05", "model._target_=runs.Dropping", "noise.sigma=[0,50]", "blur=motion",
         "trainer.steps_per_call=4", "data.batch_size=10", "trainer.max_epochs=5"),
        pytest.param(("scheduler=plateau", "scheduler.monitor=train/loss", "scheduler.mode=min", "scheduler.patience=0",
                      "scheduler.threshold=0.3", "trainer.precision=bf16-mixed"), marks=pytest.mark.slow),
        pytest.param(("noise.fixed=true", "data.augment=dihedral", "optimizer=sgd", "optimizer.momentum=0.9"),
                     marks=pytest.mark.slow),
    ],
)  # fmt: skip
def test_a_run_has_the_bits_of_one_without_a_graph(
    overrides: tuple[str, ...], recorders: list[Repeating], tmp_path: Path
) -> None:
    for name, graph in (("plain", "false"), ("graph", "true")):
        outcome = runs.run(tmp_path / name, f"trainer.graph={graph}", *overrides)
        assert outcome.status == "done", outcome.message
    same(tmp_path / "plain", tmp_path / "graph")
    (recorder,) = recorders
    if "data.batch_size=10" in overrides:
        assert recorder.warmed == 2 * WARMUP
        assert sorted(recorder.replays) == [7] * (5 - WARMUP) + [10] * (4 * 5 - WARMUP)


def test_a_loss_that_is_no_number_is_named_by_its_step(recorders: list[Repeating], tmp_path: Path) -> None:
    how = ("model._target_=test_graph.Bad", "trainer.graph=true", "trainer.steps_per_call=4")
    outcome = runs.run(tmp_path / "run", *how)
    assert "at step 4 (batch 4 of the run)" in outcome.message
    assert len(recorders[0].replays) == 2


class Bad(runs.Dropping):
    """Gives NaN from the fifth training batch on."""

    batches: Tensor

    def __init__(self, *rest: Any, **more: Any) -> None:
        super().__init__(*rest, **more)
        self.register_buffer("batches", torch.zeros(()))

    def forward(self, x: Tensor) -> Tensor:
        self.batches += self.training
        return super().forward(x) / (self.batches < 5)


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        ([], ["needs a CUDA device", "cpu"]),
        (["accumulate=4"], ["accumulate=4", "4 times the data.batch_size"]),
        (["noise=mixture"], ["noise=mixture"]),
        (["trainer.devices=2"], ["trainer.devices=2", "trainer.graph=false"]),
        (["trainer.compile=reduce-overhead"], ["trainer.compile=reduce-overhead"]),
    ],
)
def test_what_a_graph_cannot_do_is_told_at_once(
    overrides: list[str], words: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if overrides:
        monkeypatch.setattr(TrainerConfig, "device", torch.device("cuda"))
    with pytest.raises(ConfigError) as caught:
        build.parts(runs.composed([*runs.TINY, "trainer.graph=true", *overrides]))
    assert all(word in str(caught.value) for word in words), caught.value


def test_results_outlive_the_next_replay() -> None:
    """The loss and the gradients of a step are its own until the next; the batch that is given is not written to."""
    net = nn.Linear(2, 1, bias=False)
    owner = SimpleNamespace(
        net=net,
        draws=lambda sample: TorchDraws().reseed(sample.counter),
        prepare=lambda sample: replace(sample, degraded=sample.clean * 2),
        loss=lambda sample: net(sample.degraded).sum(),
    )
    gradients = Gradients(owner, owner, nullcontext, None, Repeating(net))
    batches = [Sample(torch.zeros(1), torch.full((1, 2), float(i)), counter=i) for i in range(WARMUP + 3)]
    losses = []
    for i, batch in enumerate(batches):
        sample, loss = gradients(batch)
        losses.append(loss)
        assert sample.counter == i
        assert net.weight.grad is not None
        assert net.weight.grad.tolist() == [[2.0 * i, 2.0 * i]]
    total = net.weight.detach().sum()
    torch.testing.assert_close(torch.stack(losses), torch.stack([2 * i * total for i in range(len(losses))]))
    assert [float(batch.clean[0, 0]) for batch in batches] == list(range(len(batches)))


def test_a_callback_that_would_be_told_too_late_is_refused(recorders: list[Repeating], tmp_path: Path) -> None:
    listener = f"+callbacks.own={{_target_: test_steps.Listener, file: {tmp_path / 'heard.txt'}}}"
    outcome = runs.run(tmp_path / "run", "trainer.graph=true", listener)
    assert (outcome.status, outcome.exit_status) == ("failed", 2)
    assert "callbacks.own: Listener listens to on_train_batch_start" in outcome.message
