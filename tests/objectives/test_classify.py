"""The classifier's objective: its loss, its metrics, and a whole run on labelled images."""

import csv
import json
from pathlib import Path

import pytest
import torch
import torch.nn.functional as F

import runs
from restorelab.data.sample import Sample
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import TorchDraws
from restorelab.errors import DataError
from restorelab.metrics.protocol import Protocol
from restorelab.objectives.classify import Classify

SMALL = (
    "objective=classify", "model=classifier", "noise=none", "data=mnist", "data.size=[32,32]", "data.resize=stretch",
    "model.channels=1", "model.widths=[4,4,8,8,8]", "model.hidden=16",
)  # fmt: skip


def batch(labels: list[int]) -> Sample:
    images = torch.rand(len(labels), 1, 16, 16)
    return Sample(torch.arange(len(labels)), images, images.clone(), label=torch.tensor(labels))


def test_loss_and_metrics_are_those_of_the_logits():
    logits = torch.tensor([[2.0, 0.0, 0.0], [0.0, 0.0, 5.0], [0.0, 1.0, 0.5]])
    sample = batch([0, 1, 1])
    loss, output = Classify()(lambda image: logits, sample, Degradation(), TorchDraws())
    assert output is logits
    assert float(loss) == pytest.approx(float(F.cross_entropy(logits, torch.tensor([0, 1, 1]))))
    values = Classify().measures(Protocol())(logits, sample.label)
    assert values["accuracy"].tolist() == [1, 0, 1]
    assert values["entropy"].mean().item() == pytest.approx(float(loss))


def test_images_without_labels_are_refused():
    sample = batch([0])
    sample.label = None
    with pytest.raises(DataError, match="no labels"):
        Classify()(lambda image: torch.zeros(1, 3), sample, Degradation(), TorchDraws())


@pytest.fixture(scope="module")
def classified(shared: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("classify") / "run"
    tiny = [o for o in runs.TINY if not o.startswith("model")]
    from restorelab.config import composition
    from restorelab.training import execute

    settings = composition.compose([
        *tiny, f"run_dir={folder}", *SMALL, f"data.root={shared / 'data' / 'mnist'}", "data.limit=3000",
        "data.val=100", "data.batch_size=32", "optimizer.lr=3e-3", "trainer.max_epochs=4", "model.dropout=0.0",
        "model.init=torch",
    ])  # fmt: skip
    outcome = execute.execute(settings)
    assert outcome.status == "done", outcome.message
    return folder


def test_a_run_learns_digits_and_says_so(classified: Path):
    result = json.loads((classified / "result.json").read_text())
    (entry,) = result["evaluations"]
    assert result["objective"] == "classify"
    assert entry["metrics"]["test/accuracy"] > 0.5  # ten digits: chance is 0.1
    assert set(entry["metrics"]) == {"test/accuracy", "test/entropy", "test/loss"}
    assert entry["dead_pixels"] is None
    with (classified / "per_image.csv").open(newline="") as stream:
        rows = list(csv.DictReader(stream))
    mean = sum(float(row["accuracy"]) for row in rows) / len(rows)
    assert mean == pytest.approx(entry["metrics"]["test/accuracy"])
    with (classified / "metrics.csv").open(newline="") as stream:
        validated = [row for row in csv.DictReader(stream) if row["val/accuracy"]]
    best = torch.load(classified / "checkpoints" / "best.ckpt", weights_only=True)["restorelab"]
    assert best["val/accuracy"] == pytest.approx(max(float(row["val/accuracy"]) for row in validated))
    assert not list((classified / "images").glob("*.png"))
    assert "accuracy" in (classified / "report.html").read_text()
