"""One run is faster than others."""

from dataclasses import dataclass
from typing import Literal

from restorelab.errors import ConfigError, nearest
from restorelab.study.claims.better import Better
from restorelab.study.claims.deciding import OVER_SEEDS
from restorelab.study.claims.differences import names
from restorelab.study.claims.judged import Judged
from restorelab.study.metric import METRICS
from restorelab.study.records import Runs

KEYS = ("images_per_second", "seconds", "inference_seconds")


@dataclass(frozen=True)
class Faster:
    """`faster` takes less time than every run of `slower`. Times compare only where one machine did all runs, alone.

    Attributes:
        finding: what the report says.
        faster: a run.
        slower: one or several; each must be slower.
        key: images_per_second: the training rate; seconds: the whole run, evaluation included, so that equal steps must
            be given; inference_seconds: restoring the test set.
        threshold: share below which it is a tie.
    """

    finding: str
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
        """What is computed."""
        label = METRICS[self.key].label
        return (
            f"{label[0].upper()}{label[1:]}, ratio of {self.faster} to "
            f"{' and to '.join(names(self.slower, 'slower'))}; {OVER_SEEDS}; a tie below {self.threshold:.0%}. "
            "Means something only where one machine did all runs."
        )

    def __call__(self, runs: Runs) -> Judged:
        """Judge it."""
        better = Better(self.finding, self.faster, self.slower, self.key, threshold=self.threshold)
        found = better(runs)
        return Judged(self.finding, self.test, found.verdict, found.numbers, found.seeds, found.p)
