"""Which evaluation goes with a training noise, and what it is called."""

from pathlib import Path
from typing import Any

import pytest
import torch
import yaml

import runs
from restorelab.config import build, from_checkpoint, noise_evaluation
from restorelab.config.run_config import read_config
from restorelab.config.schema import conf_dir
from restorelab.degradations.labels import corrected, label, number
from restorelab.degradations.rng import PhiloxDraws
from restorelab.errors import ConfigError
from restorelab.runs.record import Record
from restorelab.runs.run_folder import RunFolder

NOISE = "restorelab.degradations.noise"
GAUSSIAN_75 = f"{{_target_: {NOISE}.Gaussian, sigma: 75, clip: true}}"


def evaluations(*overrides: str) -> dict[str, Any]:
    return runs.composed(overrides)["evaluation"]


@pytest.mark.parametrize(
    ("overrides", "names"),
    [
        ("noise=gaussian", ["gaussian_50"]),
        ("noise.sigma=25", ["gaussian_25"]),
        ("noise.sigma=25.0", ["gaussian_25"]),
        ("noise.sigma=[25,25]", ["gaussian_25"]),
        ("noise.sigma=12.5", ["gaussian_12p5"]),
        ("noise.sigma=[10,20]", ["gaussian_50"]),
        ("noise.sigma=[15,25,50]", ["gaussian_50"]),
        ("noise.sigma=[levels,15,25]", ["gaussian_50"]),
        ("noise.clip=false", ["gaussian_50_unclipped"]),
        ("noise.sigma=25 noise.clip=false", ["gaussian_25_unclipped"]),
        ("noise=impulse noise.per=pixel", ["impulse_30_per_pixel"]),
        ("noise=impulse noise.amount=0.05 noise.salt=0.7", ["impulse_5_salt_70"]),
        ("noise=speckle noise.variance=0.2", ["speckle_02"]),
        ("noise=poisson noise.peak=30", ["poisson_30"]),
        ("noise=gaussian_impulse noise.amount=0.2", ["gaussian_25_impulse_20"]),
        ("noise.region=box noise.box=0.4 noise.sigma=25", ["gaussian_25_box_40"]),
        ("noise.region=box", ["gaussian_50_box_25_to_50"]),
        ("noise.sigma=25 evaluation=gaussian_50", ["gaussian_50"]),
        ("noise.sigma=25 evaluation=own", ["own"]),
        ("noise.sigma=10 evaluation.gaussian_50.noise.sigma=25", ["gaussian_25"]),
        ("evaluation.gaussian_50.noise.clip=false", ["gaussian_50_unclipped"]),
        (f"+evaluation.mine.noise={GAUSSIAN_75}", ["gaussian_50", "mine"]),
        (f"+evaluation.mine_gaussian_50_x.noise={GAUSSIAN_75}", ["gaussian_50", "mine_gaussian_75_x"]),
        ("blur=gaussian blur.sigma=3 noise.sigma=25", ["blur_3_gaussian_25"]),
        ("downsample=bicubic downsample.factor=4 noise=poisson", ["bicubic_4_poisson_255"]),
        ("noise=mixture ~noise.noises.poisson", ["gaussian_50", "impulse_30", "speckle_002"]),
        ("noise=each noise.noises.gaussian.sigma=25", ["gaussian_25", "impulse_30", "speckle_002", "poisson_255"]),
        ("noise=each ~evaluation.impulse_30", ["gaussian_50", "speckle_002", "poisson_255"]),
        ("noise=gopro_four noise.noises.gaussian_30.sigma=35", [f"gaussian_{s}" for s in (10, 35, 50, 70)]),
        ("experiment=mnist_ae/conv", ["mnist_gaussian"]),
    ],
)
def test_it_is_measured_at_the_value_that_it_is_trained_at(overrides: str, names: list[str]) -> None:
    said = [overrides] if "{" in overrides else overrides.split()
    assert list(evaluations(*said)) == names


def test_one_value_gives_the_very_images_of_the_shipped_evaluation() -> None:
    settings = runs.composed(["noise.sigma=25.0", "noise.clip=false"])
    shipped = runs.composed(["evaluation=gaussian_25_unclipped"])
    assert settings["evaluation"] == shipped["evaluation"]
    keys = [build.parts(one).evaluations["gaussian_25_unclipped"].key for one in (settings, shipped)]
    assert keys[0] == keys[1]


def test_a_member_of_each_keeps_its_images() -> None:
    settings = runs.composed(["noise=gopro_four", "noise.noises.gaussian_30.sigma=10"])
    found = build.parts(settings).evaluations
    assert {name: one.of for name, one in found.items()} == {
        "gaussian_10": "gaussian_10", "gaussian_10_gaussian_30": "gaussian_30", "gaussian_50": "gaussian_50",
        "gaussian_70": "gaussian_70",
    }  # fmt: skip


def test_a_noise_that_joins_a_mixture_is_measured_too() -> None:
    found = evaluations("noise=each", f"+noise.noises.heavy={GAUSSIAN_75}")
    assert found["gaussian_75"]["of"] == "heavy"
    assert len(found) == 5


def test_blur_is_part_of_what_is_measured() -> None:
    built = build.parts(runs.composed(["blur=gaussian", "blur.sigma=3", "noise.sigma=0"]))
    (evaluation,) = built.evaluations.values()
    image = torch.rand(1, 1, 32, 32, dtype=torch.float64)
    draws = PhiloxDraws(0)
    assert torch.equal(evaluation.degradation(image, draws)[0], built.degradation.blur(image, draws)[0].clamp(0, 1))


def test_two_evaluations_of_one_degradation_are_refused() -> None:
    with pytest.raises(ConfigError, match=r"gaussian_25.*~evaluation"):
        runs.composed(["evaluation=[gaussian_50,gaussian_25]", "evaluation.gaussian_50.noise.sigma=25"])


def test_every_shipped_label_is_its_content() -> None:
    for file in sorted((conf_dir() / "evaluation").glob("*.yaml")):
        for name, entry in yaml.safe_load(file.read_text()).items():
            if name != "defaults":
                assert corrected(name, entry) == name
                assert name in ("own", "mnist_gaussian") or label(entry) == name


def test_numbers_of_labels_are_unambiguous() -> None:
    values = [0, 0.02, 0.2, 0.002, 2, 20, 2.0, 0.25, 2.5, 25, 1e-6, 1e6, -0.5, -5, 0.1 + 0.2]
    assert len({number(value) for value in values}) == len(set(values))
    assert [number(0.3, 100), number(0.07, 100), number(0.005, 100)] == ["30", "7", "05"]
    assert number([0.5, 1.5]) == "05_to_1p5"
    assert number([15, 25, 50]) == "15_or_25_or_50"
    assert number(["levels", 15, 25]) == "15_or_25"


def test_the_log_says_where_training_and_evaluation_differ() -> None:
    def said(*overrides: str) -> list[str]:
        settings = runs.composed(overrides)
        return list(noise_evaluation.lines(settings, from_checkpoint.trained_noise(settings)))

    assert said("noise=gaussian") == [
        "evaluation gaussian_50: test images have sigma 50; the training noise has sigma 25 to 75"
    ]
    assert said("noise.sigma=25") == []
    assert said("noise.sigma=[15,25,50]")[0].endswith("has sigma 15, 25, 50")
    assert said("evaluation=impulse_30") == ["evaluation impulse_30: the network is not trained on this noise"]


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> RunFolder:
    folder = tmp_path_factory.mktemp("trained") / "run"
    outcome = runs.run(folder, "noise=poisson", "noise.peak=30", "trainer.max_epochs=1", "data.channels=3")
    assert outcome.status == "done", outcome.message
    return RunFolder(folder)


def test_an_evaluated_checkpoint_takes_network_noise_and_channels_from_its_run(
    trained: RunFolder, tmp_path: Path
) -> None:
    own = read_config(trained.path)
    for ckpt in (trained.best, trained.path):
        settings = runs.composed(["train=false", f"ckpt={ckpt}", "logger=csv"])
        assert settings["model"] == own["model"]
        assert settings["noise"] == own["noise"]
        assert settings["data"]["channels"] == 3
        assert settings["choices"]["noise"] == "poisson"
        assert list(settings["evaluation"]) == ["poisson_30"]
    asked = runs.composed(["train=false", f"ckpt={trained.best}", "noise.peak=40", "model.residual=false"])
    assert (asked["noise"]["peak"], asked["model"]["residual"], asked["model"]["features"]) == (40, False, 4)
    assert list(asked["evaluation"]) == ["poisson_40"]
    other = runs.composed(["train=false", f"ckpt={trained.best}", "noise=impulse"])
    assert list(other["evaluation"]) == ["impulse_30"]
    assert any("noise as requested" in line for line in from_checkpoint.lines(other))


def test_what_trained_the_weights_is_kept_with_their_evaluation(trained: RunFolder, tmp_path: Path) -> None:
    rest = ["train=false", "noise=impulse", "data.limit=60", "data.val=8", "data.test=8", "logger=csv", "threads=1"]
    for place, ckpt in (("own", trained.best), ("foreign", tmp_path / "net.pth")):
        if place == "foreign":
            torch.save(torch.load(trained.best, weights_only=True)["state_dict"], ckpt)
        model = ["model=dncnn", "model.depth=3", "model.features=4", "data.channels=3"] if place == "foreign" else []
        settings = runs.composed([*rest, *model, f"ckpt={ckpt}", f"run_dir={tmp_path / place}"])
        outcome = runs.execute.execute(settings)
        assert outcome.status == "done", outcome.message
    nameless = runs.composed(["train=false", f"ckpt={ckpt}"])
    assert nameless["name"] == "dncnn_small-photos"
    assert "noise" not in nameless["choices"]
    assert Record("own", tmp_path / "own").trained_noise == read_config(trained.path)["noise"]
    assert Record("foreign", tmp_path / "foreign").trained_noise is None
    assert Record("trained", trained.path).trained_noise == read_config(trained.path)["noise"]
