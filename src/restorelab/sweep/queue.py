"""The resolved configs of a sweep, written before its first run starts: editing a config later changes nothing."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from restorelab.runs.run_folder import write_json
from restorelab.sweep.planned import Planned


def file(sweep: Path, run: str) -> Path:
    """Return the path of the resolved config of a run."""
    return sweep / "queue" / f"{run}.json"


def write(sweep: Path, planned: Iterable[Planned]) -> None:
    """Write the config of each run; what is there and equal stays as it is."""
    (sweep / "queue").mkdir(parents=True, exist_ok=True)
    for run in planned:
        place = file(sweep, run.id)
        if not place.is_file() or _content(place) != run.settings:
            write_json(place, run.settings, sync=False)


def _content(place: Path) -> Any:
    try:
        return json.loads(place.read_text())
    except ValueError:  # the machine lost power before the file was on its disk
        return None
