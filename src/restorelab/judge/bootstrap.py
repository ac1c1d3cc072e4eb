"""Intervals and p-values: resampling over seeds and groups of images, and Holm's correction over many comparisons.

A run's metric is a table of seeds by images. Both are samples: another seed, or other photographs, would have given
other numbers. They are crossed (every seed is measured on the same images), so their parts of the uncertainty add up:

- groups: the groups of images (a person, a sequence) are drawn with replacement, each with all its images. The draw is
  the same for every run, so that a comparison is paired by image.
- seeds: the seeds of each run are drawn with replacement, independently for each run. Equal seed numbers are *not*
  paired: they share the order of the images but not the weights of two architectures. If what they share makes their
  results alike, the interval is a little too wide, never too narrow. Without pairing, 3 + 3 seeds have 4 degrees of
  freedom instead of 2.

A plain percentile interval of 3 seeds is far too narrow, because it cannot extend beyond the range of the three. In
simulations of two equal methods whose seeds differ more than their images do, the nominal 95 % interval covered 84 %
(76 % with seeds paired), and 10 % of the pairs had p < 0.01. Therefore the deviations of each part are studentized:
they are multiplied by sqrt(n / (n - 1)), because a resample of n shows only (n - 1) / n of the variance, and divided by
sqrt(chi2(df) / df), which turns a normal distribution into Student's t. df is n - 1 for groups, and that of Welch and
Satterthwaite for the seeds of several runs. The percentile interval of these deviations covered 95 to 98 % with equal
numbers of seeds (5 groups and 3 + 3 seeds were among the cases), and 93 % with 3 seeds against 10, like Welch's t-test.

Sources: Owen, "The pigeonhole bootstrap" (2007), for crossed samples; Hesterberg, "What Teachers Should Know About the
Bootstrap" (2015), for small samples; Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from restorelab.degradations.rng import PhiloxDraws
from restorelab.errors import DataError
from restorelab.runs.samples import MetricSample

RESAMPLES = 2000
"""The least number of draws of the groups."""

MOST = 50_000
"""The greatest number of draws of the groups, which suffices for 1,250 comparisons."""

LEVEL = 0.05
"""The significance level: differences with a Holm-corrected p-value below it are decided."""

SEED_DRAWS = 5
"""Draws of the seeds for each draw of the groups; they are cheap and stabilize the tails of Student's distribution."""

PLENTY = 10_000
"""From this number of draws of the groups on, one draw of the seeds for each suffices."""

CONFIDENCE = 0.95
"""The level of the intervals."""

ENOUGH = 3
"""The least number of seeds with which an architecture may be called better."""

CHUNK = 1 << 16
"""Numbers that are drawn at once, so that they fit a core's cache; 4 million at once take five times as long."""


def draws_for(comparisons: int) -> int:
    """Return the number of draws with which Holm's correction over `comparisons` can still decide a difference.

    The least p-value of B draws is 2 / (B + 1), and the correction multiplies the smallest one by `comparisons`.
    """
    return int(np.clip(8 * comparisons / LEVEL, RESAMPLES, MOST))


@dataclass(frozen=True)
class Estimate:
    """An estimated number with its resampled values.

    Attributes:
        value: the estimate.
        draws: the estimate in each resample, (draws,).
        seeds: the number of seeds of the run with the fewest.
        images: number of images that were resampled; 0 if the runs have no values per image.
        groups: number of their groups; 0 likewise.
        powered: whether every trained run has at least `ENOUGH` seeds.
        exact: whether the estimate does not depend on chance: nothing was trained, and no images were resampled.
        resamples: the number of draws of the groups.
        over: what was resampled for the interval, such as "seeds and groups of images"; empty if nothing was.
    """

    value: float
    draws: np.ndarray
    seeds: int
    images: int
    groups: int
    powered: bool
    exact: bool
    resamples: int
    over: str = ""

    @property
    def low(self) -> float:
        """Lower end of the 95 % interval."""
        return float(np.quantile(self.draws, (1 - CONFIDENCE) / 2))

    @property
    def high(self) -> float:
        """Upper end of the 95 % interval."""
        return float(np.quantile(self.draws, (1 + CONFIDENCE) / 2))

    def p(self, low: float = -np.inf, high: float = np.inf) -> float:
        """Return the two-sided p-value of the hypothesis that the true value is not between `low` and `high`.

        It is at least 2 / (resamples + 1).
        """
        outside = max(float((self.draws <= low).mean()), float((self.draws >= high).mean()))
        return min(1.0, 2 * (outside * self.resamples + 1) / (self.resamples + 1))


@dataclass(frozen=True)
class Resampled:
    """Draws of the groups of images, made once for many comparisons.

    Attributes:
        means: by run, the means of each seed over the images of each draw, (resamples, seeds).
        groups: the number of groups.
    """

    means: dict[str, np.ndarray]
    groups: int


def resample(samples: Sequence[MetricSample], resamples: int = RESAMPLES) -> Resampled:
    """Draw the groups of images for all runs at once, which were measured on the same images, in the same order.

    Raises:
        DataError: if all images belong to one group.
    """
    codes, groups = _codes(samples[0])
    means = _resampled_means(samples, codes, groups, resamples, PhiloxDraws("study, shared", 0).generator)
    return Resampled({sample.run: mean for sample, mean in zip(samples, means, strict=True)}, groups)


def estimate(
    samples: Sequence[MetricSample],
    weights: Sequence[float],
    *,
    log: bool = False,
    resamples: int = RESAMPLES,
    seed: int = 0,
    shared: Resampled | None = None,
) -> Estimate:
    """Estimate a weighted sum of the runs' means; weights 1 and -1 give a paired difference.

    samples: runs on the same images, in the same order. log: use the logarithm of each seed's mean over the images, so
    that a difference is the logarithm of a ratio. With one seed the interval is that of the images alone; with one
    value per seed it is that of the seeds alone. seed: of the draws. shared: draws made by `resample` for these runs
    and others.

    Raises:
        DataError: if all images belong to one group, and for the logarithm of a mean that is not positive.
    """
    generator = PhiloxDraws("study", seed).generator
    means = [sample.values.mean(axis=1) for sample in samples]
    for sample, mean in zip(samples, means, strict=True):
        if log and not (mean > 0).all():
            msg = f"run {sample.run}: a ratio needs positive means, but one is {mean.min():.3g}."
            raise DataError(msg)
    curve = np.log if log else np.asarray
    heights = [curve(mean) for mean in means]
    value = float(sum(weight * height.mean() for weight, height in zip(weights, heights, strict=True)))
    if shared is not None:
        resamples = len(next(iter(shared.means.values())))
    draws, groups = np.full(resamples, value), 0
    if samples[0].groups is not None:
        deviations, groups = _group_deviations(samples, weights, curve, value, resamples, generator, shared)
        draws += deviations
    moving = [(w, h) for w, h, sample in zip(weights, heights, samples, strict=True) if sample.learned and h.size > 1]
    if moving:
        draws = np.repeat(draws, SEED_DRAWS if resamples < PLENTY else 1)
        draws += _seed_deviations(moving, draws.size, generator)
    matter = [sample for sample in samples if sample.learned]
    return Estimate(
        value=value,
        draws=draws,
        seeds=min(len(sample.values) for sample in matter or samples),
        images=samples[0].values.shape[1] if groups else 0,
        groups=groups,
        powered=all(len(sample.values) >= ENOUGH for sample in matter),
        exact=not matter and not groups,
        resamples=resamples,
        over=_over(len(moving), len(matter), groups),
    )


def _over(moving: int, learned: int, groups: int) -> str:
    """Return what was resampled, in words: of `learned` trained runs, `moving` have several seeds."""
    seeds = "seeds" if moving == learned else f"seeds of {moving} of {learned} runs"
    return " and ".join([seeds] * bool(moving) + ["groups of images"] * bool(groups))


def _codes(sample: MetricSample) -> tuple[np.ndarray, int]:
    """Return the number of each image's group, (images,), and how many groups there are."""
    names, codes = np.unique(np.array(sample.groups), return_inverse=True)
    if len(names) < 2:
        msg = f"all {len(codes)} test images belong to one group ({names[0]}), so that the groups cannot be resampled."
        raise DataError(msg)
    return codes, len(names)


def _resampled_means(
    samples: Sequence[MetricSample], codes: np.ndarray, groups: int, resamples: int, generator: np.random.Generator
) -> list[np.ndarray]:
    """Return, for each run, the means over the images of resampled groups: (resamples, seeds)."""
    rows = np.concatenate([sample.values for sample in samples])
    sums = np.stack([np.bincount(codes, weights=row, minlength=groups) for row in rows], axis=1)
    sizes = np.bincount(codes, minlength=groups).astype(float)
    table = np.concatenate([sums, sizes[:, None]], axis=1)
    size = max(1, CHUNK // groups)
    totals = []
    for start in range(0, resamples, size):
        count = min(size, resamples - start)
        drawn = generator.integers(groups, size=(count, groups), dtype=np.int32)
        drawn += np.arange(count, dtype=np.int32)[:, None] * groups
        times = np.bincount(drawn.ravel(), minlength=count * groups).reshape(count, groups)
        totals.append(times.astype(float) @ table)
    total = np.concatenate(totals)
    means = total[:, :-1] / total[:, -1:]
    return np.split(means, np.cumsum([len(sample.values) for sample in samples])[:-1], axis=1)


def _group_deviations(
    samples: Sequence[MetricSample],
    weights: Sequence[float],
    curve: Callable[[np.ndarray], np.ndarray],
    value: float,
    resamples: int,
    generator: np.random.Generator,
    shared: Resampled | None,
) -> tuple[np.ndarray, int]:
    """Return the studentized changes of the weighted sum in each draw of the groups, (resamples,), and their number."""
    if shared is not None:
        groups, resampled = shared.groups, [shared.means[sample.run] for sample in samples]
    else:
        codes, groups = _codes(samples[0])
        resampled = _resampled_means(samples, codes, groups, resamples, generator)
    again = sum(weight * curve(mean).mean(axis=1) for weight, mean in zip(weights, resampled, strict=True))
    return (again - value) * np.sqrt(groups / generator.chisquare(groups - 1, resamples)), groups


def _seed_deviations(
    moving: Sequence[tuple[float, np.ndarray]], count: int, generator: np.random.Generator
) -> np.ndarray:
    """Return the studentized changes of the weighted sum in each draw of the runs' seeds: (count,)."""
    deviations = np.zeros(count)
    variances, freedoms = [], []
    for weight, height in moving:
        size = height.size
        drawn = generator.integers(size, size=(count, size))
        deviations += weight * np.sqrt(size / (size - 1)) * (height[drawn].mean(axis=1) - height.mean())
        variances.append(weight**2 * height.var(ddof=1) / size)
        freedoms.append(size - 1)
    # Welch and Satterthwaite: sum(v)^2 / sum(v^2 / (n - 1)); if all seeds are equal, df has no effect.
    below = sum(v * v / freedom for v, freedom in zip(variances, freedoms, strict=True))
    df = sum(variances) ** 2 / below if below else 1.0
    return deviations * np.sqrt(df / generator.chisquare(df, count))


def holm(p: Sequence[float]) -> list[float]:
    """Return the p-values of a family of comparisons after Holm's correction, in the given order, at most 1."""
    values = np.asarray(p, dtype=float)
    order = np.argsort(values)
    steps = values[order] * np.arange(len(values), 0, -1)
    corrected = np.empty(len(values))
    corrected[order] = np.minimum(np.maximum.accumulate(steps), 1.0)
    return corrected.tolist()


def win_rate(sample: MetricSample, other: MetricSample, *, higher: bool) -> float:
    """Return the share of the images on which `sample` is better, means over seeds; equal values count as half.

    higher: whether higher values are better.
    """
    ahead = sample.values.mean(axis=0) - other.values.mean(axis=0)
    return float((np.sign(ahead if higher else -ahead) / 2 + 0.5).mean())
