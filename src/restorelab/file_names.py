"""Check whether a name can be a file name, and make file names for ids, which may contain any characters."""

import hashlib
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import PurePosixPath

from restorelab.errors import ConfigError

LENGTH = 120
"""The most characters of a name: file systems allow 255 bytes, including an extension and a temporary suffix."""

UNSAFE = re.compile(r"[^A-Za-z0-9._-]")
FORBIDDEN = re.compile(r'[/\\:*?"<>|]')
"""Path separators, and characters that Windows does not allow in names."""

RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
"""Names that Windows reserves for devices."""


def refusal(name: object) -> str | None:
    """Return why a name cannot be a file name on every operating system; None if it can."""
    if not isinstance(name, str):
        return f"is a {type(name).__name__}, not a string"
    reasons = {
        "is empty": not name,
        "leads to another folder": name in (".", "..") or "/" in name or "\\" in name,
        "holds characters that cannot be printed": not name.isprintable(),
        'holds one of : * ? " < > |': bool(FORBIDDEN.search(name)),
        "begins with a dot or a hyphen": name[:1] in (".", "-"),
        "begins or ends with a space, or ends with a dot": name.strip() != name or name.endswith("."),
        "is a name that Windows reserves for a device": bool(RESERVED.fullmatch(name)),
        f"is longer than {LENGTH} characters": len(name) > LENGTH or len(name.encode(errors="replace")) > 2 * LENGTH,
    }
    return next((reason for reason, holds in reasons.items() if holds), None)


def require(place: str, name: object) -> None:
    """Raise ConfigError, naming the place in the config, for a name that cannot be a file name."""
    if reason := refusal(name):
        raise ConfigError(
            f"{place}: the name {str(name)[:60]!r} {reason}, but files are named after it. Choose another name."
        )


def file_names(ids: Sequence[str], endings: Sequence[str] = ()) -> list[str]:
    """Return a file name without extension for each id: valid on every system, and unique ignoring case.

    An id that is such a name is kept; any other is changed, and the first 8 digits of its SHA-256 are appended.
    endings: extensions in lower case to be removed: `a.png` becomes `a`.
    """
    stems = [_stem(name, endings) for name in ids]
    safe_stems = [_safe(stem) for stem in stems]
    counts = Counter(safe.casefold() for safe in safe_stems)
    names = [
        safe if safe == stem and counts[safe.casefold()] == 1
        else f"{safe}-{hashlib.sha256(name.encode()).hexdigest()[:8]}"
        for name, stem, safe in zip(ids, stems, safe_stems, strict=True)
    ]  # fmt: skip
    duplicates = [name for name, count in Counter(name.casefold() for name in names).items() if count > 1]
    return [f"{name}-{place}" if name.casefold() in duplicates else name for place, name in enumerate(names)]


def _stem(name: str, endings: Sequence[str]) -> str:
    suffix = PurePosixPath(name).suffix
    return name.removesuffix(suffix) if suffix.lower() in endings else name


def _safe(name: str) -> str:
    safe = UNSAFE.sub("_", name).lstrip(".-").rstrip(".")[:LENGTH]
    return f"_{safe}" if not safe or RESERVED.fullmatch(safe) else safe
