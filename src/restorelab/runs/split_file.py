"""`split.csv.gz` in a run's folder: which images it trains on, validates on and tests on; see `data.split_record`.

It has a row for each image and part: `id`, `part`, `content` (see `build.hashed`), and `noises`, the variants of the
training noise that the part shows the image under, where these are divided. Images without a part could not be read
when the run began.
"""

import csv
import gzip
import io
from pathlib import Path

from restorelab.data.split import PARTS
from restorelab.data.split_record import Kept
from restorelab.errors import DataError
from restorelab.runs import inputs
from restorelab.runs.run_folder import RunFolder, write_bytes

COLUMNS = ("id", "part", "content", "noises")


def write(folder: RunFolder, kept: Kept) -> None:
    """Write `split.csv.gz`: equal bytes for equal divisions."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(COLUMNS)
    for part, images in kept.parts.items():
        writer.writerows((name, part, kept.contents[name], "|".join(shown)) for name, shown in images.items())
    writer.writerows((name, "", "", "") for name in sorted(kept.unread))
    write_bytes(folder.split, gzip.compress(text.getvalue().encode(errors="surrogateescape"), 6, mtime=0))


def read(folder: Path) -> Kept | None:
    """What a run keeps; None where it keeps nothing.

    Raises:
        DataError: for a damaged file.
    """
    run = RunFolder(folder)
    if not run.split.is_file():
        return None
    try:
        text = gzip.decompress(run.split.read_bytes()).decode(errors="surrogateescape")
        rows = list(csv.DictReader(io.StringIO(text)))
        parts = {part: {row["id"]: tuple(filter(None, row["noises"].split("|"))) for row in rows if row["part"] == part}
                 for part in PARTS}  # fmt: skip
        contents = {row["id"]: row["content"] for row in rows if row["part"]}
        unread = frozenset(row["id"] for row in rows if not row["part"])
    except (OSError, ValueError, EOFError, KeyError, AttributeError) as error:
        msg = f"{run.split}: cannot be read ({error}); without it, it is not known which images the run was trained on."
        raise DataError(msg) from error
    return Kept(str(inputs.read(run).get("table", "")), parts, contents, unread)
