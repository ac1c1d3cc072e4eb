"""Pixels that are 0 in every output of a network."""

from dataclasses import dataclass, field

import numpy as np

from restorelab.errors import ConfigError, DataError
from restorelab.judge.bootstrap import ENOUGH
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart
from restorelab.judge.verdict_rule import Outcome
from restorelab.runs.record import Runs
from restorelab.runs.samples import learned


@dataclass(frozen=True)
class DeadPixels(Claim):
    """A network has a given number of dead pixels in every seed: positions that are 0 in all restored test images.

    The claim holds if it is true in every seed, is reversed if it is true in none, and is undecided otherwise. The
    count of a seed is exact, so there is no interval and no p-value.

    Attributes:
        run: the run with the network.
        at_least, at_most: bounds of the number of dead pixels (times channels); at_most=0 claims that there are none.
        share: the least share of the image's pixels (times channels), in [0, 1].
        evaluation: the evaluation whose images are restored; null for the run's first.
        absolute: false if the count follows from the network alone, whatever the images.

    At least one of `at_least`, `at_most` and `share` is needed.
    """

    run: str
    at_least: int | None = None
    at_most: int | None = None
    share: float | None = None
    evaluation: str | None = None
    absolute: bool = field(default=True, kw_only=True)

    def __post_init__(self) -> None:
        if self.at_least is None and self.at_most is None and self.share is None:
            msg = "at_least, at_most, share: at least one of them is needed."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        bounds = [f"at least {self.at_least:,}"] if self.at_least is not None else []
        bounds += [f"at most {self.at_most:,}"] if self.at_most is not None else []
        bounds += [f"at least {self.share:.0%} of them"] if self.share is not None else []
        place = f" under {self.evaluation}" if self.evaluation else ""
        return (
            f"Pixels that are 0 in every restored test image of {self.run}{place}: {' and '.join(bounds)} in each seed."
        )

    @property
    def about(self) -> list[str]:
        """Return the name of the run that the claim is about."""
        return [self.run]

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        records = runs[self.run]
        counts, shares = [], []
        for record in records:
            evaluation = self.evaluation or next(iter(record.evaluations), "")
            count = record.evaluation(evaluation).get("dead_pixels")
            if count is None:
                msg = f"run {self.run} (seed {record.seed}): dead pixels were not counted (images of several sizes?)."
                raise DataError(msg)
            counts.append(int(count))
            asked = self.share is not None and count
            shares.append(float(np.load(record.folder.images / f"{evaluation}_dead.npy").mean()) if asked else 0.0)
        least = 0 if self.at_least is None else self.at_least
        fits = [
            least <= count and (self.at_most is None or count <= self.at_most) and share >= (self.share or 0)
            for count, share in zip(counts, shares, strict=True)
        ]
        listed = ", ".join(f"{count:,}" + (f" ({share:.0%})" if self.share is not None else "")
                         for count, share in zip(counts, shares, strict=True))  # fmt: skip
        powered = len(counts) >= ENOUGH or not learned(records)
        outcome: Outcome = "holds" if all(fits) else "undecided" if any(fits) else "reversed"
        return [FindingPart(outcome, None, f"{self.run}: {listed} by seed", len(counts), powered)]
