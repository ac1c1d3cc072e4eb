"""Imports are spared the garbage collector, what comes after them is not. In a process of its own: it is changed."""

import subprocess
import sys

PROGRAM = """
import gc
from restorelab.training import gc_tuning
usual = gc.get_threshold()
gc_tuning.settle()  # nothing was spared: nothing is frozen
print(gc.get_freeze_count(), gc.get_threshold() == usual)
gc_tuning.spare_imports()
before = sum(stats["collections"] for stats in gc.get_stats())
import hydra, rich.console
print(sum(stats["collections"] for stats in gc.get_stats()) - before)
gc_tuning.settle()
print(gc.get_freeze_count() > 10_000, gc.get_threshold() == usual)
before = sum(stats["collections"] for stats in gc.get_stats())
kept = [[] for _ in range(10_000)]
print(sum(stats["collections"] for stats in gc.get_stats()) - before > 3)
import atexit
atexit.register(lambda: print("at exit"))
"""


def test_imports_are_spared_and_the_rest_is_not() -> None:
    done = subprocess.run([sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n") == ["0 True", "0", "True True", "True", "at exit", ""]


def test_a_command_line_ends_with_the_status_of_its_command() -> None:
    program = "import sys; sys.argv[1:] = ['noise.sgma=3']; from restorelab.cli.main import entry; entry('train')"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "sgma" in done.stderr
