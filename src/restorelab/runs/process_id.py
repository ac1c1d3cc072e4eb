"""Identify the process that works on a run, so that it is not confused with a later process of the same number."""

import os
import platform
from dataclasses import dataclass
from functools import cache
from pathlib import Path


@dataclass(frozen=True)
class Owner:
    """A process.

    Attributes:
        host: the machine's name, for people.
        machine: what tells machines apart, and reboots and containers of one: process numbers mean something only
            where it is equal.
        pid: the process's number there.
        born: when it began, in the machine's clock ticks; "" where the system does not tell.
    """

    host: str
    machine: str
    pid: int
    born: str

    @classmethod
    def me(cls) -> "Owner":
        """Return the identity of this process."""
        return cls(platform.node(), _machine(), os.getpid(), _born(os.getpid()))

    def alive(self) -> bool | None:
        """Return whether the process still runs; None if it belongs to another machine and this cannot be known."""
        if self.machine != _machine():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # the process exists and belongs to another user
            pass
        return _born(self.pid) == self.born and not ended(self.pid)


@cache
def _machine() -> str:
    parts = [platform.node()]
    for file in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            path = Path(file)
            parts.append(str(path.readlink()) if path.is_symlink() else path.read_text().strip())
        except OSError:  # not Linux: the host name identifies the machine
            continue
    return "/".join(parts)


def _stat(pid: int) -> list[str]:
    """Return the fields of /proc/PID/stat after the command's name, which may contain blanks; or an empty list."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _born(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def ended(pid: int) -> bool:
    """Return whether the process is a zombie: it has ended, and its parent has not waited for it yet."""
    return _stat(pid)[:1] in (["Z"], ["X"])
