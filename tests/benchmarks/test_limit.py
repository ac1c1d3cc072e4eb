"""What the benchmarks hold the framework against."""

from pathlib import Path

import pytest
import torch

from restorelab.models.mnist_conv_ae import MnistConvAE


@pytest.fixture(autouse=True)
def _path(monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
    monkeypatch.syspath_prepend(str(root / "benchmarks"))


def test_the_limit_is_the_networks_own_layers_at_their_sizes() -> None:
    from limit import Limit

    net = MnistConvAE()
    limit = Limit(net, torch.rand(2, 1, 28, 28))
    # Table II of the report: two convolutions and pools, two transposed convolutions, a convolution.
    shapes = [tuple(call.gradient.shape[1:]) for call in limit.calls]
    assert shapes == [(32, 28, 28), (32, 14, 14), (32, 14, 14), (32, 7, 7), (32, 14, 14), (32, 28, 28), (1, 28, 28)]
    # A gradient of the input, too, but for the first layer, whose input is the image; a pool has no weights.
    assert [len(call.wanted) for call in limit.calls] == [2, 1, 3, 1, 3, 3, 3]
    wanted = sum(tensor.numel() for call in limit.calls for tensor in call.wanted if tensor.shape[0] != 2)
    assert wanted == sum(parameter.numel() for parameter in net.parameters())
    assert all(call.gradient.is_contiguous(memory_format=torch.channels_last) for call in limit.calls)
    seconds, images = limit.run(2)
    assert seconds > 0
    assert images == 4


def test_kernels_that_overlap_count_once() -> None:
    from turns import union

    assert union([(0.0, 2.0), (1.0, 3.0), (1.5, 2.0), (5.0, 6.0)]) == 4.0


def test_a_contender_that_dies_or_says_nothing_is_told() -> None:
    import sys

    from turns import MARK, Contender, interleave, start, steps_in

    answers = (
        f"import sys; print('{MARK}', flush=True)\n"
        f"for line in sys.stdin: print('noise'); print('{MARK}', int(line) / 100, 4 * int(line), flush=True)"
    )
    programs = {"good": answers, "dies": "raise SystemExit(3)", "mute": "import time; time.sleep(60)"}
    found = start({name: [sys.executable, "-c", code] for name, code in programs.items()}, together=True, seconds=2)
    assert found["dies"] == "dies: its process ended with status 3"
    assert found["mute"] == "mute: no answer within 2 s"
    good = found["good"]
    assert isinstance(good, Contender)
    assert steps_in(good, 0.5) == 50
    assert interleave([good], {"good": 50}, rounds=2, warmup=1) == {"good": [(0.5, 200), (0.5, 200)]}
    good.close()
    assert good.process.returncode == 0
