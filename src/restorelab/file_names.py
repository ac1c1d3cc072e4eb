"""Names as file names: whether a name can be one, and names made for ids, which may hold slashes and anything else."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from restorelab.errors import ConfigError

LENGTH = 120
"""Characters of a name at most: file systems take 255 bytes, an ending and a temporary name included."""

UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
"""What separates folders, and what Windows takes in no name."""

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows keeps for devices."""


def refusal(name: object) -> str | None:
    """Why a name cannot be that of a file, on any system; None for one that can."""
    if not isinstance(name, str):
        return f"is a {type(name).__name__}, not text"
    reasons = {
        "is empty": not name,
        "leads to another folder": name in (".", "..") or "/" in name or "\\" in name,
        "holds characters that cannot be printed": not name.isprintable(),
        'holds one of : * ? " < > |': bool(FORBIDDEN.search(name)),
        "begins with a dot or a hyphen": name[:1] in (".", "-"),
        "begins or ends with a space, or ends with a dot": name.strip() != name or name.endswith("."),
        "is a name that Windows keeps for a device": bool(RESERVED.fullmatch(name)),
        f"is longer than {LENGTH} characters": len(name) > LENGTH or len(name.encode(errors="replace")) > 2 * LENGTH,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def require(place: str, name: object) -> None:
    """Raise ConfigError, naming the place in the config, for a name that cannot be that of a file."""
    if reason := refusal(name):
        msg = f"{place}: the name {str(name)[:60]!r} {reason}; files are called by it. Choose another name."
        raise ConfigError(msg)


def file_names(ids: Sequence[str], endings: Sequence[str] = ()) -> list[str]:
    """A name without ending for each id: unique, also where upper and lower case are the same, and safe anywhere.

    An id that is such a name stays as it is; any other is changed, and the first 8 digits of its SHA-256 are added.
    endings: are left out of the names, in lower case: `a.png` becomes `a`.
    """
    bare = [_without(name, endings) for name in ids]
    plain = [_safe(name) for name in bare]
    often = Counter(name.casefold() for name in plain)
    found = [
        safe if safe == stem and often[safe.casefold()] == 1 else f"{safe}-{_digits(name)}"
        for name, stem, safe in zip(ids, bare, plain, strict=True)
    ]
    twice = [name for name, count in Counter(name.casefold() for name in found).items() if count > 1]
    return [f"{name}-{place}" if name.casefold() in twice else name for place, name in enumerate(found)]


def _without(name: str, endings: Sequence[str]) -> str:
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in endings else name


def _safe(name: str) -> str:
    safe = UNSAFE.sub("_", name).lstrip(".-").rstrip(".")[:LENGTH]
    return f"_{safe}" if not safe or RESERVED.fullmatch(safe) else safe


def _digits(name: str) -> str:
    return hashlib.sha256(name.encode()).hexdigest()[:8]
