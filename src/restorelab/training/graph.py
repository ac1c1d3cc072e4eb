"""Run degradation, network, loss and backward as one CUDA graph, which the host launches once per step."""

from collections.abc import Callable, Hashable
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Generator, Tensor

from restorelab.data.sample import Sample

WARMUP = 3
"""Batches of a shape that are computed before a graph is recorded; they choose algorithms and allocate buffers."""

Result = tuple[Sample, Tensor]
"""The prepared batch, and its detached loss."""


class CudaRecorder:
    """Records by torch.cuda.graph, as https://docs.pytorch.org/docs/stable/notes/cuda.html#cuda-graphs asks for."""

    def __init__(self) -> None:
        self._stream = torch.cuda.Stream()  # type: ignore[no-untyped-call]
        self._pool = torch.cuda.graph_pool_handle()  # graphs run one after another and may share temporary memory

    def warm(self, work: Callable[[], Result]) -> Result:
        """Do the work as it will be recorded, on the stream of the recording."""
        self._stream.wait_stream(torch.cuda.current_stream())
        with torch.cuda.stream(self._stream):
            result = work()
        torch.cuda.current_stream().wait_stream(self._stream)
        return result

    def record(self, work: Callable[[], Result], generators: list[Generator]) -> tuple[Result, Callable[[], None]]:
        """Record the work; give what it gives, without values, and what does it again on the same memory."""
        graph = torch.cuda.CUDAGraph()
        for generator in generators:
            graph.register_generator_state(generator)
        # Other threads may go on using the device: the one that gathers the next batch does.
        with torch.cuda.graph(graph, self._pool, self._stream, capture_error_mode="thread_local"):
            result = work()
        return result, graph.replay


@dataclass
class Recorded:
    """A graph and the memory that it works on: its input, its results, the gradients."""

    stored: Sample
    sample: Sample
    loss: Tensor
    gradients: list[Tensor | None]
    replay: Callable[[], None]


class Gradients:
    """Gives, for a stored batch, the prepared one and the loss, and in `.grad` the gradients of all parameters.

    task: the module whose `loss` is differentiated. data: its datamodule, which prepares batches. context: autocast, or
    nothing. scaler: of float16's loss. One graph is recorded for each shape of batch. Random numbers are those of
    the same batch without a graph: the generators start at the batch's seed before each replay, and the graph reads
    their state (`CUDAGraph.register_generator_state`).

    What depends on numbers that the host draws, as the shapes in a mixture of noises do, cannot be in a graph.
    """

    def __init__(
        self,
        task: Any,
        data: Any,
        context: Callable[[], AbstractContextManager[Any]],
        scaler: torch.amp.GradScaler | None = None,
        recorder: CudaRecorder | None = None,
    ) -> None:
        self.task, self.data, self.context, self.scaler = task, data, context, scaler
        self.parameters = [p for p in task.net.parameters() if p.requires_grad]
        self.recorder = recorder or CudaRecorder()
        self._seen: dict[Hashable, int] = {}
        self._recorded: dict[Hashable, Recorded] = {}

    def __call__(self, stored: Sample) -> Result:
        """See the class. stored: on the device, as the loader gives it."""
        tensors = _tensors(stored)
        shape = stored.counts, *((name, tensor.shape, tensor.dtype) for name, tensor in tensors.items())
        if shape not in self._recorded:
            self._forget()
            if self._seen.setdefault(shape, 0) < WARMUP:
                self._seen[shape] += 1
                return self.recorder.warm(lambda: self._compute(stored))
            self._recorded[shape] = self._record(stored)
        recorded = self._recorded[shape]
        for name, tensor in _tensors(recorded.stored).items():
            tensor.copy_(tensors[name], non_blocking=True)
        for owner in (self.data, self.task):
            owner.draws(stored)
        recorded.replay()
        for parameter, gradient in zip(self.parameters, recorded.gradients, strict=True):
            parameter.grad = gradient
        return replace(recorded.sample, counter=stored.counter), recorded.loss.clone()

    def _compute(self, stored: Sample) -> Result:
        sample = self.data.prepare(stored)
        with self.context():
            loss = self.task.loss(sample)
        (loss if self.scaler is None else self.scaler.scale(loss)).backward()
        return sample, loss.detach()

    def _record(self, stored: Sample) -> Recorded:
        clones: dict[str, Any] = {name: tensor.clone() for name, tensor in _tensors(stored).items()}
        stored = replace(stored, **clones)
        # While a graph is recorded a generator may only be given the seed that it has.
        generators = [owner.draws(stored).generator for owner in (self.data, self.task)]
        (sample, loss), replay = self.recorder.record(lambda: self._compute(stored), generators)
        return Recorded(stored, sample, loss, [parameter.grad for parameter in self.parameters], replay)

    def _forget(self) -> None:
        """Let backward make new gradients: those of a graph are its own memory."""
        for parameter in self.parameters:
            parameter.grad = None


def _tensors(sample: Sample) -> dict[str, Tensor]:
    fields = {name: getattr(sample, name) for name in ("index", "clean", "degraded", "label")}
    return {name: tensor for name, tensor in fields.items() if tensor is not None}
