"""What parts of a run raise for what they do not take, and what of it a message tells."""

from restorelab.errors import UserError

REFUSALS = (
    ArithmeticError, AssertionError, AttributeError, LookupError, MemoryError, RuntimeError, TypeError, ValueError,
    UserError,
)  # fmt: skip
"""What a network or a loss may raise for a shape that it does not take."""


def first_line(error: BaseException) -> str:
    """What an error says in its first line; its type where it says nothing."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
