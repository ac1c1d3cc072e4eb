"""Two devices by gloo: they train together, stop together, and one of them evaluates."""

import json
from pathlib import Path

import pytest
import torch

import runs
from restorelab.run_folder import RunFolder


def test_two_devices_train_as_one(tmp_path: Path) -> None:
    overrides = ("noise=none", "blur=gaussian", "blur.sigma=1.0", "data.augment=none", "model.batch_norm=false",
                 "optimizer=sgd", "max_steps=5")  # fmt: skip
    two = runs.run(tmp_path / "two", "trainer.devices=2", "data.batch_size=4", *overrides)
    assert two.status == "done", two.message
    one = runs.run(tmp_path / "one", "data.batch_size=8", *overrides)
    assert one.status == "done", one.message
    results = [json.loads((tmp_path / n / "result.json").read_text()) for n in ("one", "two")]
    assert results[0]["evaluations"][0]["bits"] == results[1]["evaluations"][0]["bits"]
    weights = [torch.load(RunFolder(tmp_path / n).last, weights_only=True) for n in ("one", "two")]
    assert weights[0]["global_step"] == weights[1]["global_step"]
    # Without noise two halves of a batch are the whole: the mean of their gradients is its gradient, but for rounding.
    for name, value in weights[0]["state_dict"].items():
        torch.testing.assert_close(weights[1]["state_dict"][name], value, rtol=1e-4, atol=1e-6)


@pytest.mark.slow
def test_a_rank_that_dies_ends_the_run(tmp_path: Path) -> None:
    fail = "+callbacks.fail={_target_: runs.FailAt, batch: 3, how: raise}"
    outcome = runs.run(tmp_path / "run", "trainer.devices=2", "data.batch_size=4", fail)
    assert outcome.status == "failed"
    assert outcome.exit_status == 1
    assert json.loads(RunFolder(tmp_path / "run").failure.read_text())["status"] == "failed"


@pytest.mark.slow
def test_two_devices_stop_together_and_go_on(tmp_path: Path) -> None:
    overrides = ("trainer.devices=2", "data.batch_size=4", "trainer.checkpoint_every=null")
    assert runs.run(tmp_path / "whole", *overrides).status == "done"
    terminate = "+callbacks.fail={_target_: runs.FailAt, batch: 9, how: '15'}"
    stopped = runs.run(tmp_path / "cut", *overrides, terminate)
    assert (stopped.status, stopped.exit_status) == ("interrupted", 143)
    assert "resume=true" in stopped.message
    assert torch.load(RunFolder(tmp_path / "cut").last, weights_only=True)["global_step"] == 10  # the next poll
    assert runs.run(tmp_path / "cut", *overrides, "resume=true").status == "done"
    for file in ("metrics.csv", "per_image.csv"):
        assert (tmp_path / "whole" / file).read_text() == (tmp_path / "cut" / file).read_text()
