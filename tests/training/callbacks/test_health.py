"""A dead branch is said once, and only where there is one."""

import logging

import pytest
import torch

from restorelab.data.sample import Sample
from restorelab.models.dual_ae import DualAE
from restorelab.training.callbacks.health import Health


class Stub:
    """What the callback asks of a task and a trainer."""

    global_step = 7

    def __init__(self, net: torch.nn.Module) -> None:
        self.net = net


@pytest.mark.parametrize("dead", [False, True])
def test_dead_branch_is_said_once(dead: bool, caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(0)
    net = DualAE(skips=True)
    if dead:
        with torch.no_grad():
            net.up3.bias.fill_(-1e3)
    batch = (0, Sample(torch.arange(2), torch.rand(2, 1, 32, 32), torch.rand(2, 1, 32, 32)))
    task, callback = Stub(net), Health()
    with caplog.at_level(logging.WARNING, logger="restorelab"):
        logging.getLogger("restorelab").propagate = True
        for _ in range(2):
            callback.on_validation_batch_start(task, task, batch, 0)
    assert caplog.text.count("is dead") == int(dead)
