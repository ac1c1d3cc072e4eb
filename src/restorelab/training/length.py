"""Compute how long a training is, in optimizer steps and epochs, from its limits and from what is done already."""

from collections.abc import Callable
from dataclasses import dataclass

from restorelab.training.run_progress import Standing


@dataclass(frozen=True)
class Length:
    """The end of a training.

    Attributes:
        steps: optimizer steps in all, those of earlier sessions included; the schedule is over as many.
        epochs: that it enters, the last of them perhaps not to its end.
        reason: which limit ends it, and which one would have ended it later.
    """

    steps: int
    epochs: int
    reason: str


def length(
    batches: int, accumulate: int, max_steps: int | None, max_epochs: int | None, standing: Standing | None = None
) -> Length:
    """The end by whichever limit comes first.

    batches: of one epoch, on each device. accumulate: batches to one step; the last step of an epoch may have fewer.
    standing: where the run goes on from, None for its start.
    """
    at = standing or Standing()
    each = steps_in(batches, accumulate)
    left = steps_in(batches, accumulate) - at.batches // accumulate  # of the epoch that is under way
    whole = None if max_epochs is None else at.steps + left + each * (max_epochs - at.epochs - 1)
    if max_steps is not None and (whole is None or max_steps <= whole):
        further = max(0, -(-(max_steps - at.steps - left) // each))
        other = "" if whole is None else f", before trainer.max_epochs={max_epochs} would at step {max(whole, 0):,}"
        reason = f"max_steps={max_steps} ends it{other}"
        return Length(max_steps, at.epochs + 1 + further, reason)
    assert whole is not None
    assert max_epochs is not None
    other = "" if max_steps is None else f", before max_steps={max_steps}"
    return Length(
        max(whole, at.steps), max(max_epochs, at.epochs + 1), f"trainer.max_epochs={max_epochs} ends it{other}"
    )


def scheduled(batches: int, factor: Callable[[int], int], max_steps: int | None, max_epochs: int | None) -> Length:
    """The end where batches to one step depend on the epoch. factor: gives them, for an epoch from 0."""
    steps = epochs = 0
    while (max_steps is None or steps < max_steps) and (max_epochs is None or epochs < max_epochs):
        steps += steps_in(batches, factor(epochs))
        epochs += 1
    if max_steps is not None and steps >= max_steps:
        return Length(max_steps, epochs, f"max_steps={max_steps} ends it")
    return Length(steps, epochs, f"trainer.max_epochs={max_epochs} ends it")


def steps_in(batches: int, accumulate: int) -> int:
    """Optimizer steps of an epoch."""
    return -(-batches // accumulate)
