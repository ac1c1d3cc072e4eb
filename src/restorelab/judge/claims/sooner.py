"""One run reaches a level in fewer optimizer steps than another."""

from dataclasses import dataclass, replace

import numpy as np

from restorelab.errors import ConfigError, DataError
from restorelab.judge.bootstrap import estimate
from restorelab.judge.claims import training
from restorelab.judge.claims.claim import Claim
from restorelab.judge.claims.deciding import FindingPart, part
from restorelab.runs.record import Record, Runs


@dataclass(frozen=True)
class Sooner(Claim):
    """`sooner` needs fewer steps than `later` until a column of the history reaches a level.

    A seed that never reaches it counts as if it did at the last step of the longer run. For `later` this underestimates
    the difference, which is conservative; the numbers say how many such seeds there are.

    Attributes:
        sooner, later: runs with the same loss.
        column: of metrics.csv, such as val/loss, train/loss, val/psnr or val/accuracy. With several evaluations
            val/loss is their mean, and val/loss/impulse_30 is one of them.
        level: null for the worst last value of all seeds of both runs, which all of them reach.
        threshold: ratios of steps within it are a tie, as a share: 0.05 is 5 %.
    """

    sooner: str
    later: str
    column: str = "val/loss"
    level: float | None = None
    threshold: float = 0.05

    def __post_init__(self) -> None:
        training.kind_of(self.column)
        if not self.threshold >= 0:
            msg = f"threshold={self.threshold}: expected a number, at least 0."
            raise ConfigError(msg)

    @property
    def test(self) -> str:
        """Describe the test in words."""
        level = "the worst last value of all their seeds" if self.level is None else f"{self.level:g}"
        return (
            f"Optimizer steps until {self.column} reaches {level}, ratio of {self.sooner} to {self.later}; "
            f"a tie within {self.threshold:.0%}."
        )

    @property
    def about(self) -> list[str]:
        """Return the names of the runs that the claim compares."""
        return [self.sooner, self.later]

    def parts(self, runs: Runs, resamples: int) -> list[FindingPart]:
        """Decide the claim."""
        pair = self.about
        training.same_loss(runs, pair, self.column)
        level = training.worst(runs, pair, self.column) if self.level is None else self.level
        longest = max(record.history["step"][-1] for name in pair for record in runs[name] if record.trained)
        never = first = 0

        def steps(record: Record) -> float:
            nonlocal never, first
            step = training.reached(record, self.column, level)
            never += step is None
            first += step == record.curve(self.column)[0][0]
            return longest if step is None else step

        pair_samples = [training.by_seed(runs, name, steps) for name in pair]
        seeds = sum(len(sample.values) for sample in pair_samples)
        if seeds in (never, first):
            reason = "no seed reaches it" if never else "all seeds have reached it at their first measurement"
            msg = f"{self.column} {level:.4g}: {reason}, so that the runs cannot be compared."
            raise DataError(msg)
        between = estimate(pair_samples, (1, -1), log=True, resamples=resamples)
        ours, theirs = (training.mean_text(sample, lambda value: f"{value:,.0f} steps") for sample in pair_samples)
        text = f"{self.column} {level:.4g}: {ours} against {theirs}, {training.ratio(between)}"
        if never:
            text += f"; {never} of {seeds} seeds never reached it"
        decided = part(between, -np.inf, 0.0, text, threshold=float(np.log1p(self.threshold)))
        # Seeds that never reached it have only the end of their training in common, which is not a tie.
        return [replace(decided, outcome="undecided") if never and decided.outcome == "tie" else decided]
