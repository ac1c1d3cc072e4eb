"""What is said where a network, an image or the time for a crop is missing."""

import time
from typing import Any

import pytest
from torch import Tensor, nn

from clock import Clock
from compare.restored import Blend, Stands, of, small
from restorelab.compare.crops import crops
from restorelab.runs.record import Runs


def test_what_is_missing_is_said_and_the_rest_is_shown() -> None:
    frozen = small()
    lost = Stands("lost", frozen, network=None)
    wrong = Stands("classifier", frozen, network=nn.Sequential(nn.Flatten(), nn.LazyLinear(10)))
    other = Stands("other", frozen, spec="else")
    found = crops(of(Stands("a", frozen), lost, wrong, other, Stands("b", frozen)), images=2)
    view = found.views[0]
    assert [tile.label for tile in view.cases[1].restored] == ["a", "b"]
    said = " ".join(view.text)
    assert "lost is not shown: there is no best.ckpt of lost" in said
    assert "classifier is not shown" in said
    assert "Measured on other images, and so not shown: other." in said
    assert lost.loads == 1  # what failed once is not tried again
    assert said.count("lost is not shown") == 1


def test_a_set_that_is_gone_leaves_words() -> None:
    class Gone(Stands):
        def frozen(self, evaluation: str) -> Any:
            raise FileNotFoundError("faces: no such folder /data/faces")

    said = crops(of(Gone("a", small())), images=2).views[0]
    assert said.cases == []
    assert said.text == ["No pictures: faces: no such folder /data/faces"]
    # One that is gone for the first run may be there for the next.
    assert crops(of(Gone("a", small()), Stands("b", small())), images=1).views[0].cases


def test_nothing_to_show_is_no_error() -> None:
    assert crops(Runs([])).views == []
    assert crops(of(Stands("a", small())), images=0).views == []

    class Broken(Stands):
        def per_image(self, evaluation: str) -> Any:
            raise ZeroDivisionError

    assert crops(of(Broken("a", small()))).views[0].text == ["No pictures: ZeroDivisionError"]


def test_the_time_is_kept_and_what_came_too_late_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock(monkeypatch)

    class Slow(Blend):
        def forward(self, degraded: Tensor) -> Tensor:
            time.sleep(0.12)
            return super().forward(degraded)

    frozen = small()
    records = [Stands(f"r{n}", frozen, network=Slow(0.9)) for n in range(8)]
    view = crops(of(*records), images=4, seconds=0.3).views[0]
    assert clock.now == pytest.approx(1000 + 3 * 0.12)  # the third is done when the time is up
    assert [len(case.restored) for case in view.cases] == [3]
    assert "The time limit for pictures was reached: 5 of 8 runs are not shown." in view.text
    assert "Shown are 1 of 4 images: the time limit for pictures was reached." in view.text


def test_an_image_that_some_runs_would_miss_is_not_begun(monkeypatch: pytest.MonkeyPatch) -> None:
    Clock(monkeypatch)

    class Slow(Blend):
        def forward(self, degraded: Tensor) -> Tensor:
            time.sleep(0.1)
            return super().forward(degraded)

    frozen = small()
    view = crops(of(*(Stands(f"r{n}", frozen, network=Slow(0.9)) for n in range(6))), images=4, seconds=1.7).views[0]
    assert [len(case.restored) for case in view.cases] == [6, 6]  # 0.6 s each: a third would end at 1.8 s


def test_another_result_than_was_measured_is_told() -> None:
    frozen = small()
    honest, other = Stands("honest", frozen), Stands("other", frozen, psnr=[30.0] * 5)
    said = [sentence for sentence in crops(of(honest, other), images=1).views[0].text if "restored again" in sentence]
    assert len(said) == 1
    assert said[0].startswith("other: restored again, i")
    assert said[0].endswith("the run measured 30.00 dB.")
