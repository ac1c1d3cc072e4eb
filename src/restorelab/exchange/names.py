"""File names for ids, which may hold slashes and anything else."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence

LENGTH = 120
"""Characters of a name at most: file systems take 255 bytes, an ending included."""

UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


def file_names(ids: Sequence[str]) -> list[str]:
    """A name without ending for each id: unique, also where upper and lower case are the same, and safe anywhere.

    An id that is such a name stays as it is; any other is changed, and the first 8 digits of its SHA-256 are added.
    """
    plain = [_safe(name) for name in ids]
    often = Counter(name.casefold() for name in plain)
    found = [
        safe if safe == name and often[safe.casefold()] == 1 else f"{safe}-{_digits(name)}"
        for name, safe in zip(ids, plain, strict=True)
    ]
    twice = [name for name, count in Counter(name.casefold() for name in found).items() if count > 1]
    return [f"{name}-{place}" if name.casefold() in twice else name for place, name in enumerate(found)]


def _safe(name: str) -> str:
    safe = UNSAFE.sub("_", name).lstrip(".-").rstrip(".")[:LENGTH]
    return f"_{safe}" if not safe or RESERVED.fullmatch(safe) else safe


def _digits(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
