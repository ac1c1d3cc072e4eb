"""Pairing: which images a part shows under which variant of the training noise.

Mostly every image of a part is shown under every variant, and a division is the rows of each part. Two statements say
otherwise, and both end in the same thing, rows by part and variant, which `loader.Order` shows in training and from
which an evaluation takes its images:

- `data.split_by=pair` draws the parts from all (image, variant) pairs, as the faces report does: an image may then be
  in training under one noise and in test under another, and the leak can be measured.
- `noise.groups` gives each image of a part to one group of variants, as in the denoising set of the GoPro report.
"""

import logging
from collections.abc import Mapping, Sequence
from typing import Literal

import numpy as np

from restorelab.data.split import PARTS, Amount, Rows, has_parts, number_of, split
from restorelab.degradations.mixture import Each
from restorelab.degradations.noise import Noise
from restorelab.degradations.rng import derive
from restorelab.errors import ConfigError, DataError, nearest

log = logging.getLogger(__name__)

Shown = Mapping[str, np.ndarray]
"""Rows by variant, each ascending int64."""


class Division(dict[str, np.ndarray]):
    """The rows of each part, ascending int64; `shown` says which of them stand there under which variant.

    shown: rows by variant, by part; None where every image is shown under every variant. A part's own rows are then
    the images that it shows under any.
    """

    def __init__(self, rows: Shown, shown: Mapping[str, Shown] | None = None) -> None:
        super().__init__(rows)
        self.shown = shown

    @classmethod
    def of_pairs(cls, shown: Mapping[str, Shown]) -> "Division":
        """A division by its pairs."""
        return cls({part: _union(by_variant) for part, by_variant in shown.items()}, shown)

    def under(self, part: str, variant: str | None) -> np.ndarray:
        """The rows that a part shows under a variant; all of its rows for None, and where nothing was paired."""
        return self[part] if variant is None or self.shown is None else self.shown[part][variant]

    def first(self, count: int) -> "Division":
        """At most `count` images of each part, of each variant where they are paired."""
        if self.shown is None:
            return Division({part: rows[:count] for part, rows in self.items()})
        return Division.of_pairs(
            {part: {name: rows[:count] for name, rows in shown.items()} for part, shown in self.shown.items()}
        )

    def without(self, part: str, rows: np.ndarray) -> "Division":
        """The division without some rows of one part."""
        if self.shown is None:
            return Division({**self, part: np.setdiff1d(self[part], rows)})
        left = {name: np.setdiff1d(found, rows) for name, found in self.shown[part].items()}
        return Division.of_pairs({**self.shown, part: left})

    def describe(self) -> str:
        """The numbers of images, or of pairs: `900 train, 50 val, 50 test`."""
        if self.shown is None:
            return ", ".join(f"{len(rows)} {part}" for part, rows in self.items())
        counts = {part: {name: len(rows) for name, rows in shown.items()} for part, shown in self.shown.items()}
        return "; ".join(
            f"{sum(by.values())} pairs {part} ({', '.join(f'{count} {name}' for name, count in by.items())})"
            for part, by in counts.items()
        )


def divide(
    table: Rows,
    noise: Noise | Each | None,
    *,
    val: float,
    test: Amount,
    seed: int,
    by: Literal["group", "image", "pair"],
) -> Division:
    """Split a dataset, and pair its images with the noise's variants where `by` or the noise says so.

    noise: the training's; None where there is none, for example to look at the images alone. The rest: see `split`;
    with `by="pair"`, `val` and `test` are shares or numbers of pairs.

    Raises:
        ConfigError: `by="pair"` with official parts, or with a noise that `check` refuses; and as `split`.
        DataError: as `split`.
    """
    check(noise, by)
    if by == "pair":
        assert isinstance(noise, Each)
        if has_parts(table):
            raise ConfigError(
                "data.split_by=pair: the dataset has official parts, and pairs across them would break these. Set "
                "data.split_by=group, or use a dataset without official parts, such as data=faces."
            )
        return _split_pairs(table, list(noise.noises), val, test, seed)
    rows = split(table, val=val, test=test, seed=seed, by=by)
    if isinstance(noise, Each) and noise.groups is not None:
        return _split_groups(table, rows, noise, seed)
    return Division(rows)


def check(noise: Noise | Each | None, by: str) -> None:
    """Raise ConfigError where `data.split_by=pair` meets a noise whose variants cannot be split."""
    if by != "pair":
        return
    if not isinstance(noise, Each) or noise.variants == 1:
        raise ConfigError(
            "data.split_by=pair splits (image, noise) pairs, and this noise has one variant only. Set noise=each, or "
            "data.split_by=group."
        )
    if noise.groups is not None:
        raise ConfigError(
            "data.split_by=pair and noise.groups both say which image is shown under which noise. Set "
            "data.split_by=group, or noise.groups=null."
        )


def variant_of(evaluation: str, of: str | None, noise: Noise | Each, by: str) -> str | None:
    """The variant of the training noise whose images an evaluation is measured on; None for all images of the part.

    That is the one that the evaluation's `of` names, or that bears the evaluation's own name. Where neither does, an
    evaluation has no image of its own if the pairs are split, and all images if the noise has groups, which tear none
    from its part. Where nothing is paired, `of` means nothing.

    Raises:
        ConfigError: with `by="pair"`, where neither names a variant.
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
        f"evaluation.{evaluation}: with data.split_by=pair it is measured on the test pairs of one noise: say "
        f"+evaluation.{evaluation}.of={next(iter(noise.noises))}, or another of {', '.join(noise.noises)}."
    )


def _split_pairs(table: Rows, variants: Sequence[str], val: float, test: Amount, seed: int) -> Division:
    """Every (image, variant) by itself; depends on the sets of ids and of variants, not on their order."""
    order = np.array(sorted(range(len(table.ids)), key=table.ids.__getitem__), np.int64)
    names = sorted(variants)
    total = len(order) * len(names)
    numbers = {"test": number_of("test", test, total), "val": 0 if test == "all" else number_of("val", val, total)}
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
    log.info("%.0f %% of the images in test stand in training under another noise", 100 * leaked)
    return division


def _split_groups(table: Rows, rows: Shown, noise: Each, seed: int) -> Division:
    """Each image of a part to one group, drawn by (seed, part); depends on the set of ids, not on their order."""
    assert noise.groups is not None
    shown: dict[str, Shown] = {}
    for part, found in rows.items():
        asked = {name: group.get(part, 0) for name, group in noise.groups.items()}
        if not any(part in group for group in noise.groups.values()):
            shown[part] = dict.fromkeys(noise.noises, found)
            continue
        numbers = _numbers(part, asked, len(found))
        order = np.array(sorted(found.tolist(), key=table.ids.__getitem__), np.int64)
        order = np.random.Generator(np.random.Philox(key=derive("groups", seed, part))).permutation(order)
        ends = np.cumsum(numbers)
        members = {name: order[end - count : end] for name, count, end in zip(asked, numbers, ends, strict=True)}
        shown[part] = {
            variant: _union({name: members[name] for name, group in noise.groups.items() if variant in group["noises"]})
            for variant in noise.noises
        }
    return Division.of_pairs(shown)


def _numbers(part: str, asked: Mapping[str, float], total: int) -> list[int]:
    """How many of a part's images each group gets: what it asks for, or in the same proportions what there is."""
    wanted = np.array([number * total if number < 1 else number for number in asked.values()], np.float64)
    count = round(wanted.sum())
    if count > total:
        wanted *= total / wanted.sum()
    numbers = np.floor(wanted + 1e-9).astype(np.int64)
    for place in np.argsort(numbers - wanted, kind="stable")[: min(count, total) - numbers.sum()]:
        numbers[place] += 1  # the largest remainders, so that no image is lost to rounding
    told = ", ".join(f"{number} {name}" for name, number in zip(asked, numbers, strict=True))
    if count > total:
        log.info("%s has %d images, not the %d that noise.groups asks for: in the same proportions, %s", part, total,
                 count, told)  # fmt: skip
    elif count < total:
        log.info("%s: noise.groups leaves %d of %d images out: %s", part, total - count, total, told)
    return numbers.tolist()


def _union(rows: Shown) -> np.ndarray:
    return np.unique(np.concatenate([np.zeros(0, np.int64), *rows.values()]))
