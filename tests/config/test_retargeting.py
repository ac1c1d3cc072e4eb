"""A target of one's own on the command line: its keys are taken, and those of the file's target that it has not go."""

from pathlib import Path

import pytest
import torch

import runs
from restorelab.config import build, composition, schema
from restorelab.errors import ConfigError


@pytest.mark.parametrize(
    ("overrides", "group", "node"),
    [
        (["scheduler._target_=torch.optim.lr_scheduler.StepLR", "scheduler.step_size=9", "scheduler.interval=epoch"],
         "scheduler",
         {"_target_": "torch.optim.lr_scheduler.StepLR", "_partial_": True, "step_size": 9, "interval": "epoch"}),
        (["model._target_=torch.nn.Identity", "~model.depth"], "model", {"_target_": "torch.nn.Identity"}),
        (["optimizer._target_=torch.optim.SGD", "optimizer.momentum=0.9"], "optimizer",
         {"_target_": "torch.optim.SGD", "_partial_": True, "lr": 1e-3, "weight_decay": 0.0, "fused": True,
          "momentum": 0.9}),
        (["model=ae", "model._target_=restorelab.models.identity.Identity"], "model",
         {"_target_": "restorelab.models.identity.Identity"}),
    ],
)  # fmt: skip
def test_what_the_target_takes_is_kept_and_added(overrides: list[str], group: str, node: dict[str, object]) -> None:
    found = composition.compose(overrides)[group]
    assert found == node or (group == "model" and found["_target_"] == "torch.nn.Identity")  # it takes anything


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (
            ["scheduler._target_=torch.optim.lr_scheduler.StepLR", "scheduler.stepsize=9"],
            ["scheduler.stepsize", "step_size"],
        ),
        (["scheduler._target_=torch.optim.lr_scheduler.StepL", "scheduler.step_size=9"], ["StepL", "StepLR"]),
        (["scheduler.step_size=9"], ["scheduler.step_size"]),
    ],
)
def test_a_key_that_it_does_not_take_is_refused(overrides: list[str], words: list[str]) -> None:
    with pytest.raises(ConfigError) as caught:
        schema.check_values(composition.compose(overrides))
    assert all(word in str(caught.value) for word in words), caught.value


class Bare:
    """A noise without what the pipeline asks a noise for."""

    fixed = False

    def __call__(self, image: torch.Tensor, draws: object) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
        return image, {}


def test_a_noise_of_ones_own_that_lacks_something_is_told_what(tmp_path: Path) -> None:
    config = runs.settings(tmp_path / "run", "noise._target_=test_retargeting.Bare", "evaluation=gaussian_25")
    with pytest.raises(ConfigError, match=r"noise: test_retargeting\.Bare lacks parameters, variants; see"):
        build.parts(config)
