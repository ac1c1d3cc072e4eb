"""Python's garbage collector, kept from walking through what is imported once and stays.

Importing torch and Lightning makes more than a million objects, none of them garbage. The collector goes through them a
thousand times while they come and once more at exit: two of a short command's eight seconds (docs/benchmarks.md).
"""

import atexit
import gc

USUAL = gc.get_threshold()
SPARING = 2_000_000
"""New objects before the collector looks: more than all imports make, so that it still works where nobody settles."""


def spare_imports() -> None:
    """At the beginning of a process: leave imports alone, and whatever is there at the end to the system."""
    gc.set_threshold(SPARING)
    atexit.register(gc.freeze)


def settle() -> None:
    """After the imports, if they were spared: all that is there now stays, and what is new is looked at as usual."""
    if gc.get_threshold()[0] == SPARING:
        gc.freeze()
        gc.set_threshold(*USUAL)
