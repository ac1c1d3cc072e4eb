"""Where a scored method's outputs lie: `outputs.json` in its run's folder."""

import json
from functools import lru_cache
from pathlib import Path
from typing import Any

from torch import Tensor

from restorelab.data.pixels import Refused
from restorelab.errors import DataError
from restorelab.exchange import outputs
from restorelab.exchange.measuring import digest
from restorelab.runs.record import Record

FILE = "outputs.json"


@lru_cache(maxsize=64)
def _places(file: Path, written: int) -> dict[str, Any]:
    return json.loads(file.read_text())["evaluations"]


def restored(record: Record, evaluation: str, place: int) -> Tensor:
    """The stored output of an external method for image `place` of the set, (C, H, W) float32, not clamped.

    Raises:
        DataError: where it is not there any more, or is not what was measured.
    """
    run_dir, name = record.path, record.per_image(evaluation).ids[place]
    listing = run_dir / FILE
    if not listing.is_file():
        msg = f"{run_dir}: it has no {FILE}, so its outputs cannot be found."
        raise DataError(msg)
    listed = _places(listing, listing.stat().st_mtime_ns)[evaluation]
    entry = listed["images"][name]
    file = run_dir / listed["folder"] / entry["file"]  # an absolute folder stays as it is
    try:
        channels, height, width = entry["shape"]
        image = outputs.read(file, (channels, height, width)).image
    except Refused as refusal:
        msg = f"{file} {refusal}."
        raise DataError(msg) from refusal
    if digest(image) != entry["digest"]:
        msg = f"{file} has changed since it was measured; score the outputs again."
        raise DataError(msg)
    return image
