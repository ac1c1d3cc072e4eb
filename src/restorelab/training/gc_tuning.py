"""Python's garbage collector, kept from walking through what is imported once and stays.

Importing torch and Lightning makes more than a million objects, none of them garbage. The collector goes through them a
thousand times while they come and once more at exit: two of a short command's eight seconds (docs/benchmarks.md).
"""

import atexit
import gc

USUAL = gc.get_threshold()
SPARING = 2_000_000
"""New objects before the collector runs: more than all imports make, but still a limit if `settle` is never called."""


def spare_imports() -> None:
    """Skip collections during imports at the start of a process, and the collection at its end."""
    gc.set_threshold(SPARING)
    atexit.register(gc.freeze)


def settle() -> None:
    """After the imports, if they were spared, exempt all existing objects; new ones are collected as usual."""
    if gc.get_threshold()[0] == SPARING:
        gc.freeze()
        gc.set_threshold(*USUAL)
