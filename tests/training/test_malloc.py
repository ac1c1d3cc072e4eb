"""Kept memory: soon no step touches a fresh page. In a process of its own, since it cannot be taken back."""

import subprocess
import sys

import pytest

PROGRAM = """
import resource, sys
import torch
from restorelab.training.malloc import keep_freed_memory, release_freed_memory
torch.set_num_threads(1)
kept = keep_freed_memory() if sys.argv[1] == "keep" else True
def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    blocks = [torch.ones(1 << 23) for _ in range(8)]  # 32 MiB each: what a step's activations are
    del blocks
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before
def resident():
    return int(open("/proc/self/statm").read().split()[1])
steps = [faults() for _ in range(8)]
before = resident()
release_freed_memory()
print(int(kept), steps[-1], before - resident())
"""


@pytest.mark.slow
@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="glibc's allocator")
def test_freed_memory_is_used_again_and_can_be_given_back() -> None:
    def measured(how: str) -> list[int]:
        command = [sys.executable, "-c", PROGRAM, how]
        return [int(n) for n in subprocess.run(command, capture_output=True, text=True, check=True).stdout.split()]

    kept, faults, given_back = measured("keep")
    if not kept:
        pytest.skip("this C library has no mallopt")
    _, faults_without, _ = measured("leave")
    pages = 8 * (1 << 25) // 4096
    assert faults < 0.02 * pages  # how many steps the aligned blocks take to find their places is chance: 2 to 4
    assert faults_without > 0.9 * pages
    assert given_back > 0.9 * pages
