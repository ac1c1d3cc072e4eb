"""Which checkpoints of weights a run keeps."""

from pathlib import Path

import pytest
import torch
from torch import nn

from restorelab.runs.run_folder import RunFolder
from restorelab.training.callbacks.kept_checkpoints import KeptCheckpoints

VALUES = {1: 20.0, 2: 24.0, 3: 24.0, 4: 22.0, 5: 19.0}


def folder(path: Path) -> RunFolder:
    found = RunFolder(path)
    found.best.parent.mkdir(parents=True, exist_ok=True)
    return found


def names(path: RunFolder) -> set[str]:
    return {file.name for file in path.best.parent.iterdir()}


def validated(kept: KeptCheckpoints, values: dict[int, float]) -> None:
    for step, value in values.items():
        kept.validation(value, {"step": step, "epoch": 0, kept.monitor: value}, {"w": torch.tensor(float(step))})


def step_of(file: Path) -> int:
    content = torch.load(file, weights_only=True)
    assert float(content["state_dict"]["w"]) == content["restorelab"]["step"]
    return content["restorelab"]["step"]


@pytest.mark.parametrize(("keep", "few"), [(1, set()), (2, {2, 3}), (3, {2, 3, 4}), (9, set(VALUES))])
def test_the_best_few_of_which_the_earlier_counts(keep: int, few: set[int], tmp_path: Path) -> None:
    held = folder(tmp_path)
    kept = KeptCheckpoints(held, keep=keep)
    validated(kept, VALUES)
    assert names(held) == {"best.ckpt"} | {f"best_step_{step}.ckpt" for step in few}
    assert step_of(held.best) == 2
    assert all(step_of(held.best.with_name(f"best_step_{step}.ckpt")) == step for step in few)


@pytest.mark.parametrize("cut", range(1, 5))
def test_a_later_session_knows_what_is_there(cut: int, tmp_path: Path) -> None:
    held = folder(tmp_path)
    validated(KeptCheckpoints(held, keep=2), {step: VALUES[step] for step in range(1, cut + 1)})
    again = KeptCheckpoints(held, keep=2)
    again.open()
    validated(again, {step: VALUES[step] for step in range(cut, 6)})  # the last one may come twice
    assert names(held) == {"best.ckpt", "best_step_2.ckpt", "best_step_3.ckpt"}
    assert step_of(held.best) == 2


def test_every_so_many_steps_whatever_they_are_worth(tmp_path: Path) -> None:
    held, net = folder(tmp_path), nn.Linear(1, 1)
    for every in (None, 3):
        kept = KeptCheckpoints(held, every=every)
        for step in range(1, 8):
            kept.step(step, 0, net)
        assert names(held) == (set() if every is None else {"step_3.ckpt", "step_6.ckpt"})


def test_a_run_that_begins_anew_removes_its_own_files_only(tmp_path: Path) -> None:
    held = folder(tmp_path)
    kept = KeptCheckpoints(held, keep=2, every=1)
    validated(kept, VALUES)
    kept.step(1, 0, nn.Linear(1, 1))
    held.best.with_name("mine.ckpt").touch()
    held.last.touch()
    kept.clear()
    assert names(held) == {"mine.ckpt", "last.ckpt"}
