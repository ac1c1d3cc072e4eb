"""Which images and which parts of them, what the networks make of them, and what is said where something is missing."""

import dataclasses
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torch import Tensor

from compare.restored import GAUSSIAN, Frozen, Stands, of, photo, small
from restorelab.compare import patch
from restorelab.compare.crops import Case, crops
from restorelab.compare.restored_crops import LARGE, WINDOW
from restorelab.errors import DataError
from restorelab.exchange import stored_outputs
from restorelab.runs.record import Record, Runs
from runs import run


def decoded(picture: bytes) -> np.ndarray:
    image = Image.open(io.BytesIO(picture))
    assert image.format == "WEBP"
    return np.asarray(image.convert("RGB"))


def eight_bits(image: Tensor) -> np.ndarray:
    return (image.clamp(0, 1) * 255).round().byte().numpy().transpose(1, 2, 0)


def only(found: Any) -> Case:
    assert len(found.views) == 1
    assert len(found.views[0].cases) == 1
    return found.views[0].cases[0]


def test_pictures_lose_no_bit() -> None:
    image = photo("chelsea", 60, 70)
    assert np.array_equal(decoded(patch.webp(image)), eight_bits(image))
    gray = decoded(patch.webp(image[:1] * 3 - 1))  # clamped; one channel becomes three equal ones
    assert np.array_equal(gray[..., 0], eight_bits(image[:1] * 3 - 1)[..., 0])
    assert np.array_equal(gray[..., 0], gray[..., 2])
    assert decoded(patch.webp(torch.full((3, 4, 4), float("nan")))).max() == 0
    assert max(decoded(patch.small(photo("coffee", 280, 400))).shape[:2]) == patch.THUMB


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
