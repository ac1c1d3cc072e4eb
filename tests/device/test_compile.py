"""`trainer.compile`: the step of every network of experiment/ is one graph, and new sizes do not compile anew."""

from collections.abc import Sequence
from types import SimpleNamespace

import numpy as np
import pytest
import torch
import yaml
from torch import Tensor, nn
from torch._dynamo.utils import counters

from config.test_every_config import PERCEPTUAL
from restorelab.config import build, composition
from restorelab.config.build import Parts
from restorelab.config.schema import conf_dir
from restorelab.data.datamodule import DataModule
from restorelab.data.sample import Sample
from restorelab.training.evaluation import validation_names
from restorelab.training.schedule import plan
from restorelab.training.task import RestorationTask

EXPERIMENTS = sorted(file.relative_to(conf_dir() / "experiment") for file in conf_dir().glob("experiment/*/*.yaml"))


def by_model() -> dict[str, str]:
    """An experiment for each network and loss that the experiments choose."""
    chosen = {}
    for file in EXPERIMENTS:
        name = file.with_suffix("").as_posix()
        defaults = yaml.safe_load((conf_dir() / "experiment" / file).read_text())["defaults"]
        choices = {
            key.removeprefix("override /"): value
            for entry in defaults
            if isinstance(entry, dict)
            for key, value in entry.items()
        }
        if f"experiment/{name}" not in PERCEPTUAL and "model" in choices:
            chosen[choices["model"], choices.get("loss")] = name
    return {f"{model}-{loss or 'default'}": name for (model, loss), name in chosen.items()}


@pytest.mark.slow
@pytest.mark.parametrize("experiment", by_model().values(), ids=by_model())
def test_the_step_is_one_graph(experiment: str) -> None:
    parts = build.parts(composition.compose([f"experiment={experiment}", "data.root=/nowhere"]))
    net = parts.net()
    size = getattr(net, "size", None)

    def step(degraded: torch.Tensor, clean: torch.Tensor) -> torch.Tensor:
        label = torch.zeros(len(clean), dtype=torch.int64)
        sample = Sample(torch.zeros(len(clean), dtype=torch.int64), clean, degraded, label=label)
        return parts.objective(net, sample, parts.degradation, None)[0]  # type: ignore[arg-type]

    torch._dynamo.reset()
    counters.clear()
    compiled = torch.compile(step, fullgraph=True, backend="eager")
    sides = [(size or parts.dataset.train_shape)] if size else [(32, 32), (64, 32), (64, 96), (96, 64), (96, 96)]
    for number, (height, width) in enumerate(sides):
        given = parts.degradation.output_size((height, width))
        clean = torch.rand(2 + number, parts.dataset.channels, height, width)
        degraded = torch.rand(2 + number, parts.dataset.channels, *given)
        torch.manual_seed(0)
        loss = compiled(degraded, clean)
        torch.manual_seed(0)
        torch.testing.assert_close(loss, step(degraded, clean))
    assert not counters["graph_break"]
    assert counters["stats"]["unique_graphs"] <= 4  # each of batch, height and width becomes a variable once


@pytest.mark.slow
@pytest.mark.parametrize("experiment", by_model().values(), ids=by_model())
def test_steps_as_they_are_trained_compile_once(experiment: str) -> None:
    """Stored batches of changing size through degradation, network, loss, backward and optimizer: the weights of a
    network that was compiled in place are those of one that was not, and its parameters keep their names."""
    parts = build.parts(composition.compose([f"experiment={experiment}", "data.root=/nowhere"]))
    torch.manual_seed(0)
    plain, compiled = parts.net(), parts.net()
    compiled.load_state_dict(plain.state_dict())
    size = getattr(plain, "size", None)
    sides = [tuple(parts.dataset.train_shape or size)] * 4 if size else [(32, 32), (64, 32), (64, 96), (96, 96)]
    train(parts, plain, sides)
    torch._dynamo.reset()
    counters.clear()
    compiled.compile(fullgraph=True, backend="eager")
    train(parts, compiled, sides)
    assert not counters["graph_break"]
    assert 1 <= counters["stats"]["unique_graphs"] <= 4
    assert compiled.state_dict().keys() == plain.state_dict().keys()
    for name, value in compiled.state_dict().items():
        torch.testing.assert_close(value, plain.state_dict()[name], msg=lambda text, name=name: f"{name}: {text}")


def train(parts: Parts, net: nn.Module, sides: Sequence[tuple[int, int]]) -> None:
    """A step on a batch of each size, of 2 images and one more each time."""
    device = torch.device("cpu")
    data = DataModule(
        parts.dataset, parts.degradation, parts.evaluations, seed=0, split_seed=0, eval_seed=0, protocol={},
        device=device,
    )  # fmt: skip
    schedule = plan(parts.config["scheduler"], validation_names(list(parts.evaluations), list(parts.measures)))
    task = RestorationTask(
        net, parts.objective, parts.degradation, build.make("optimizer", parts.config["optimizer"]), schedule, total=10,
        evaluations=list(parts.evaluations), protocol=parts.protocol, channels_last=True, seed=0,
    )  # fmt: skip
    task._trainer = SimpleNamespace(global_rank=0)  # type: ignore[assignment]
    optimizer = task.configure_optimizers()["optimizer"]
    torch.manual_seed(1)  # dropout
    for number, size in enumerate(sides):
        sample = data.prepare(stored(parts, 2 + number, size))
        loss = task.training_step(sample, number)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()


def stored(parts: Parts, count: int, size: tuple[int, int]) -> Sample:
    """A batch as the loader gives it."""
    variants = parts.degradation.variants
    counts = None if variants == 1 else tuple(count // variants + (i < count % variants) for i in range(variants))
    pixels = np.random.default_rng(count).integers(0, 256, (count, parts.dataset.channels, *size), dtype=np.uint8)
    index: Tensor = torch.zeros(count, dtype=torch.int64)
    return Sample(index, torch.from_numpy(pixels), label=index, counts=counts, counter=count)
