"""How much memory there is to use."""

import os
from pathlib import Path

_CONTROL = Path("/sys/fs/cgroup")
_GROUPS = (("memory.max", "memory.current"), ("memory/memory.limit_in_bytes", "memory/memory.usage_in_bytes"))
"""The files of a control group, of version 2 and 1, that hold its limit and what it uses."""


def available() -> int:
    """Bytes that this process may still take: what the machine has at hand, within the limit of its control group."""
    found = [_machine()]
    for limit, used in _GROUPS:
        try:
            most, taken = (int((_CONTROL / name).read_text()) for name in (limit, used))
            found.append(max(0, most - taken + _cached(_CONTROL / limit)))
        except (OSError, ValueError):  # no such group, or `max`: no limit
            continue
    return min(found)


def _machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _cached(limit: Path) -> int:
    """Bytes of files that the group's usage counts and the kernel gives back when they are needed."""
    for line in limit.with_name("memory.stat").read_text().splitlines():
        name, _, value = line.partition(" ")
        if name in ("inactive_file", "total_inactive_file"):
            return int(value)
    return 0
