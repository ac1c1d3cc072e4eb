"""The location of the cache, and the error for a cache that cannot be used."""

import os
from pathlib import Path

from restorelab.errors import DataError


def cache_root() -> Path:
    """Return the cache folder: the environment variable RESTORELAB_CACHE, by default ~/.cache/restorelab."""
    return Path(os.environ.get("RESTORELAB_CACHE") or "~/.cache/restorelab").expanduser()


def unusable(folder: Path, error: OSError, what: str = "be written") -> DataError:
    """Return the error for a cache folder that cannot be read or written; it names the owner and the remedy."""
    return DataError(
        f"the cache {folder} cannot {what} ({error.strerror or error}){_owner(folder)}. Set the environment variable "
        "RESTORELAB_CACHE to a folder of your own."
    )


def _owner(folder: Path) -> str:
    """Return a clause that names the owner of the folder, or of its nearest existing parent, if it is another user."""
    for path in (folder, *folder.parents):
        try:
            uid = path.stat().st_uid
            if not hasattr(os, "geteuid") or uid == os.geteuid():
                return ""
            import pwd

            return f"; it belongs to the user {pwd.getpwuid(uid).pw_name}"
        except KeyError:
            return f"; it belongs to the user number {uid}"
        except OSError:
            continue
    return ""
