"""What a run requires of a dataset that is open: images for its parts, and labels."""

from collections.abc import Sequence

from restorelab.data.dataset import Opened
from restorelab.data.pairing import Division
from restorelab.data.split import Rows, has_parts
from restorelab.errors import DataError


def require(found: Rows, rows: Division, parts: Sequence[str]) -> None:
    """Raise DataError where a part that a run needs has no image."""
    for part in parts:
        if not len(rows[part]):
            raise DataError(_without(found, rows, part))
        empty = [name for name, shown in (rows.shown or {}).get(part, {}).items() if not len(shown)]
        if empty:
            msg = (
                f"{part} has {len(rows[part])} images and shows none of them under the noise {', '.join(empty)}: they "
                f"are too few to be shared out. Raise data.{'limit' if part == 'train' else part}, or use more data."
            )
            raise DataError(msg)


def _without(found: Rows, rows: Division, part: str) -> str:
    """What to do about a part that has no image."""
    counts = ", ".join(f"{len(some)} {name}" for name, some in rows.items())
    said = f"{len(found.ids)} images split into {counts}: the run needs some for {part}."
    if part == "train" and has_parts(found) and "train" not in (found.splits or ()):
        return (
            f"{said} The dataset names no training images, and none are taken from its other parts. Add some, such as "
            "a folder train/, or only measure: train=false ckpt=RUN, or a model that learns nothing. "
            "data.source.parts=none splits all images of a folder instead."
        )
    if part == "train":
        return f"{said} Lower data.val or data.test (they take all, as data.test=all does)."
    if part == "val" and not len(rows["train"]):
        return (
            f"{said} They choose the model's open parameters, and none are taken from test images. Add some, such as a "
            "folder val/, or give the parameters that model.grid lists values, such as model.weight=0.1."
        )
    if part == "val":
        return f"{said} Raise data.val; data.val=0 trains without validation."
    return f"{said} Raise data.test; data.test=all measures every image, and data.test=0 trains without a test."


def require_labels(opened: Opened) -> None:
    """Raise DataError, naming the dataset, where not every image of every part has a label.

    Labels are whole numbers from 0 up, `(N,)` int64 in the table; a training batch and a frozen one bear them as
    `Sample.label`.
    """
    table, rows = opened
    name = table.folder.name.rpartition("-")[0]
    if table.labels is None:
        msg = f"{name}: its images have no labels. Choose a dataset that has: data=mnist, svhn or stl10_labelled."
        raise DataError(msg)
    without = [row for found in rows.values() for row in found[table.labels[found] < 0]]
    if without:
        raise DataError(f"{name}: {len(without)} images have no label, among them {table.ids[without[0]]}.")
