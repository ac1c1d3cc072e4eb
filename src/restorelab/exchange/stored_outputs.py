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
    listing, name = record.path / FILE, record.per_image(evaluation).ids[place]
    try:
        listed = _places(listing, listing.stat().st_mtime_ns)[evaluation]
        entry = listed["images"][name]
        file = record.path / listed["folder"] / entry["file"]  # an absolute folder stays as it is
        channels, height, width = map(int, entry["shape"])
        expected = entry["digest"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        msg = f"{listing} does not say where the output of {name} lies ({type(error).__name__}: {error})."
        raise DataError(msg) from error
    try:
        image = outputs.read(file, (channels, height, width)).image
    except Refused as refusal:
        raise DataError(f"{file} {refusal}.") from refusal
    if digest(image) != expected:
        raise DataError(f"{file} has changed since it was measured; score the outputs again.")
    return image
