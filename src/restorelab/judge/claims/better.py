"""One run is better than others."""

from dataclasses import dataclass, replace

import numpy as np

from restorelab.errors import ConfigError
from restorelab.judge.bootstrap import Resampled, resample
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart, part
from restorelab.judge.claims.metric_difference import by_evaluation, difference, names, subject
from restorelab.runs.metric import METRICS, metric_of
from restorelab.runs.record import Runs
from restorelab.runs.samples import samples


@dataclass(frozen=True)
class Better(Claim):
    """`better` beats every run of `than` on a test metric.

    On either side, `input` means the unrestored degraded input, so that a claim can test whether a network helps.

    Attributes:
        better: a run, or `input`.
        than: one or several runs, each of which must be beaten.
        metric: any of `metric.METRICS`, such as psnr, ssim and accuracy (higher is better), mse, loss and entropy
            (lower is better).
        evaluations: the evaluations that the metric is averaged over; null for all.
        each: whether the claim must hold under each of `evaluations`, which is then required, instead of on average.
        threshold: differences within it are a tie, in the metric's unit, or a share for MSE, losses and times; null for
            0.05 dB of PSNR, 0.001 of SSIM and accuracy, 1 % of MSE and losses, 5 % of times.
    """

    better: str
    than: str | list[str]
    metric: str = "psnr"
    evaluations: list[str] | None = None
    each: bool = False
    threshold: float | None = None

    def __post_init__(self) -> None:
        metric_of(self.metric)
        names(self.than, "than")
        if self.each and not self.evaluations:
            msg = "each=true needs evaluations: expected the names of those under which the claim must hold."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        kind = METRICS[self.metric]
        sets = subject(self.metric, self.evaluations)
        return (
            f"{sets.replace(' over ', ' under each of ') if self.each else sets}, {self.better} against "
            f"{' and against '.join(names(self.than, 'than'))}, {'higher' if kind.higher else 'lower'} is better; "
            f"a tie within {kind.limit(self._threshold)}."
        )

    @property
    def _threshold(self) -> float:
        return METRICS[self.metric].threshold if self.threshold is None else self.threshold

    @property
    def about(self) -> list[str]:
        """Return the names of the runs that the claim compares."""
        return [self.better, *names(self.than, "than")]

    @property
    def comparisons(self) -> int:
        """Return the number of parts: one for each rival, or with `each` one for each rival and evaluation."""
        return len(names(self.than, "than")) * len(self._sets)

    @property
    def _sets(self) -> list[list[str] | None]:
        return [[name] for name in self.evaluations] if self.each and self.evaluations else [self.evaluations]

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        return [rival_part for evaluations in self._sets for rival_part in self._against(runs, evaluations, resamples)]

    def _against(self, runs: Runs, evaluations: list[str] | None, resamples: int) -> list[FindingPart]:
        """Return a part for each rival; with more than two, only the nearest rival's part has numbers."""
        pooled = samples(runs, list(dict.fromkeys(self.about)), self.metric, evaluations)
        shared = resample(pooled, resamples) if pooled[0].groups is not None else None
        judged_rivals = [self._one(runs, than, evaluations, resamples, shared) for than in names(self.than, "than")]
        if len(judged_rivals) < 3:
            return [rival_part for _, rival_part in judged_rivals]
        nearest = min(range(len(judged_rivals)), key=lambda place: judged_rivals[place][0])
        numbers = f"{judged_rivals[nearest][1].numbers}, the nearest of {len(judged_rivals)}"
        return [
            replace(rival_part, numbers=numbers if place == nearest else "")
            for place, (_, rival_part) in enumerate(judged_rivals)
        ]

    def _one(
        self, runs: Runs, than: str, evaluations: list[str] | None, resamples: int, shared: Resampled | None
    ) -> tuple[float, FindingPart]:
        """Return by how much `better` is ahead of a rival (negative if it is behind), and the decided part."""
        kind = METRICS[self.metric]
        between, text = difference(runs, [self.better], [than], self.metric, evaluations, resamples, shared)
        if self.each and evaluations:
            text = f"{evaluations[0]}: {text}"
        elif kind.source == "image" and evaluations and len(evaluations) > 1:
            text += f" ({by_evaluation(runs, self.better, than, self.metric, evaluations)})"
        bounds = (0.0, np.inf) if kind.higher else (-np.inf, 0.0)
        limit = float(np.log1p(self._threshold)) if kind.relative else self._threshold
        lead = between.value if kind.higher else -between.value
        return lead, part(between, *bounds, text, threshold=limit)
