"""Which images and which parts of them, what the networks make of them, and what is said where something is missing."""

import dataclasses
import io
import time
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from skimage import data as photographs
from torch import Tensor, nn

from clock import Clock
from restorelab.compare import patch
from restorelab.compare.crops import SIDES, Case, choose, crops, side
from restorelab.compare.restoring import LARGE, WINDOW
from restorelab.errors import DataError
from restorelab.exchange import stored_outputs
from restorelab.metrics.protocol import Protocol
from restorelab.report import detail
from restorelab.runs.record import PerImage, Record, Runs
from runs import run

GAUSSIAN = "gaussian_50"


def photo(name: str, height: int, width: int) -> Tensor:
    array = getattr(photographs, name)()[100 : 100 + height, 100 : 100 + width]
    return torch.from_numpy(array.transpose(2, 0, 1).copy()).float() / 255


def decoded(picture: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(picture))
    assert image.format == "WEBP"
    return np.asarray(image.convert("RGB"))


def eight_bits(image: Tensor) -> np.ndarray:
    return (image.clamp(0, 1) * 255).round().byte().numpy().transpose(1, 2, 0)


class Frozen:
    """Stands for a FrozenSet: clean photographs and noisy ones, `scale` times smaller."""

    spec = "s"

    def __init__(self, clean: list[Tensor], scale: int = 1) -> None:
        self.ids = [f"i{n}" for n in range(len(clean))]
        self.channels = len(clean[0]) if clean else 3
        self._clean, self._scale = clean, scale
        noise = torch.Generator().manual_seed(0)
        small = [image[..., ::scale, ::scale] for image in clean]
        self._degraded = [image + 0.2 * torch.randn(image.shape, generator=noise) for image in small]

    def clean(self, place: int) -> Tensor:
        return self._clean[place]

    def image(self, place: int) -> Tensor:
        return self._degraded[place]

    def sigma(self, place: int) -> None:
        """No noise level is known."""


class Blend(nn.Module):
    """Something that restores: the input, enlarged, times a factor; counts its calls and the sizes it saw."""

    def __init__(self, factor: float, scale: int = 1) -> None:
        super().__init__()
        self.factor, self.scale = factor, scale
        self.seen: list[tuple[int, ...]] = []

    def forward(self, degraded: Tensor) -> Tensor:
        self.seen.append(tuple(degraded.shape[-2:]))
        large = degraded.repeat_interleave(self.scale, -1).repeat_interleave(self.scale, -2)
        return large * self.factor


class Stands:
    """Stands for a Record, with numbers of its own."""

    seed, external = 0, False

    def __init__(
        self, name: str, frozen: Frozen, psnr: list[float] | None = None, factor: float = 0.9, **other: Any
    ) -> None:
        self.name, self._frozen = name, frozen
        self.factor, self.loads, self.spec = factor, 0, "s"
        self.network: nn.Module | None = Blend(factor, frozen._scale)
        self.evaluations = [GAUSSIAN]
        self.config = {"protocol": {"_target_": "restorelab.metrics.protocol.Protocol"}}
        values = psnr or self._measured()
        self.columns = {"psnr": np.array(values), "ssim": np.full(len(values), 0.5)}
        self.columns |= {"input_psnr": np.full(len(values), 10.0), "input_ssim": np.full(len(values), 0.1)}
        for key, value in other.items():
            setattr(self, key, value)

    def _measured(self) -> list[float]:
        outputs = [
            Blend(self.factor, self._frozen._scale)(self._frozen.image(n)[None]) for n in range(len(self._frozen.ids))
        ]
        return [float(Protocol().measure(o, self._frozen.clean(n)[None])["psnr"]) for n, o in enumerate(outputs)]

    def evaluation(self, name: str) -> dict[str, Any]:
        return {"spec": self.spec, "tuned": None}

    def metric(self, evaluation: str, name: str) -> float:
        return float(self.columns[name].mean())

    def per_image(self, evaluation: str) -> PerImage:
        return PerImage(self._frozen.ids, self._frozen.ids, self.columns)

    def frozen(self, evaluation: str) -> Any:
        return self._frozen

    def net(self, evaluation: str) -> nn.Module:
        self.loads += 1
        if self.network is None:
            raise FileNotFoundError(f"there is no best.ckpt of {self.name}")
        return self.network


def of(*records: Stands) -> Runs:
    return Runs(records)  # type: ignore[arg-type]


def small(count: int = 5) -> Frozen:
    return Frozen([photo("astronaut", 40, 48) * (0.5 + 0.1 * n) for n in range(count)])


def only(found: Any) -> Case:
    assert len(found.views) == 1
    assert len(found.views[0].cases) == 1
    return found.views[0].cases[0]


def test_the_images_are_those_that_differ_and_the_ends_and_the_middle() -> None:
    #               0     1     2     3     4     5     6
    psnr = np.array([[20.0, 30.0, 25.0, 24.0, 26.0, 28.0, 22.0], [20.5, 30.5, 25.5, 29.0, 26.5, 28.5, 22.5]])
    found = choose(psnr, np.full(7, 15.0), 4)
    assert [place for place, _ in found] == [3, 4, 0, 1]
    assert found[0][1] == "Most different: 24.0 to 29.0 dB, input 15.0 dB"
    assert [why.partition(":")[0] for _, why in found] == ["Most different", "Median", "Hardest", "Easiest"]
    assert [place for place, _ in choose(psnr, np.full(7, 15.0), 1)] == [3]
    every = choose(psnr, np.full(7, 15.0), 50)
    assert len(every) == len({why.partition(":")[0] for _, why in every}) == 7
    assert every[4][1].startswith("Most different, no. 4: ")


def test_an_image_that_is_several_things_says_so() -> None:
    found = choose(np.array([[20.0, 30.0, 25.0], [21.0, 36.0, 25.5]]), np.full(3, 15.0), 3)
    assert [(place, why.partition(":")[0]) for place, why in found] == [
        (1, "Most different, easiest"), (2, "Median"), (0, "Hardest"),
    ]  # fmt: skip


def test_a_run_that_does_not_improve_the_input_does_not_choose_the_images() -> None:
    psnr = np.array([[20.0, 21.0, 22.0], [20.0, 24.0, 22.0], [5.0, 9.0, 1.0]])  # the last one is black
    assert choose(psnr, np.full(3, 15.0), 1)[0][0] == 1


def test_one_run_shows_where_it_gains_most() -> None:
    found = choose(np.array([[20.0, 21.0, 22.0]]), np.array([10.0, 19.0, 20.0]), 1)
    assert found == [(0, "Largest gain, hardest: 20.0 dB, input 10.0 dB")]


@pytest.mark.parametrize("step", [1, 4])
@pytest.mark.parametrize("margin", [0, 8])
def test_the_box_lies_where_the_weight_is(step: int, margin: int) -> None:
    weight = np.random.default_rng(step + margin).random((40, 52)) ** 4
    x, y, wide, high = detail.busiest(weight, 16, 12, step, margin)
    assert (wide, high) == (16, 12)
    sums = {(a, b): weight[b : b + 12, a : a + 16].sum()
            for a in range(0, 37, step) for b in range(0, 29, step)
            if margin <= a < 37 - margin and margin <= b < 29 - margin}  # fmt: skip
    assert (x, y) == max(sums, key=lambda place: sums[place])


def test_a_box_is_no_larger_than_the_image() -> None:
    assert detail.busiest(np.ones((9, 7)), 64, 64) == (0, 0, 7, 9)
    assert detail.busiest(np.ones((9, 7)), 64, 64, step=2, margin=24) == (0, 0, 6, 8)
    assert detail.busiest(np.full((9, 7), np.nan), 4, 4)[2:] == (4, 4)


def test_pictures_lose_no_bit() -> None:
    image = photo("chelsea", 60, 70)
    assert np.array_equal(decoded(patch.webp(image)), eight_bits(image))
    gray = decoded(patch.webp(image[:1] * 3 - 1))  # clamped; one channel becomes three equal ones
    assert np.array_equal(gray[..., 0], eight_bits(image[:1] * 3 - 1)[..., 0])
    assert np.array_equal(gray[..., 0], gray[..., 2])
    assert decoded(patch.webp(torch.full((3, 4, 4), float("nan")))).max() == 0
    assert max(decoded(patch.small(photo("coffee", 280, 400))).shape[:2]) == patch.THUMB


def test_the_more_pictures_the_smaller_they_are() -> None:
    assert side(1) == SIDES[1]
    assert side(10**6) == SIDES[0]
    sides = [side(count) for count in (50, 100, 416, 800)]
    assert sides == sorted(sides, reverse=True)
    assert all(size % 8 == 0 for size in sides)


def test_tiles_show_the_same_part_through_every_network() -> None:
    frozen = small()
    records = [Stands(f"r{n}", frozen, factor=0.7 + 0.1 * n) for n in range(3)]
    case = only(crops(of(*records), images=1))
    place = frozen.ids.index(case.id)
    x, y, wide, high = case.box
    part = (..., slice(y, y + high), slice(x, x + wide))
    assert case.size == (48, 40)
    assert np.array_equal(decoded(case.clean.picture), eight_bits(frozen.clean(place)[part]))
    assert np.array_equal(decoded(case.degraded.picture), eight_bits(frozen.image(place)[part]))
    assert [tile.label for tile in case.restored] == ["r0", "r1", "r2"]
    for tile, record in zip(case.restored, records, strict=True):
        assert np.array_equal(decoded(tile.picture), eight_bits(frozen.image(place)[part] * record.factor))
        assert tile.psnr == record.columns["psnr"][place]
        assert tile.ssim == 0.5
        assert record.loads == 1
    assert (case.degraded.psnr, case.degraded.ssim, case.clean.psnr) == (10.0, 0.1, None)


def test_each_network_is_loaded_once_and_restores_only_the_images_shown() -> None:
    record = Stands("a", small(9))
    found = crops(of(record), images=3)
    assert len(found.views[0].cases) == 3
    assert record.loads == 1
    assert record.network.seen == [(40, 48)] * 3  # type: ignore[union-attr]


def test_smaller_inputs_stand_in_the_same_place() -> None:
    frozen = Frozen([photo("astronaut", 400, 360)], scale=4)
    for runs in ([Stands("a", frozen)], [Stands("a", frozen), Stands("b", frozen, factor=0.5)]):
        case = only(crops(of(*runs), images=1000))  # of so many, crops are small, and can lie anywhere
        assert case.box[2:] == (48, 48)
        assert not any(value % 4 for value in case.box)
    x, y, wide, high = case.box
    small = frozen.image(0)[..., y // 4 : (y + high) // 4, x // 4 : (x + wide) // 4]
    assert np.array_equal(decoded(case.degraded.picture), eight_bits(small))
    large = small.repeat_interleave(4, -1).repeat_interleave(4, -2) * 0.5
    assert np.array_equal(decoded(case.restored[1].picture), eight_bits(large))


def test_of_large_images_a_window_is_restored_and_it_is_said() -> None:
    frozen = Frozen([photo("astronaut", 410, 400)])
    record = Stands("a", frozen)
    found = crops(of(record, Stands("b", frozen, factor=0.2)), images=1)
    case = only(found)
    assert record.network.seen == [(WINDOW, WINDOW)]  # type: ignore[union-attr]
    assert case.size == (400, 410)
    assert any(str(LARGE) in sentence for sentence in found.views[0].text)
    x, y, wide, high = case.box
    assert np.array_equal(decoded(case.clean.picture), eight_bits(frozen.clean(0)[..., y : y + high, x : x + wide]))


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


def test_others_methods_are_shown_by_their_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    frozen = small()

    def restored(record: Any, evaluation: str, place: int) -> torch.Tensor:
        if record.name == "silent":
            raise DataError("its outputs are not at hand.")
        return frozen.clean(place) * 0.5

    monkeypatch.setattr(stored_outputs, "restored", restored)
    theirs = Stands("theirs", frozen, external=True, network=None)
    silent = Stands("silent", frozen, external=True, network=None)
    found = crops(of(theirs, silent, Stands("a", frozen)), images=1)
    case = only(found)
    x, y, wide, high = case.box
    own = frozen.clean(frozen.ids.index(case.id))[..., y : y + high, x : x + wide]
    assert np.array_equal(decoded(case.restored[0].picture), eight_bits(own * 0.5))
    assert [tile.label for tile in case.restored] == ["theirs", "a"]
    assert any("silent is not shown: its outputs are not at hand." in sentence for sentence in found.views[0].text)


def test_only_the_best_are_shown_in_their_own_order() -> None:
    frozen = small()
    records = [Stands(f"r{n}", frozen, psnr=[20.0 + (n * 3) % 5] * 5) for n in range(5)]  # 20 23 21 24 22
    found = crops(of(*records), most=2, images=1)
    assert [tile.label for tile in only(found).restored] == ["r1", "r3"]
    assert "left out: r4, r2, r0" in found.views[0].text[0]


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


def test_real_runs_are_shown_as_they_were_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    small_run = ("trainer.max_epochs=1", "data.channels=3", "data.limit=24", f"evaluation={GAUSSIAN}")
    for name, seed in (("net", 0), ("net", 1), ("wide", 0)):
        features = 4 if name == "net" else 6
        run(tmp_path / f"{name}-{seed}", *small_run, f"seed={seed}", f"model.features={features}")
    records = [Record(path.name.rpartition("-")[0], path) for path in sorted(tmp_path.glob("*-*"))]
    found = crops(Runs(records), images=2)
    view = found.views[0]
    assert view.text == []  # restored anew, all is as it was measured
    assert len(view.cases) == 2
    assert [tile.label for tile in view.cases[0].restored] == ["net", "wide"]
    assert found.text == ["Each run is shown by its first seed."]
    case = view.cases[0]
    frozen = records[0].frozen(GAUSSIAN)
    place = frozen.ids.index(case.id)
    with torch.inference_mode():
        whole = records[0].net(GAUSSIAN)(frozen.image(place)[None])[0]
    x, y, wide, high = case.box
    assert (
        np.abs(decoded(case.restored[0].picture).astype(int) - eight_bits(whole[..., y : y + high, x : x + wide])).max()
        <= 1
    )
    assert case.restored[0].psnr == dataclasses.asdict(records[0].per_image(GAUSSIAN))["columns"]["psnr"][place]
    (records[2].path / "checkpoints" / "best.ckpt").unlink()
    again = crops(Runs(records), images=1).views[0]
    assert [tile.label for tile in again.cases[0].restored] == ["net"]
    assert any(sentence.startswith("wide is not shown: ") and "best.ckpt" in sentence for sentence in again.text)
