"""The memory and the CPUs that are available to this process."""

import os
from collections.abc import Iterator
from pathlib import Path

_CONTROL = Path("/sys/fs/cgroup")
_OWN = Path("/proc/self/cgroup")
"""Lists the control groups (cgroups) of this process: `0::/path` of version 2, `4:memory:/path` of version 1."""


def available() -> int:
    """Return the bytes that this process may still allocate: the machine's, within the limits of its control groups."""
    candidates = [_machine()]
    for limit, usage in _limits():
        try:
            most, used = (int(file.read_text()) for file in (limit, usage))
            candidates.append(max(0, most - used + _cached(limit)))
        except (OSError, ValueError):  # no such group, or `max`: no limit
            continue
    return min(candidates)


def _machine() -> int:
    try:
        lines = Path("/proc/meminfo").read_text().splitlines()
        return next(int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:"))
    except (OSError, StopIteration):
        return os.sysconf("SC_AVPHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")


def _limits() -> Iterator[tuple[Path, Path]]:
    """Yield the files with the limit and the usage of the process's control group and of every group above it.

    In a container the listed path may be that of the host, which does not exist here; then the root is the
    container's own group.
    """
    try:
        lines = _OWN.read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers not in ("", "memory"):
            continue
        root = _CONTROL / controllers
        limit, usage = (
            ("memory.limit_in_bytes", "memory.usage_in_bytes") if controllers else ("memory.max", "memory.current")
        )
        group = root / path.lstrip("/")
        yield from ((place / limit, place / usage) for place in (group, *group.parents) if place.is_relative_to(root))


def _cached(limit: Path) -> int:
    """Return the bytes of file cache that the group's usage includes and the kernel frees on demand."""
    lines = limit.with_name("memory.stat").read_text().splitlines()
    values = dict(line.split(" ", 1) for line in lines)
    return int(values.get("total_inactive_file", values.get("inactive_file", 0)))  # `total`: v1, with groups below


def cpus() -> int:
    """Return the number of CPUs that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
