"""One run is faster than others."""

from dataclasses import dataclass
from typing import Literal

from restorelab.errors import ConfigError, nearest
from restorelab.judge.claims.better import Better
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart
from restorelab.judge.claims.metric_difference import names
from restorelab.runs.metric import METRICS
from restorelab.runs.record import Runs

KEYS = ("images_per_second", "seconds", "inference_seconds")


@dataclass(frozen=True)
class Faster(Claim):
    """`faster` takes less time than every run of `slower`.

    Times are comparable only if all runs were made on one machine, without other load.

    Attributes:
        faster: a run.
        slower: one or several runs, each of which must be slower.
        key: `images_per_second`, the training rate; `seconds`, the whole run with its evaluation, for runs of equally
            many steps; `inference_seconds`, restoring the test set.
        threshold: ratios within it are a tie, as a share: 0.05 is 5 %.
    """

    faster: str
    slower: str | list[str]
    key: Literal["images_per_second", "seconds", "inference_seconds"] = "images_per_second"
    threshold: float = 0.05

    def __post_init__(self) -> None:
        names(self.slower, "slower")
        if self.key not in KEYS:
            msg = f"key={self.key!r}. {nearest(self.key, KEYS)}"
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        label = METRICS[self.key].label
        return (
            f"{label[0].upper()}{label[1:]}, ratio of {self.faster} to "
            f"{' and to '.join(names(self.slower, 'slower'))}; a tie within {self.threshold:.0%}."
        )

    @property
    def about(self) -> list[str]:
        """Return the names of the runs that the claim compares."""
        return self._better.about

    @property
    def comparisons(self) -> int:
        """Return one part for each slower run."""
        return self._better.comparisons

    @property
    def timed(self) -> bool:
        """Return true: times depend on the machine."""
        return True

    @property
    def _better(self) -> Better:
        return Better(self.finding, self.faster, self.slower, self.key, threshold=self.threshold)

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        return self._better.parts(runs, resamples)
