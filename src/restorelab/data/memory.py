"""The memory that is available to this process."""

import os
from pathlib import Path

_CONTROL = Path("/sys/fs/cgroup")
_GROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
"""The files of a control group (cgroup), versions 2 and 1, that hold its limit and its usage."""


def available() -> int:
    """Return the bytes that this process may still allocate: the machine's, within the limit of its control group."""
    candidates = [_machine()]
    for limit, usage in _GROUPS:
        try:
            most, used = (int((_CONTROL / name).read_text()) for name in (limit, usage))
            candidates.append(max(0, most - used + _cached(_CONTROL / limit)))
        except (OSError, ValueError):  # no such group, or `max`: no limit
            continue
    return min(candidates)


def _machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _cached(limit: Path) -> int:
    """Return the bytes of file cache that the group's usage includes and the kernel frees on demand."""
    for line in limit.with_name("memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0
