"""`restorelab cache`: list or remove decoded datasets and degraded test images."""

from collections.abc import Sequence

from restorelab.errors import ConfigError, nearest

USAGE = """\
restorelab cache [clean [NAME ...]]: disk space of decoded datasets and degraded test images.

  (nothing)         list the entries: size, last use, kind, name
  clean             remove all of them; needed ones are made again
  clean NAME ...    remove these

The cache lies in RESTORELAB_CACHE, by default ~/.cache/restorelab.
"""


def run(argv: Sequence[str]) -> int:
    """List the entries, or remove some or all of them; gives the exit status.

    Raises:
        ConfigError: for another action, or an entry that is not there.
    """
    from restorelab.data import cache  # brings torch

    action, *names = argv or ["list"]
    if action in ("-h", "--help"):
        print(USAGE, end="")
        return 0
    if action not in ("list", "clean"):
        msg = f"cache {action}: {nearest(action, ['list', 'clean'])}"
        raise ConfigError(msg)
    entries = cache.clean(names or None) if action == "clean" else cache.entries()
    for entry in entries:
        print(f"{cache.size_text(entry.size):>12}  {entry.modified:%Y-%m-%d %H:%M}  {entry.kind:<10}  {entry.name}")
    verb = "removed from" if action == "clean" else "in"
    print(f"{cache.size_text(sum(entry.size for entry in entries))} {verb} {cache.cache_root()}")
    return 0
