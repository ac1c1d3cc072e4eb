"""Check that a dataset has what a run requires: images in each part, and labels."""

from collections.abc import Sequence

import numpy as np

from restorelab.data.dataset import Opened
from restorelab.data.pairing import Division
from restorelab.data.split import Images, has_parts
from restorelab.errors import DataError


def require(images: Images, rows: Division, parts: Sequence[str]) -> None:
    """Raise DataError if a part that a run needs has no image."""
    for part in parts:
        if not len(rows[part]):
            raise DataError(_no_images(images, rows, part))
        empty = [name for name, shown in (rows.shown or {}).get(part, {}).items() if not len(shown)]
        if empty:
            raise DataError(
                f"{part} has {len(rows[part])} images and shows none of them under the noise {', '.join(empty)}: there "
                f"are too few to divide. Raise data.{'limit' if part == 'train' else part}, or use more data."
            )


def _no_images(images: Images, rows: Division, part: str) -> str:
    """Return the message about a part that has no image."""
    counts = ", ".join(f"{len(part_rows)} {name}" for name, part_rows in rows.items())
    reason = f"{len(images.ids)} images split into {counts}: the run needs images for {part}."
    if part == "train" and has_parts(images) and "train" not in (images.splits or ()):
        return (
            f"{reason} The dataset has no official training images, and none are taken from its other parts. Add some, "
            "such as a folder train/, or only evaluate: train=false ckpt=RUN, or a classical baseline as the model. "
            "data.source.parts=none splits all images of a folder instead."
        )
    if part == "train":
        return f"{reason} Lower data.val or data.test, which take all images; so does data.test=all."
    if part == "val" and not len(rows["train"]):
        return (
            f"{reason} Validation images choose the model's open parameters; test images are not used for that. Add "
            "some, such as a folder val/, or set the parameters listed in model.grid, such as model.weight=0.1."
        )
    if part == "val":
        return f"{reason} Raise data.val; data.val=0 trains without validation."
    return f"{reason} Raise data.test; data.test=all measures every image, and data.test=0 trains without a test."


def require_labels(opened: Opened, classes: int | None = None) -> None:
    """Raise DataError, naming the dataset, unless every image of every part has a label.

    Labels are whole numbers from 0, `(N,)` int64 in the table; batches hold them as `Sample.label`. classes: the number
    of classes that the network distinguishes, which labels must be below; None if it does not declare it.
    """
    table, rows = opened
    name = table.folder.name.rpartition("-")[0]
    if table.labels is None:
        raise DataError(
            f"{name}: its images have no labels. Use a dataset with labels: data=mnist, svhn or stl10_labelled."
        )
    used = np.concatenate(list(rows.values()))
    labels = table.labels[used]
    unlabeled = used[labels < 0]
    if len(unlabeled):
        raise DataError(f"{name}: {len(unlabeled)} images have no label, such as {table.ids[unlabeled[0]]}.")
    if classes is not None and labels.max(initial=-1) >= classes:
        first = used[labels >= classes][0]
        raise DataError(
            f"{name}: {table.ids[first]} has the label {table.labels[first]}, but the network has {classes} classes, "
            f"whose labels are 0 to {classes - 1}. Set model.classes={labels.max() + 1}."
        )
