"""Overrides as Hydra's grammar reads them; each distinct one is parsed once, as that takes milliseconds."""

from collections.abc import Iterable
from functools import lru_cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override


def parse(overrides: Iterable[str]) -> list[Override]:
    """Each override, parsed; not to be changed, as others get the same object.

    Raises:
        OverrideParseException: for what is not in the grammar.
    """
    return [_parsed(override) for override in overrides]


@lru_cache(maxsize=1 << 14)
def _parsed(override: str) -> Override:
    (one,) = OverridesParser.create().parse_overrides([override])
    return one
