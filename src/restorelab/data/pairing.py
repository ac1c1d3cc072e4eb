"""Which images a part shows under which variant of the training noise.

By default every image of a part is shown under every variant, and a `Division` is the rows of each part. Two options
pair images with variants. Both give rows by part and variant, which `loader.Order` uses in training and from which an
evaluation takes its images:

- `data.split_by=pair` draws the parts from all (image, variant) pairs, as the faces report does. An image may then be
  in training under one noise and in test under another, so that this leak can be measured.
- `noise.groups` assigns each image of a part to one group of variants, as the denoising set of the GoPro report does.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from restorelab.data.split import PARTS, Amount, Images, has_parts, number_of, split
from restorelab.degradations.mixture import Each
from restorelab.degradations.noise import Noise
from restorelab.degradations.rng import derive
from restorelab.errors import ConfigError, DataError, nearest

log = logging.getLogger(__name__)

Shown = Mapping[str, np.ndarray]
"""Images by variant, each ascending int64."""


class Division(dict[str, np.ndarray]):
    """The rows of each part, ascending int64.

    shown: by part, the rows of each variant; None if every image is shown under every variant. With it, the rows of a
    part are the images that it shows under any variant.
    """

    def __init__(self, rows: Shown, shown: Mapping[str, Shown] | None = None) -> None:
        super().__init__(rows)
        self.shown = shown

    @classmethod
    def of_pairs(cls, shown: Mapping[str, Shown]) -> "Division":
        """Make a division from the rows of each part and variant."""
        return cls({part: _union(by_variant) for part, by_variant in shown.items()}, shown)

    def under(self, part: str, variant: str | None) -> np.ndarray:
        """Return the rows that a part shows under a variant; all its rows for None, or if nothing is paired."""
        return self[part] if variant is None or self.shown is None else self.shown[part][variant]

    def first(self, count: int) -> "Division":
        """Keep at most `count` images of each part, or of each variant of a part if images are paired."""
        if self.shown is None:
            return Division({part: rows[:count] for part, rows in self.items()})
        return Division.of_pairs(
            {part: {name: rows[:count] for name, rows in shown.items()} for part, shown in self.shown.items()}
        )

    def without(self, part: str, rows: np.ndarray) -> "Division":
        """Return the division without some rows of one part."""
        if self.shown is None:
            return Division({**self, part: np.setdiff1d(self[part], rows)})
        remaining = {name: np.setdiff1d(variant, rows) for name, variant in self.shown[part].items()}
        return Division.of_pairs({**self.shown, part: remaining})

    def describe(self) -> str:
        """Return the numbers of images or pairs: `900 train, 50 val, 50 test`."""
        if self.shown is None:
            return ", ".join(f"{len(rows)} {part}" for part, rows in self.items())
        counts = {part: {name: len(rows) for name, rows in shown.items()} for part, shown in self.shown.items()}
        return "; ".join(
            f"{sum(by.values())} pairs {part} ({', '.join(f'{count} {name}' for name, count in by.items())})"
            for part, by in counts.items()
        )


def divide(
    table: Images,
    noise: Noise | Each | None,
    *,
    val: float,
    test: Amount,
    seed: int,
    by: Literal["group", "image", "pair"],
) -> Division:
    """Split a dataset, and pair its images with the noise's variants if `by` or the noise says so.

    noise: the training noise; None to split the images alone. val, test, seed, by: see `split`; with `by="pair"`, `val`
    and `test` are shares or numbers of pairs.

    Raises:
        ConfigError: for `by="pair"` with official parts, or with a noise that `check` refuses; and as `split`.
        DataError: as `split`.
    """
    check(noise, by)
    if by == "pair":
        assert isinstance(noise, Each)
        if has_parts(table):
            raise ConfigError(
                "data.split_by=pair: the dataset has official parts, which a split of pairs would ignore. Set "
                "data.split_by=group, or use a dataset without official parts, such as data=faces."
            )
        return _split_pairs(table, list(noise.noises), val, test, seed)
    rows = split(table, val=val, test=test, seed=seed, by=by)
    if isinstance(noise, Each) and noise.groups is not None:
        return _split_groups(table, rows, noise, seed)
    return Division(rows)


def check(noise: Noise | Each | None, by: str) -> None:
    """Raise ConfigError for `data.split_by=pair` with a noise that has one variant only, or groups."""
    if by != "pair":
        return
    if not isinstance(noise, Each) or noise.variants == 1:
        raise ConfigError(
            "data.split_by=pair splits (image, noise) pairs, but this noise has only one variant. Set noise=each, or "
            "data.split_by=group."
        )
    if noise.groups is not None:
        raise ConfigError(
            "data.split_by=pair and noise.groups both assign images to noises. Set data.split_by=group, or "
            "noise.groups=null."
        )


def variant_of(evaluation: str, of: str | None, noise: Noise | Each, by: str) -> str | None:
    """Return the variant of the training noise whose images an evaluation is measured on; None for all images.

    It is the variant named by the evaluation's `of`, or else the one with the evaluation's own name. If there is
    neither, an evaluation is measured on all images with `noise.groups`, and is an error with `by="pair"`. If nothing
    is paired, `of` has no effect.

    Raises:
        ConfigError: with `by="pair"`, if neither names a variant.
    """
    if not isinstance(noise, Each) or (by != "pair" and noise.groups is None):
        return None
    for name in (of, evaluation):
        if name in noise.noises:
            return name
    if by != "pair":
        return None
    if of is not None:
        raise ConfigError(f"evaluation.{evaluation}.of: the noise has no {of!r}. {nearest(of, list(noise.noises))}")
    raise ConfigError(
        f"evaluation.{evaluation}: with data.split_by=pair it is measured on the test pairs of one noise. Set "
        f"+evaluation.{evaluation}.of={next(iter(noise.noises))}, or another of {', '.join(noise.noises)}."
    )


def _split_pairs(table: Images, variants: Sequence[str], val: float, test: Amount, seed: int) -> Division:
    """Draw every (image, variant) pair by itself. The result depends on the sets of ids and variants, not their order.

    It logs the share of test images that are in training under another noise.
    """
    order = np.array(sorted(range(len(table.ids)), key=table.ids.__getitem__), np.int64)
    names = sorted(variants)
    total = len(order) * len(names)
    numbers = {"test": number_of(test, total), "val": 0 if test == "all" else number_of(val, total)}
    if test != "all" and sum(numbers.values()) >= total:
        raise DataError(
            f"{len(order)} images with {len(names)} noises make {total} pairs: too few for {numbers['test']} for test "
            f"and {numbers['val']} for val beside training. Lower data.val or data.test."
        )
    entries = np.random.Generator(np.random.Philox(key=derive("split pairs", seed))).permutation(total)
    cuts = np.cumsum([numbers["test"], numbers["val"]])
    taken = dict(zip(("test", "val", "train"), np.split(entries, cuts), strict=True))
    shown = {
        part: {name: np.sort(order[pairs[pairs % len(names) == names.index(name)] // len(names)]) for name in variants}
        for part, pairs in ((part, taken[part]) for part in PARTS)
    }
    division = Division.of_pairs(shown)
    leaked = np.isin(division["test"], division["train"]).mean() if len(division["test"]) else 0.0
    log.info("%.0f %% of the test images are in training under another noise", 100 * leaked)
    return division


def _split_groups(table: Images, rows: Shown, noise: Each, seed: int) -> Division:
    """Draw a group for each image of a part by (seed, part); the result depends on the set of ids, not their order."""
    assert noise.groups is not None
    shown: dict[str, Shown] = {}
    for part, part_rows in rows.items():
        amounts = {name: group.get(part, 0) for name, group in noise.groups.items()}
        if not any(part in group for group in noise.groups.values()):
            shown[part] = dict.fromkeys(noise.noises, part_rows)
            continue
        numbers = _numbers(part, amounts, len(part_rows))
        order = np.array(sorted(part_rows.tolist(), key=table.ids.__getitem__), np.int64)
        order = np.random.Generator(np.random.Philox(key=derive("groups", seed, part))).permutation(order)
        ends = np.cumsum(numbers)
        members = {name: order[end - count : end] for name, count, end in zip(amounts, numbers, ends, strict=True)}
        shown[part] = {
            variant: _union({name: members[name] for name, group in noise.groups.items() if variant in group["noises"]})
            for variant in noise.noises
        }
    return Division.of_pairs(shown)


def _numbers(part: str, amounts: Mapping[str, float], total: int) -> list[int]:
    """Return the number of a part's images for each group: its amount, scaled down if there are too few images."""
    requested = np.array([amount * total if amount < 1 else amount for amount in amounts.values()], np.float64)
    count = round(requested.sum())
    if count > total:
        requested *= total / requested.sum()
    numbers = np.floor(requested + 1e-9).astype(np.int64)
    for place in np.argsort(numbers - requested, kind="stable")[: min(count, total) - numbers.sum()]:
        numbers[place] += 1  # the largest remainders, so that no image is lost to rounding
    summary = ", ".join(f"{number} {name}" for name, number in zip(amounts, numbers, strict=True))
    if count > total:
        log.info("%s has %d images, not the %d of noise.groups; scaled to %s", part, total, count, summary)
    elif count < total:
        log.info("%s: noise.groups leaves out %d of %d images: %s", part, total - count, total, summary)
    return numbers.tolist()


def _union(rows: Shown) -> np.ndarray:
    return np.unique(np.concatenate([np.zeros(0, np.int64), *rows.values()]))
