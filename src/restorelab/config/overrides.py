"""Parse overrides by Hydra's grammar. Results are cached, because parsing one takes milliseconds."""

from collections.abc import Iterable
from functools import lru_cache

from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.core.override_parser.types import Override


def parse(overrides: Iterable[str]) -> list[Override]:
    """Parse each override. The results are shared by all callers and must not be changed.

    Raises:
        OverrideParseException: for an invalid override.
    """
    return [_parsed(override) for override in overrides]


@lru_cache(maxsize=1 << 14)
def _parsed(override: str) -> Override:
    (parsed,) = OverridesParser.create().parse_overrides([override])
    return parsed
