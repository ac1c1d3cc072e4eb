"""Small trainings, and what they left."""

import torch

from restorelab.config import build
from restorelab.config.build import Parts
from restorelab.config.run_config import read_config
from restorelab.data.datamodule import DataModule
from restorelab.data.frozen import FrozenSet
from restorelab.runs.run_folder import RunFolder


def impulses(done: RunFolder, number: int = 1) -> tuple[Parts, FrozenSet]:
    """The run's parts, and the test images under one of its evaluations."""
    built = build.parts(read_config(done.path))
    data = DataModule(
        built.dataset, built.degradation, built.evaluations, seed=0, split_seed=0, eval_seed=0,
        protocol=built.protocol.spec(), device=torch.device("cpu"),
    )  # fmt: skip
    return built, data.frozen("test")[number]
