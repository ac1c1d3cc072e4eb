"""The errors that parts of a run raise for unsuitable input, and what a message quotes of them."""

from restorelab.errors import UserError

REFUSALS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
    UserError,
)  # fmt: skip
"""The errors that a network or a loss may raise for a shape that it does not accept."""


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message; its type if it has no message."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
