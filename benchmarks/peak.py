"""How much memory a process has held at most."""

import resource
import sys
from pathlib import Path


def peak(process: int | str = "self") -> float:
    """Say how much memory a process (this one) has held at most, in MiB.

    On Linux VmHWM: ru_maxrss is inherited from the process that started this one.
    """
    status = Path(f"/proc/{process}/status")
    if status.is_file():
        line = next(line for line in status.read_text().splitlines() if line.startswith("VmHWM"))
        return int(line.split()[1]) / 1024
    most = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return most / (2**20 if sys.platform == "darwin" else 1024)
