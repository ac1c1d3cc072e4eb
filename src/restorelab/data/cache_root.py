"""Where the cache lies, and what to say where it cannot be used."""

import os
from pathlib import Path

from restorelab.errors import DataError


def cache_root() -> Path:
    """The cache's folder: the environment variable RESTORELAB_CACHE, else ~/.cache/restorelab."""
    return Path(os.environ.get("RESTORELAB_CACHE") or "~/.cache/restorelab").expanduser()


def unusable(folder: Path, error: OSError, what: str = "be written") -> DataError:
    """What to tell of a folder of the cache that cannot be read or written: whose it is, and how to choose another."""
    return DataError(
        f"the cache {folder} cannot {what} ({error.strerror or error}){_whose(folder)}. Set the environment variable "
        "RESTORELAB_CACHE to a folder of your own."
    )


def _whose(folder: Path) -> str:
    """Words about the owner of a folder, or of the nearest one above it that exists, where that is another user."""
    for place in (folder, *folder.parents):
        try:
            owner = place.stat().st_uid
        except OSError:
            continue
        return "" if not hasattr(os, "geteuid") or owner == os.geteuid() else f"; it belongs to {_user(owner)}"
    return ""


def _user(number: int) -> str:
    import pwd

    try:
        return f"the user {pwd.getpwuid(number).pw_name}"
    except KeyError:
        return f"the user number {number}"
