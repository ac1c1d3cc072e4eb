"""The page of one run: what is coloured."""

import re

import pytest

from restorelab.report import page


@pytest.mark.parametrize(
    ("psnr", "classes"), [(20.06, ["gain"]), (19.94, ["loss"]), (20.04, []), (19.96, []), (None, [])]
)
def test_a_gain_is_green_a_loss_is_not_and_little_is_neither(psnr: float | None, classes: list[str]) -> None:
    metrics = {"test/psnr": psnr, "input/psnr": 20.0}
    text = page._table([{"degradation": "gaussian_50", "images": 3, "metrics": metrics}])
    assert re.findall("class=(gain|loss)", text) == classes
