"""What the user states about a method that restorelab did not run."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Method:
    """What is said of a method; None where it is not known.

    parameters: trainable; 0 for a method that learns nothing. macs: of one image. seconds: of its training.
    """

    name: str
    parameters: int | None = None
    macs: int | None = None
    seconds: float | None = None
    seed: int = 0
