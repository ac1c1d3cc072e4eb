"""Runs lose much under one degradation and little under others."""

from dataclasses import dataclass

import numpy as np

from restorelab.errors import ConfigError
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart, part
from restorelab.judge.claims.metric_difference import difference, names, where
from restorelab.runs.metric import METRICS, metric_of
from restorelab.runs.record import Runs


@dataclass(frozen=True)
class Drop(Claim):
    """`of` is worse than `to` by at least `at_least` under one evaluation, elsewhere by at most `elsewhere_at_most`.

    Lists are pairs of runs, whose differences are averaged.

    Attributes:
        of, to: runs, or lists of as many runs.
        evaluation: the evaluation with the large difference.
        at_least: the least difference there, in the metric's unit.
        elsewhere: the other evaluations, averaged; null for none.
        elsewhere_at_most: the greatest difference there; given if and only if `elsewhere` is.
        metric: one of which higher is better and that is not compared by ratio: psnr, ssim, accuracy.
    """

    of: str | list[str]
    to: str | list[str]
    evaluation: str
    at_least: float
    elsewhere: list[str] | None = None
    elsewhere_at_most: float | None = None
    metric: str = "psnr"

    def __post_init__(self) -> None:
        kind = metric_of(self.metric)
        if kind.relative or not kind.higher:
            msg = f"metric={self.metric!r}: expected a metric of which higher is better, such as psnr."
            raise ConfigError(msg)
        if len(names(self.of, "of")) != len(names(self.to, "to")):
            msg = f"of={self.of}, to={self.to}: expected as many runs in one as in the other, because they are paired."
            raise ConfigError(msg)
        if (self.elsewhere is None) != (self.elsewhere_at_most is None):
            msg = "elsewhere and elsewhere_at_most: expected both, or neither."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        kind = METRICS[self.metric]
        text = (
            f"{kind.label} of {', '.join(names(self.to, 'to'))} less that of {', '.join(names(self.of, 'of'))}, mean "
            f"over the pairs: at least {kind.text(self.at_least)} under {self.evaluation}"
        )
        if self.elsewhere_at_most is not None:
            text += f", at most {kind.text(self.elsewhere_at_most)} {where(self.elsewhere)}"
        return f"{text}."

    @property
    def about(self) -> list[str]:
        """Return the names of the runs that the claim compares."""
        return [*names(self.of, "of"), *names(self.to, "to")]

    @property
    def comparisons(self) -> int:
        """Return the number of parts: one, or two with `elsewhere`."""
        return 1 if self.elsewhere is None else 2

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        of, to = names(self.of, "of"), names(self.to, "to")
        between, text = difference(runs, to, of, self.metric, [self.evaluation], resamples)
        parts = [part(between, self.at_least, np.inf, f"{self.evaluation}: {text}")]
        if self.elsewhere_at_most is not None:
            between, text = difference(runs, to, of, self.metric, self.elsewhere, resamples)
            parts.append(part(between, -np.inf, self.elsewhere_at_most, f"{where(self.elsewhere)}: {text}"))
        return parts
