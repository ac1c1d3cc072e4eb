"""Read metrics.csv: what a run measured during training."""

import csv
import math
from pathlib import Path

from restorelab.errors import DataError


def read(file: Path) -> dict[str, list[float]]:
    """The columns of a metrics.csv; an empty cell is NaN. A last line that is still being written does not count.

    Raises:
        DataError: for a file that is none.
    """
    try:
        text = file.read_text()
        rows = list(csv.DictReader(text[: text.rfind("\n") + 1].splitlines()))
        return {name: [float(row[name] or math.nan) for row in rows] for name in (rows[0] if rows else {})}
    except (ValueError, TypeError) as error:
        msg = f"{file} cannot be read ({error})."
        raise DataError(msg) from error
