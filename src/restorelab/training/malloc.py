"""Keep freed memory in the process while a network trains or restores on a CPU.

glibc maps every block above 32 MiB at most afresh and returns it to the kernel when it is freed, so that each training
step, and each tile of a photograph, pays again for the first touch of every page of its activations: on virtual
machines half of its time (docs/benchmarks.md). Kept memory is used again by the next step; the peak grows somewhat.
"""

import ctypes
import sys

TRIM_THRESHOLD, MMAP_THRESHOLD, MMAP_MAX = -1, -3, -4  # malloc.h


def keep_freed_memory() -> bool:
    """Configure glibc for the rest of this process; return False where there is no glibc or it refuses."""
    if not sys.platform.startswith("linux"):
        return False
    libc = ctypes.CDLL(None)
    if not hasattr(libc, "mallopt"):  # musl has none
        return False
    large = libc.mallopt(MMAP_THRESHOLD, 1 << 30) or libc.mallopt(MMAP_MAX, 0)  # older ones take no such threshold
    return bool(large and libc.mallopt(TRIM_THRESHOLD, (1 << 31) - 1))


def release_freed_memory() -> None:
    """Return free memory to the kernel now, between phases that allocate blocks of different sizes."""
    libc = ctypes.CDLL(None)
    if sys.platform.startswith("linux") and hasattr(libc, "malloc_trim"):
        libc.malloc_trim(0)
