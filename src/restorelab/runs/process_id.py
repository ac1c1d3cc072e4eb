"""Who works on a run: a process of a machine, told apart from a later process that got the same number."""

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
        """This process."""
        return cls(platform.node(), _machine(), os.getpid(), _born(os.getpid()))

    def alive(self) -> bool | None:
        """Whether the process still runs; None where that cannot be known here, because it is another machine's."""
        if self.machine != _machine():
            return None
        try:
            os.kill(self.pid, 0)
        except ProcessLookupError:
            return False
        except PermissionError:  # it is there, and another user's
            pass
        return _born(self.pid) == self.born and not ended(self.pid)


@cache
def _machine() -> str:
    parts = [platform.node()]
    for file in ("/proc/sys/kernel/random/boot_id", "/proc/self/ns/pid"):
        try:
            path = Path(file)
            parts.append(str(path.readlink()) if path.is_symlink() else path.read_text().strip())
        except OSError:  # no Linux: the name must do
            continue
    return "/".join(parts)


def _stat(pid: int) -> list[str]:
    """The fields of /proc/PID/stat behind the command's name, which may hold anything; empty where there are none."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _born(pid: int) -> str:
    fields = _stat(pid)
    return fields[19] if fields else ""


def ended(pid: int) -> bool:
    """Whether it is a zombie: ended, and not yet waited for."""
    return _stat(pid)[:1] in (["Z"], ["X"])
