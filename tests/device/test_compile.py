"""`trainer.compile=true`: the step of every network of experiment/ is one graph, and new sizes do not compile anew."""

import pytest
import torch
import yaml
from torch._dynamo.utils import counters

from restorelab import build, composition
from restorelab.config import conf_dir
from restorelab.sample import Sample
from test_every_config import PERCEPTUAL

EXPERIMENTS = sorted(file.relative_to(conf_dir() / "experiment") for file in conf_dir().glob("experiment/*/*.yaml"))


def by_model() -> dict[str, str]:
    """An experiment for each network and loss that the experiments choose."""
    chosen = {}
    for file in EXPERIMENTS:
        name = file.with_suffix("").as_posix()
        defaults = yaml.safe_load((conf_dir() / "experiment" / file).read_text())["defaults"]
        choices = {key.removeprefix("override /"): value for entry in defaults for key, value in entry.items()}
        if f"experiment/{name}" not in PERCEPTUAL:
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
