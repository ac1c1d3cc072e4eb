"""The comparison at the end of `train.py -m`: the page over the runs that it finished."""

import logging
import shlex
from collections.abc import Sequence
from pathlib import Path

from restorelab.errors import UserError
from restorelab.runs.run_folder import choose

FOLDER = "multirun"
"""The page's folder under runs_dir, beside the folders of the runs."""


def compared(folders: Sequence[Path], runs_dir: str) -> str:
    """Write the page over the runs in the folders; gives the line that says where it is, or why there is none.

    It never raises for what a page can lack: the runs are done all the same.
    """
    if len(folders) < 2:
        return f"no page: a comparison needs two finished runs, and there {'is one' if folders else 'are none'}."
    logging.getLogger("restorelab.data").setLevel(logging.WARNING)  # each run has logged its data already
    from restorelab.compare.assemble import build
    from restorelab.compare.crops import crops
    from restorelab.compare.write_comparison import write

    try:
        compared_runs = build(folders, title=f"{len(folders)} runs of a multirun")
        return f"page: {write(compared_runs, choose(runs_dir, FOLDER), crops(compared_runs.runs))}"
    except (UserError, OSError) as error:
        command = shlex.join(["restorelab", "compare", *map(str, folders)])
        return f"no page: {error}\n{command} makes it."
