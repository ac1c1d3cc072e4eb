"""`restorelab evaluate`: which config, which images, which numbers, which files."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import scipy.ndimage
import tifffile
import torch
from PIL import Image

import restorelab
import runs
from restorelab.cli.main import main
from restorelab.data.frozen import FrozenSet
from restorelab.exchange import sets

QUICK = ("logger=csv", "trainer.accelerator=cpu", "threads=1", "pictures=0")


def result(folder: Path) -> dict[str, Any]:
    return json.loads((folder / "result.json").read_text())


def evaluation(folder: Path, *arguments: str) -> dict[str, Any]:
    assert main(["evaluate", *arguments, *QUICK, f"run_dir={folder}"]) == 0
    return result(folder)


def pictures(root: Path, **counts: int) -> Path:
    for top, count in counts.items():
        (root / top).mkdir(parents=True, exist_ok=True)
        for number in range(count):
            pixels = np.random.default_rng([number, *top.encode()]).integers(0, 256, (20, 24), np.uint8)
            Image.fromarray(pixels).save(root / top / f"{number}.png")
    return root


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with settings that no default has: its data, evaluation, loss, protocol and noise."""
    folder = tmp_path_factory.mktemp("evaluate") / "trained"
    outcome = runs.run(folder, "noise=poisson", "noise.peak=[20,80]", "evaluation=poisson_30", "data.limit=30",
                       "data.crop=24", "loss=l1", "protocol.border=2", "split_seed=3",
                       "trainer.max_epochs=1")  # fmt: skip
    assert outcome.status == "done", outcome.message
    return folder


def test_without_overrides_the_runs_own_test_is_repeated(trained: Path, tmp_path: Path) -> None:
    (first,), (again,) = result(trained)["evaluations"], evaluation(tmp_path / "again", str(trained))["evaluations"]
    for key in ("degradation", "spec", "bits", "images", "protocol"):
        assert again[key] == first[key]
    assert again["metrics"] == pytest.approx(first["metrics"], rel=1e-5)


def test_other_images_are_measured_whole_with_the_runs_network_and_noise(trained: Path, tmp_path: Path) -> None:
    root = pictures(tmp_path / "set", **{".": 5})
    found = evaluation(tmp_path / "run", str(trained / "checkpoints" / "best.ckpt"), "data=folder", f"data.root={root}",
                       "evaluation=[gaussian_25,poisson_30]", "images=all")  # fmt: skip
    assert {entry["degradation"]: entry["images"] for entry in found["evaluations"]} == {
        "gaussian_25": 5,
        "poisson_30": 5,
    }
    assert found["trained_noise"]["peak"] == [20, 80]
    rows = [line.split(",") for line in (tmp_path / "run" / "per_image.csv").read_text().splitlines()]
    psnr = {(row[0], row[2]): float(row[rows[0].index("psnr")]) for row in rows[1:]}
    for (name, degradation), value in psnr.items():  # what was measured is what was written
        restored = tifffile.imread(tmp_path / "run" / "restored" / degradation / f"{Path(name).stem}.tif")
        clean = np.asarray(Image.open(root / name)).astype(np.float64) / 255
        assert restored.dtype == np.float32
        error = np.square(restored.astype(np.float64) - clean)[2:-2, 2:-2].mean()  # the run's protocol.border
        assert -10 * np.log10(error) == pytest.approx(value, abs=1e-5)
    assert len(psnr) == 10


@pytest.mark.slow
def test_of_a_folder_with_parts_the_test_part_is_measured(trained: Path, tmp_path: Path) -> None:
    root = pictures(tmp_path / "set", train=4, test=3)
    found = evaluation(tmp_path / "run", str(trained), "data=folder", f"data.root={root}", "protocol.quantize=true",
                       "images=all")  # fmt: skip
    assert [entry["images"] for entry in found["evaluations"]] == [3]
    files = sorted((tmp_path / "run" / "restored" / "poisson_30").iterdir())
    assert [file.suffix for file in files] == [".png"] * 3  # measured at 8 bits


def test_a_file_from_elsewhere_needs_its_network(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    net = runs.composed(["model=dncnn", "model.depth=3", "model.features=4"])
    from restorelab.config import build

    torch.save({"params": build.make("model", net["model"]).state_dict()}, tmp_path / "w.pth")
    root = pictures(tmp_path / "set", **{".": 2})
    words = ["data=folder", f"data.root={root}", "evaluation=gaussian_25_unclipped"]
    assert main(["evaluate", str(tmp_path / "w.pth"), *words]) == 2
    assert "model=dncnn" in capsys.readouterr().err
    network = ["model=dncnn", "model.depth=3", "model.features=4"]
    found = evaluation(tmp_path / "run", str(tmp_path / "w.pth"), *network, *words)
    assert [(entry["degradation"], entry["images"]) for entry in found["evaluations"]] == [("gaussian_25_unclipped", 2)]
    assert found["trained_noise"] is None


def frozen(*words: str) -> FrozenSet:
    """All images of a folder, degraded as they are in an evaluation."""
    (images,) = sets.open_sets(runs.composed([*words, "data.test=all", "data.val=0"]), "test")[1]
    return images


def test_a_packaged_network_is_measured_as_its_card_says(tmp_path: Path) -> None:
    words = [f"data.root={pictures(tmp_path / 'set', **{'.': 2})}", "data=folder", "evaluation=gaussian_25_unclipped"]
    found = evaluation(tmp_path / "named", "denoise_gray", *words)
    net, images, psnr = restorelab.load("denoise_gray"), frozen(*words), []
    for place in range(2):
        with torch.inference_mode():
            restored = net(images.image(place)[None], torch.tensor([25 / 255]))[0]
        psnr.append(-10 * torch.log10((restored - images.clean(place)).square().mean()).item())
    assert found["metrics"]["test/psnr"] == pytest.approx(np.mean(psnr), abs=1e-3)
    assert found["trained_noise"]["sigma"] == [0, 75]
    assert "400 Berkeley photographs" in (tmp_path / "named" / "report.html").read_text()
    again = evaluation(tmp_path / "again", f"model={tmp_path / 'named'}", *words)  # the weights that a run measured
    assert again["metrics"] == found["metrics"]


def test_a_classical_baseline_needs_no_weights(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ["data=folder", f"data.root={pictures(tmp_path / 'set', **{'.': 2})}", "evaluation=impulse_30"]
    found = evaluation(tmp_path / "run", "model=median", *words, "images=all")
    assert found["parameters"] == 0
    images = frozen(*words)
    for place, name in enumerate(images.ids):
        (file,) = (tmp_path / "run" / "restored").rglob(f"{Path(name).stem}.tif")
        expected = scipy.ndimage.median_filter(images.image(place)[0].numpy(), 3, mode="mirror")
        assert np.allclose(tifffile.imread(file), expected, atol=1e-6)
    assert main(["evaluate", "model=tv", *words]) == 2
    assert "model.weight=null is chosen on validation images" in capsys.readouterr().err
    assert main(["evaluate", "model=dncnn", *words]) == 2
    assert "has weights to learn. Name them: restorelab evaluate WEIGHTS" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], ["expected one run", "runs/mine"]),
        (["model=denoise_gry"], ["model=denoise_gry", "'denoise_gray'"]),
        (["model=bm3"], ["model=bm3", "'bm3d'"]),
        (["denoise_gry"], ["there is no denoise_gry", "'denoise_gray'"]),
        (["RUN", "RUN"], ["it got 2"]),
        (["RUN", "images=al"], ["images=al", "'all'"]),
        (["RUN", "max_steps=3"], ["max_steps", "nothing is trained"]),
        (["RUN", "train=true"], ["train", "Leave it out"]),
        (["RUN", "evaluatoin=own"], ["evaluatoin", "'evaluation'"]),
        (["RUN", "evaluation=jpeg_11"], ["jpeg_11", "jpeg_10"]),
        (["RUNN"], ["there is no", "trained"]),
        (["RUN/.."], ["is not a run folder: it has no config.yaml. It holds the runs trained"]),
        (["RUN", "--verbose"], ["--verbose", "key=value"]),
    ],
)
def test_what_is_wrong_is_told_with_status_2(
    trained: Path, arguments: list[str], words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["evaluate", *(word.replace("RUN", str(trained)) for word in arguments)]) == 2
    message = capsys.readouterr().err
    assert all(word in message for word in words), message


def test_a_run_of_somebody_else_names_nothing_that_is_imported(
    trained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    import shutil

    copied = tmp_path / "copied"
    shutil.copytree(trained, copied)
    text = (copied / "config.yaml").read_text()
    for target in ("restorelab.models.dncnn.DnCNN", "restorelab.data.sources.photos.Photos"):
        assert target in text
        (copied / "config.yaml").write_text(text.replace(target, "stealthy_package.module.Name"))
        assert main(["evaluate", str(copied), *QUICK, f"run_dir={tmp_path / 'run'}"]) == 2
        assert "stealthy_package.module.Name is not imported" in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


@pytest.mark.slow
@pytest.mark.parametrize(("name", "psnr"), [("bsd68_gray", 29.23), ("set12", 30.44)])
def test_published_weights_read_what_they_are_known_to(shared: Path, tmp_path: Path, name: str, psnr: float) -> None:
    """KAIR's DnCNN for sigma 25 reads the numbers that DnCNN-S was published with, but for the noise that is drawn."""
    found = evaluation(
        tmp_path / "run", str(shared / "data" / "weights" / "kair_dncnn_25.pth"), "model=dncnn",
        "model.batch_norm=false", "data=folder", f"data.root={shared / 'data' / name}",
        "evaluation=gaussian_25_unclipped",
    )  # fmt: skip
    assert found["metrics"]["test/psnr"] == pytest.approx(psnr, abs=0.03)
    assert found["evaluations"][0]["images"] == {"bsd68_gray": 68, "set12": 12}[name]
