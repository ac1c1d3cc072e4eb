"""Findings of the reports as claims: a study's YAML names one of these classes for each finding.

A claim is called with the runs and returns a `Judged`; `judge` judges all claims of a study and corrects their
p-values.

| claim | statement |
| --- | --- |
| `Better` | one run beats others (or the degraded input) on a test metric |
| `Factor` | one run's metric is at least a given multiple of another's |
| `Close` | two runs are equivalent on a test metric |
| `Drop` | runs lose much under one degradation and little under others |
| `Reaches` | a run reaches a number that the report prints, at the end or at a step |
| `Faster` | one run takes less time than others |
| `Sooner` | one run reaches a level in fewer steps than another |
| `AtStep` | one training curve is above another at a step |
| `Change` | a training curve falls, or does not |
| `DeadPixels` | an output has pixels that are always 0, or none |
"""

from restorelab.judge.claims.at_step import AtStep
from restorelab.judge.claims.better import Better
from restorelab.judge.claims.change import Change
from restorelab.judge.claims.close import Close
from restorelab.judge.claims.dead_pixels import DeadPixels
from restorelab.judge.claims.drop import Drop
from restorelab.judge.claims.factor import Factor
from restorelab.judge.claims.faster import Faster
from restorelab.judge.claims.judged import Judged, markdown
from restorelab.judge.claims.judging import judge
from restorelab.judge.claims.reaches import Reaches
from restorelab.judge.claims.sooner import Sooner

__all__ = [
    "AtStep", "Better", "Change", "Close", "DeadPixels", "Drop", "Factor", "Faster", "Judged", "Reaches",
    "Sooner", "judge", "markdown",
]  # fmt: skip
