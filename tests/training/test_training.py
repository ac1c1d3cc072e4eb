"""What a run leaves, how it ends, and that its numbers do not depend on how it was run."""

import csv
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

import restorelab
import runs
from clock import Clock
from restorelab.config.run_config import read_config
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder
from restorelab.training import execute
from restorelab.training.evaluation import evaluate
from training.trained_runs import impulses


def rows(folder: RunFolder) -> list[dict[str, str]]:
    with folder.per_image.open(newline="") as stream:
        return list(csv.DictReader(stream))


def test_folder_holds_what_the_design_promises(done: RunFolder) -> None:
    result = json.loads(done.result.read_text())
    assert set(result) == {
        "schema", "model", "objective", "parameters", "macs", "macs_of", "evaluations", "metrics", "seconds",
        "images_per_second", "peak_memory", "versions", "git", "host", "device", "trained_noise", "higher_is_better",
    }  # fmt: skip
    assert set(result["metrics"]) == {
        "test/psnr", "test/ssim", "test/mse", "test/loss", "input/psnr", "input/ssim", "input/mse"
    }  # fmt: skip
    assert [e["degradation"] for e in result["evaluations"]] == ["gaussian_50", "impulse_30"]
    assert result["model"] == "dncnn"
    columns = ["psnr", "ssim", "mse", "input_psnr", "input_ssim", "input_mse"]
    assert list(rows(done)[0]) == ["id", "group", "evaluation", *columns]
    assert result["macs"] == 64 * 64 * 9 * (4 + 4 * 4 + 4)
    assert [e["dead_pixels"] for e in result["evaluations"]] == [0, 0]
    for file in (done.config, done.metrics, done.best, done.last, done.curves, done.images / "impulse_30.png"):
        assert file.stat().st_size > 0
    assert not done.failure.exists()
    assert result["versions"]["restorelab"] == restorelab.__version__


def test_means_are_those_of_the_images(done: RunFolder) -> None:
    result = json.loads(done.result.read_text())
    for entry in result["evaluations"]:
        values = [row for row in rows(done) if row["evaluation"] == entry["degradation"]]
        assert len(values) == entry["images"]
        for column, name in (
            ("psnr", "test/psnr"),
            ("ssim", "test/ssim"),
            ("mse", "test/mse"),
            ("input_psnr", "input/psnr"),
        ):
            mean = np.mean([float(row[column]) for row in values])
            assert entry["metrics"][name] == pytest.approx(mean, rel=1e-7)
        # per image, then averaged: the PSNR of the mean error is another number
        assert entry["metrics"]["test/psnr"] != pytest.approx(-10 * np.log10(entry["metrics"]["test/mse"]), abs=1e-6)


def test_loaded_network_repeats_the_numbers(done: RunFolder) -> None:
    net = restorelab.load(done.path)
    assert not net.training
    built, frozen = impulses(done)
    measured = evaluate(net, frozen, built.protocol, batch_size=3)
    kept = {row["id"]: float(row["psnr"]) for row in rows(done) if row["evaluation"] == "impulse_30"}
    assert dict(zip(frozen.ids, measured.values["psnr"], strict=True)) == pytest.approx(kept, abs=1e-4)
    assert frozen.bits == json.loads(done.result.read_text())["evaluations"][1]["bits"]


def test_the_time_of_restoring_is_of_the_network_and_not_of_what_is_around_it(
    done: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    built, frozen = impulses(done)
    clock = Clock(monkeypatch)

    class Slow(torch.nn.Module):
        """Takes its time to warm up, and a little less for each batch."""

        calls = 0

        def forward(self, x: torch.Tensor) -> torch.Tensor:
            clock.pass_by(0.02 if self.calls else 1.0)
            self.calls += 1
            return x

    def loss(net: Any, sample: Any) -> tuple[torch.Tensor, torch.Tensor]:
        clock.pass_by(0.1)
        return torch.tensor(0.0), net(sample.degraded)

    net = Slow()
    measured = evaluate(net, frozen, built.protocol, batch_size=1, loss=loss)
    assert net.calls == len(frozen) > 1
    assert measured.seconds == pytest.approx(0.02 * len(frozen))


def test_history_has_a_row_a_log_and_a_row_a_validation(done: RunFolder) -> None:
    columns = history.read(done.metrics)
    validated = [s for s, v in zip(columns["step"], columns["val/psnr"], strict=True) if not np.isnan(v)]
    assert validated == [6, 12, 18]
    logged = [s for s, v in zip(columns["step"], columns["train/loss"], strict=True) if not np.isnan(v)]
    assert logged == list(range(2, 19, 2))
    both = [
        np.array(columns[f"val/psnr/{name}"])[~np.isnan(columns["val/psnr"])] for name in ("gaussian_50", "impulse_30")
    ]
    assert np.mean(both, axis=0) == pytest.approx([v for v in columns["val/psnr"] if not np.isnan(v)], abs=1e-4)


def test_best_checkpoint_is_the_validation_maximum(done: RunFolder) -> None:
    columns = history.read(done.metrics)
    best = torch.load(done.best, weights_only=True)["restorelab"]
    psnr = np.array(columns["val/psnr"])
    assert best["step"] == columns["step"][int(np.nanargmax(psnr))]


def test_same_seed_same_run_other_seed_another(done: RunFolder, tmp_path: Path) -> None:
    for seed in (0, 1):
        name = str(seed)
        assert runs.run(tmp_path / name, "evaluation=[gaussian_50,impulse_30]", f"seed={seed}").status == "done"
    same, other = ((tmp_path / name / "per_image.csv").read_text() for name in "01")
    assert same == done.per_image.read_text()
    assert other != same
    inputs = [[row["input_psnr"] for row in rows(RunFolder(tmp_path / name))] for name in "01"]
    assert inputs[0] == inputs[1]  # seeds compare like with like


def test_run_can_be_repeated_from_its_folder_alone(done: RunFolder, tmp_path: Path) -> None:
    settings = read_config(done.path) | {"run_dir": str(tmp_path / "again")}
    assert execute.execute(settings).status == "done"
    assert (tmp_path / "again" / "per_image.csv").read_text() == done.per_image.read_text()


def test_checkpoint_evaluated_into_a_new_folder(done: RunFolder, tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", "evaluation=[gaussian_50,impulse_30]", "train=false", f"ckpt={done.best}")
    assert outcome.status == "done", outcome.message
    folder = RunFolder(tmp_path / "run")
    assert folder.per_image.read_text() == done.per_image.read_text()
    assert not folder.metrics.exists()


def test_checkpoint_of_another_network_is_refused(done: RunFolder, tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", "model.features=5", "train=false", f"ckpt={done.best}")
    assert (outcome.status, outcome.exit_status) == ("failed", 2)
    assert "another network" in outcome.message


def test_checkpoint_that_would_have_to_be_unpickled_is_refused(tmp_path: Path) -> None:
    torch.save({"state_dict": {"weight": Path("x")}}, tmp_path / "evil.ckpt")
    outcome = runs.run(tmp_path / "run", "train=false", f"ckpt={tmp_path / 'evil.ckpt'}")
    assert outcome.status == "failed"
    assert "cannot be read as weights" in outcome.message


@pytest.mark.parametrize("model", ["identity", "median"])
def test_networks_that_learn_nothing_are_measured(model: str, tmp_path: Path) -> None:
    settings = runs.composed(
        [f"model={model}", *(o for o in runs.TINY if not o.startswith("model")), f"run_dir={tmp_path / 'run'}"]
    )
    assert execute.execute(settings).status == "done"
    metrics = json.loads((tmp_path / "run" / "result.json").read_text())["metrics"]
    assert (metrics["test/psnr"] == pytest.approx(metrics["input/psnr"])) == (model == "identity")
    assert (metrics["test/psnr"] > metrics["input/psnr"] + 3) == (model == "median")


def test_max_steps_ends_in_mid_epoch_and_is_validated(tmp_path: Path) -> None:
    assert runs.run(tmp_path / "run", "max_steps=8").status == "done"
    columns = history.read(tmp_path / "run" / "metrics.csv")
    assert columns["step"][-1] == 8
    assert not np.isnan(columns["val/psnr"][-1])


def test_max_time_ends_the_run(tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", "max_time='00:00:01'", "trainer.max_epochs=100000")
    assert outcome.status == "done"


def test_loss_that_is_no_number_is_named(tmp_path: Path) -> None:
    outcome = runs.run(tmp_path / "run", "optimizer.lr=1e30", "scheduler=constant", "noise.clip=false")
    assert (outcome.status, outcome.exit_status) == ("failed", 1)
    for fact in ("step 1", "Batch: ", "and 3 more;", "learning rate 1e+30", "degraded [", "clean [0", "optimizer.lr"):
        assert fact in outcome.message
    assert json.loads((tmp_path / "run" / "failure.json").read_text())["error"] == "DivergedError"


def test_debug_is_two_steps(tmp_path: Path) -> None:
    assert runs.run(tmp_path / "run", "debug=true").status == "done"
    assert torch.load(tmp_path / "run" / "checkpoints" / "last.ckpt", weights_only=True)["global_step"] == 2


def test_mixed_sizes_and_16_bits(tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    (tmp_path / "data").mkdir()
    for i in range(24):
        size = (40, 52) if i % 2 else (48, 36)
        image = generator.integers(0, 65535, size, dtype=np.uint16)
        Image.fromarray(image).save(tmp_path / "data" / f"{i:02}.png")
    for name, crop in (("crop", "32"), ("whole", "null")):
        outcome = runs.run(
            tmp_path / name, "data=folder", f"data.root={tmp_path / 'data'}", f"data.crop={crop}", "data.augment=flip",
            "data.limit=null", "data.val=4", "data.test=4", "data.batch_size=4",
        )  # fmt: skip
        assert outcome.status == "done", outcome.message
        assert len(rows(RunFolder(tmp_path / name))) == 4


@pytest.mark.parametrize("error", [torch.OutOfMemoryError("CUDA out of memory. Tried to allocate"), MemoryError()])
def test_out_of_memory_says_what_to_lower(error: Exception, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from restorelab.training.task import RestorationTask

    def training_step(self: RestorationTask, sample: object, batch_idx: int) -> None:
        raise error

    monkeypatch.setattr(RestorationTask, "training_step", training_step)
    outcome = runs.run(tmp_path / "run")
    assert (outcome.status, outcome.exit_status) == ("failed", 1)
    for word in ("out of memory", "data.batch_size", "accumulate", "bf16-mixed"):
        assert word in outcome.message


def test_dead_pixels_are_counted_and_mapped(tmp_path: Path) -> None:
    """Black's are all dead; of a constant color none is, and no map is left."""
    shared = [override for override in runs.TINY if not override.startswith("model")]
    for model, share in (("black", 1.0), ("mean_color", 0.0)):
        folder = tmp_path / model
        done = execute.execute(runs.composed([*shared, f"run_dir={folder}", f"model={model}"]))
        assert done.status == "done", done.message
        (entry,) = json.loads((folder / "result.json").read_text())["evaluations"]
        assert entry["dead_pixels"] == share * 64 * 64
        maps = list((folder / "images").glob("*_dead.npy"))
        assert [np.load(file).mean() for file in maps] == [share] * bool(share)


def test_each_evaluation_is_measured_with_the_values_tuned_for_it(tmp_path: Path) -> None:
    shared = [override for override in runs.TINY if not override.startswith("model")]
    both = ["model=median", "evaluation=[gaussian_15,gaussian_75]"]
    tuned = execute.execute(runs.composed([*shared, *both, "model.kernel=null", f"run_dir={tmp_path / 'tuned'}"]))
    assert tuned.status == "done", tuned.message
    entries = json.loads((tmp_path / "tuned" / "result.json").read_text())["evaluations"]
    kernels = [int(entry["tuned"]["kernel"]) for entry in entries]
    assert kernels[0] < kernels[1]
    for kernel, entry in zip(kernels, entries, strict=True):
        folder = tmp_path / str(kernel)
        execute.execute(runs.composed([*shared, *both, f"model.kernel={kernel}", f"run_dir={folder}"]))
        alone = json.loads((folder / "result.json").read_text())["evaluations"]
        (same,) = [one for one in alone if one["degradation"] == entry["degradation"]]
        assert same["metrics"]["test/psnr"] == entry["metrics"]["test/psnr"]


def test_a_run_may_leave_no_pictures(tmp_path: Path) -> None:
    assert runs.run(tmp_path / "run", "max_steps=2", "pictures=0").status == "done"
    folder = RunFolder(tmp_path / "run")
    assert folder.result.is_file()
    assert folder.page.is_file()
    assert not folder.curves.exists()
    assert not list(folder.path.rglob("*.png"))
