"""The same crops through all models: choose test images and the part to show, and restore them by each run."""

import logging
import math
import time
from collections import Counter
from collections.abc import Sequence

import numpy as np

from restorelab.compare import patch
from restorelab.compare.restored_crops import CroppedImage, CropRestorer
from restorelab.data.frozen import FrozenSet
from restorelab.errors import DataError, listed
from restorelab.report.gallery import Case, Gallery, GalleryView, Tile
from restorelab.report.pixels import shown_bands
from restorelab.runs.record import Record, Runs

log = logging.getLogger(__name__)

VIEWS = 6
"""The most evaluations that are shown."""

BYTES = 3_000_000
"""The approximate size of all pictures in bytes; a third more as text in the page. More pictures have smaller crops."""

SIDES = (48, 160)
"""The fewest and the most pixels per side of a crop."""

AGREE = 0.05
"""The difference in dB from the measured PSNR from which the page reports that a restored image differs."""


def crops(runs: Runs, *, most: int = 24, images: int = 4, seconds: float = 60.0) -> Gallery:
    """Choose images and crops, and restore them on the CPU by the first seed of each run; never raises.

    most: runs of an evaluation, the best of them. images: of an evaluation. seconds: after which the rest is left out.
    Whatever is missing (a dataset, a checkpoint, a network) is said in the text of its view.
    """
    if images < 1 or not len(runs):
        return Gallery(
            [], ["pictures=0: no pictures were made." if images < 1 else "There are no runs to take pictures of."]
        )
    first_seeds = {name: runs[name][0] for name in runs}
    counts = Counter(evaluation for record in first_seeds.values() for evaluation in record.evaluations)
    chosen = [evaluation for evaluation, _ in counts.most_common(VIEWS)]
    text = ["Each run is shown by its first seed."] if any(len(runs[name]) > 1 for name in runs) else []
    if len(counts) > VIEWS:
        text.append(f"Shown are {VIEWS} of {len(counts)} evaluations, those that most runs were measured under.")
    tiles = sum(min(most, counts[evaluation]) + 2 for evaluation in chosen) * images
    restorer, began, views = CropRestorer(), time.monotonic(), []
    for number, evaluation in enumerate(chosen, start=1):
        until = began + seconds * number / len(chosen)
        try:
            views.append(
                _view(first_seeds, evaluation, restorer, most=most, images=images, side=side(tiles), until=until)
            )
        except Exception as error:  # a page without some pictures is better than no page
            log.debug("no pictures of %s", evaluation, exc_info=True)
            views.append(GalleryView(evaluation, [], [f"No pictures: {_first_line(error)}"]))
    return Gallery(views, text)


def side(tiles: int) -> int:
    """Return the pixels per side of each crop, a multiple of 8; a pixel in color takes about 2.2 bytes as WebP."""
    fits = math.sqrt(BYTES / 2.2 / max(tiles, 1))
    return int(min(max(8 * round(fits / 8), SIDES[0]), SIDES[1]))


def choose(psnr: np.ndarray, degraded: np.ndarray, count: int) -> list[tuple[int, str]]:
    """Which images to show, and why, from `psnr` (runs, images) and the inputs' own, `given` (images).

    The one that the runs differ on most, a middling one, the hardest and the easiest; one that is several of these says
    so, and more that differ take the places that are left. A run that does not improve its input differs from all
    others on every image, and is not asked.
    """
    better = psnr[np.nanmean(psnr, axis=1) > np.nanmean(degraded)]
    considered = better if len(better) > 1 else psnr
    mean, low, high = considered.mean(axis=0), considered.min(axis=0), considered.max(axis=0)
    spread = high - low if len(psnr) > 1 else mean - degraded
    by_mean, by_spread = np.argsort(mean, kind="stable"), np.argsort(-spread, kind="stable")
    first = "most different" if len(psnr) > 1 else "largest gain"
    reasons: dict[int, list[str]] = {}
    for place, why in ((by_spread[0], first), (by_mean[len(by_mean) // 2], "median"), (by_mean[0], "hardest"),
                       (by_mean[-1], "easiest")):  # fmt: skip
        reasons.setdefault(int(place), []).append(why)
    for rank, place in enumerate(by_spread[1:], start=2):
        if int(place) not in reasons:
            reasons[int(place)] = [f"{first}, no. {rank}"]
    chosen = []
    for place, reasons_of in list(reasons.items())[:count]:
        between = f"{low[place]:.1f} to {high[place]:.1f} dB" if len(considered) > 1 else f"{mean[place]:.1f} dB"
        why = ", ".join(reasons_of)
        chosen.append((place, f"{why[:1].upper()}{why[1:]}: {between}, input {degraded[place]:.1f} dB"))
    return chosen


def _view(
    records: dict[str, Record],
    evaluation: str,
    restorer: CropRestorer,
    *,
    most: int,
    images: int,
    side: int,
    until: float,
) -> GalleryView:
    shown = {name: record for name, record in records.items() if evaluation in record.evaluations}
    shown, text = _comparable(shown, evaluation)
    shown, left_out = _best(shown, evaluation, most)
    if left_out:
        text.append(f"The {most} runs with the highest PSNR are shown; left out: {listed(left_out)}.")
    frozen = _frozen(list(shown.values()), evaluation)
    place_of = {image: place for place, image in enumerate(frozen.ids)}
    bands = shown_bands(frozen.channels)
    text += [f"The pictures show {bands}."] if bands else []
    shared = [image for image in next(iter(shown.values())).per_image(evaluation).ids if image in place_of]
    psnr = np.stack([_column(record, evaluation, "psnr", shared) for record in shown.values()])
    degraded = _column(next(iter(shown.values())), evaluation, "input_psnr", shared)
    cases: list[Case] = []
    took = 0.0
    for place, why in choose(psnr, degraded, images):
        began = time.monotonic()
        if cases and began + took > until:  # the time limit would be reached during the next image
            text.append(
                f"Shown are {len(cases)} of {min(images, len(shared))} images: the time limit for pictures was reached."
            )
            break
        image = restorer.image(shown, evaluation, frozen, place_of[shared[place]], side=side, until=until)
        text += [sentence for sentence in image.text if sentence not in text]
        text += _agreement(image, evaluation, shown)
        cases.append(_case(image, why, shown, evaluation))
        took = time.monotonic() - began
    return GalleryView(evaluation, cases, text)


def _comparable(measured: dict[str, Record], evaluation: str) -> tuple[dict[str, Record], list[str]]:
    """Return the runs that were measured on the most common set of images, and a sentence about the others."""
    specs = {name: record.evaluation(evaluation)["spec"] for name, record in measured.items()}
    usual = Counter(specs.values()).most_common(1)[0][0]
    others = [name for name in measured if specs[name] != usual]
    sentences = [f"Measured on other images, and so not shown: {listed(others)}."] if others else []
    return {name: record for name, record in measured.items() if specs[name] == usual}, sentences


def _best(records: dict[str, Record], evaluation: str, most: int) -> tuple[dict[str, Record], list[str]]:
    """Return the runs with the highest PSNR, in their order, and the names of the others."""
    ranked = sorted(records, key=lambda name: -records[name].metric(evaluation, "psnr"))
    kept = set(ranked[:most])
    return {name: record for name, record in records.items() if name in kept}, ranked[most:]


def _frozen(records: Sequence[Record], evaluation: str) -> FrozenSet:
    """Return the set that the runs were measured on, from the first run whose dataset still exists."""
    reasons = []
    for record in [record for record in records if not record.external][:3]:
        try:
            return record.frozen(evaluation)
        except Exception as error:
            reasons.append(_first_line(error))
    raise DataError(reasons[0] if reasons else "no run here can say where its dataset is.")


def _column(record: Record, evaluation: str, column: str, ids: Sequence[str]) -> np.ndarray:
    """Return a column of per_image.csv in the order of `ids`; NaN where it has no value."""
    table = record.per_image(evaluation)
    if column not in table.columns:
        return np.full(len(ids), np.nan)
    values = dict(zip(table.ids, table.columns[column], strict=True))
    return np.array([values.get(image, np.nan) for image in ids])


def _agreement(image: CroppedImage, evaluation: str, records: dict[str, Record]) -> list[str]:
    """Return images whose PSNR differs from the measured one: other weights, another version, or another machine."""
    sentences = []
    for name, restored in image.psnr.items():
        stored = _value(records[name], evaluation, "psnr", image.id)
        if stored is not None and abs(stored - restored) > AGREE:
            sentences.append(
                f"{name}: restored again, {image.id} measures {restored:.2f} dB; the run measured {stored:.2f} dB."
            )
    return sentences


def _case(image: CroppedImage, why: str, records: dict[str, Record], evaluation: str) -> Case:
    first = next(iter(records.values()))
    degraded = Tile("degraded", patch.webp(image.degraded), _value(first, evaluation, "input_psnr", image.id),
                    _value(first, evaluation, "input_ssim", image.id))  # fmt: skip
    restored = [
        Tile(name, patch.webp(pixels), _value(records[name], evaluation, "psnr", image.id),
             _value(records[name], evaluation, "ssim", image.id))
        for name, pixels in image.restored.items()
    ]  # fmt: skip
    clean = Tile("truth", patch.webp(image.clean))
    return Case(image.id, why, patch.small(image.whole), image.size, image.box, degraded, clean, restored)


def _value(record: Record, evaluation: str, column: str, image: str) -> float | None:
    value = float(_column(record, evaluation, column, [image])[0])
    return value if math.isfinite(value) else None


def _first_line(error: BaseException) -> str:
    text = str(error).strip() or type(error).__name__
    return text.splitlines()[0]
