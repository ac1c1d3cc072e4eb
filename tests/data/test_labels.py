"""Labels: from the files to the batches of training and of evaluation."""

from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import torch

from data import test_source_mnist, test_source_stl10, test_source_svhn
from restorelab.data.cache import prepare
from restorelab.data.datamodule import DataModule
from restorelab.data.dataset import Dataset
from restorelab.data.decode import Decoding
from restorelab.data.evaluation import Evaluation
from restorelab.data.item import Item, Source
from restorelab.data.pairing import Division
from restorelab.data.required import require_labels
from restorelab.data.sources.folder import Folder
from restorelab.data.sources.mnist import Mnist
from restorelab.data.sources.stl10 import Stl10
from restorelab.data.sources.svhn import Svhn
from restorelab.degradations.mixture import Each
from restorelab.degradations.noise import Gaussian, NoNoise
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import DataError


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORELAB_CACHE", str(tmp_path / "cache"))


def svhn(root: Path) -> dict[str, np.ndarray]:
    made = {"train": test_source_svhn.digits(40, 1), "test": test_source_svhn.digits(12, 2)}
    for part, (images, labels) in made.items():
        test_source_svhn.write(root / f"{part}_32x32.mat", images, labels)
    return {part: labels % 10 for part, (_, labels) in made.items()}


def stl10(root: Path) -> dict[str, np.ndarray]:
    made = test_source_stl10.make(root)
    return {part: made[f"{part}_y"].astype(int) - 1 for part in ("train", "test")}


def mnist(root: Path) -> dict[str, np.ndarray]:
    made = test_source_mnist.make(root)
    return {part: made[f"{prefix}-labels-idx1-ubyte"] for part, prefix in (("train", "train"), ("test", "t10k"))}


@pytest.mark.parametrize("noise", [NoNoise(), Each({"a": Gaussian(5, clip=True), "b": Gaussian(9, clip=True)})])
@pytest.mark.parametrize("residency", ["device", "stream"])
@pytest.mark.parametrize(
    ("make", "source"), [(svhn, Svhn), (stl10, lambda root: Stl10(root, part="labelled")), (mnist, Mnist)]
)
def test_labels_reach_the_batches(
    tmp_path: Path, make: Callable, source: Callable[..., Source], residency: str, noise: object
):
    labels = make(tmp_path)
    size = {svhn: 32, stl10: 96, mnist: 28}[make]
    dataset = Dataset(source, root=str(tmp_path), size=size, batch_size=4, val=2, split_by="image", residency=residency)
    evaluations = {"own": Evaluation("own", Degradation(), {})}
    data = DataModule(
        dataset, Degradation(noise=noise), evaluations, seed=0, split_seed=0, eval_seed=0, protocol={},
        device=torch.device("cpu"),
    )  # fmt: skip
    data.setup()
    require_labels((data.table, data.rows))
    seen = set()

    def check(row: int, label: int) -> None:
        part, number = data.table.ids[row].split("/")
        assert label == labels[part][int(number)]
        seen.add(row)

    for stored in data.train_dataloader():
        sample = data.on_after_batch_transfer(stored, 0)
        assert sample.label.dtype == torch.int64
        assert sample.label.shape == sample.index.shape
        for row, label in zip(sample.index.tolist(), sample.label.tolist(), strict=True):
            check(row, label)
    for part in ("val", "test"):
        (frozen,) = data.frozen(part)
        for sample in frozen.batches(3):
            assert sample.label.dtype == torch.int64
            for place, label in zip(sample.index.tolist(), sample.label.tolist(), strict=True):
                check(int(frozen.rows[place]), label)
    assert seen == set(range(sum(map(len, labels.values()))))


def test_missing_labels_name_the_dataset(tmp_path: Path):
    test_source_stl10.make(tmp_path)
    table, rows = Dataset(Stl10, root=str(tmp_path), size=96, val=2, split_by="image").open(0)
    with pytest.raises(DataError, match=r"^stl10: its images have no labels.*mnist, svhn or stl10_labelled"):
        require_labels((table, rows))
    for place in range(3):
        test_source_stl10.Image.new("L", (8, 8), place).save(tmp_path / f"{place}.png")
    with pytest.raises(DataError, match=r"^folder: its images have no labels"):
        require_labels(Dataset(Folder, root=str(tmp_path), val=1, test=1).open(0))


def test_labels_of_some_images(tmp_path: Path):
    class Some:
        def items(self) -> list[Item]:
            pixels = np.zeros((8, 8), np.uint8)
            return [Item(f"i{n}", "g", pixels, label=None if n in (2, 5) else n) for n in range(6)]

        def fingerprint(self) -> dict[str, object]:
            return {}

    table = prepare(Some(), Decoding(1))
    with pytest.raises(DataError, match=r"^some: 2 images have no label, such as i2"):
        require_labels((table, Division({"train": np.arange(4), "val": np.arange(4, 6)})))
    labeled = Division({"train": np.array([0, 1, 3]), "val": np.array([4])})
    require_labels((table, labeled))
    most = int(table.labels[[0, 1, 3, 4]].max())
    require_labels((table, labeled), most + 1)
    with pytest.raises(DataError, match=rf"has the label {most}, .* {most} classes.* Set model\.classes={most + 1}\."):
        require_labels((table, labeled), most)
