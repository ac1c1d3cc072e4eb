"""Records of a run's dataset and weights, written when it begins and checked when it is resumed."""

import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from restorelab.config import paths
from restorelab.config.run_config import read_config
from restorelab.data import split_record as split
from restorelab.data.dataset import Dataset, Opened
from restorelab.data.image_table import ImageTable
from restorelab.data.split_record import Kept
from restorelab.errors import ConfigError, DataError
from restorelab.runs import inputs, split_file
from restorelab.runs.run_folder import RunFolder, write_json

log = logging.getLogger(__name__)

UNDIVIDING = ("residency", "batch_size", "eval_batch_size", "augment", "turns", "on_bad")
"""Keys of `data` that do not change which part an image belongs to."""


def before(settings: Mapping[str, Any]) -> Kept | None:
    """The division that a run began with; None for a run that begins.

    Raises:
        ConfigError: where weights that the run began with are others now.
        DataError: where the run has trained, and what it trained on is not known.
    """
    if not settings["resume"] or not settings["run_dir"]:
        return None
    folder = RunFolder(Path(settings["run_dir"]))
    kept = split_file.read(folder.path)
    if kept is None and folder.last.exists():
        msg = f"{folder.path} has no {folder.split.name}: which images it was trained on is not known. Start a new run."
        raise DataError(msg)
    if kept is not None:
        _refuse_other_weights(folder, inputs.weights_of(settings))
    return kept


def of_checkpoint(settings: Mapping[str, Any]) -> Kept | None:
    """The division of the run that trained an evaluated checkpoint, if these are its images, divided as it does."""
    if settings["train"] or not settings["ckpt"]:
        return None
    run = paths.run_of(Path(settings["ckpt"]))
    if not RunFolder(run).config.is_file():
        return None
    theirs = read_config(run)
    ours, before = ([config.get(key) for key in ("split_seed", "noise")] + [_division(config)]
                    for config in (settings, theirs))  # fmt: skip
    return split_file.read(run) if ours == before else None


def _division(config: Mapping[str, Any]) -> dict[str, Any]:
    """The keys of `data` that decide which images there are and in which part each of them is."""
    return {key: value for key, value in (config.get("data") or {}).items() if key not in UNDIVIDING}


def _refuse_other_weights(folder: RunFolder, now: Mapping[str, str]) -> None:
    began = inputs.read(folder).get("weights", {})
    for key in began.keys() | now.keys():
        if began.get(key) != now.get(key):
            msg = f"{key}: these are other weights than those that {folder.path} began with. Start a new run."
            raise ConfigError(msg)


def keep(folder: RunFolder, settings: Mapping[str, Any], dataset: Dataset, opened: Opened, began: Kept | None) -> None:
    """Write `split.csv.gz` and `inputs.json` of a run that begins; of one that goes on, say and note what changed."""
    table, rows = opened
    used = split.of(table, rows)
    if began is None:
        data = inputs.Inputs().data(settings["data"])
        write_json(folder.inputs, {"data": data, "table": used.table, "weights": inputs.weights_of(settings)})
        split_file.write(folder, used)  # last: where it is, the other is, too
        return
    if changes := dataset.changes(table, began):
        log.warning("the images are not those that the run began with: %s", changes)
        facts = inputs.read(folder)
        changes_so_far = [*facts.get("changes", []), str(changes)]
        if changes.removed:
            facts["data"] = used.digest
        write_json(folder.inputs, {**facts, "changes": list(dict.fromkeys(changes_so_far))})


def refuse_tested(val: str, table: ImageTable, tests: Mapping[str, ImageTable]) -> None:
    """Raise ConfigError if an image of the validation set is a test image. val, keys of tests: names of the sets."""
    for name, test in tests.items():
        if shared := len(set(table.contents.tolist()) & set(test.contents.tolist())):
            raise ConfigError(
                f"{val}: {shared} of its {len(table)} images are images of {name}. The best checkpoint is chosen on "
                "the validation set, and nothing may be chosen on test images. Choose another set."
            )


def tell_of_trained(settings: Mapping[str, Any], opened: Opened, tests: Sequence[ImageTable] = ()) -> None:
    """Warn of test images that this run, or a run whose weights it starts from, was trained on.

    tests: the test sets, which stand in place of the dataset's own test part.
    """
    table, rows = opened
    tested = {f"{table.contents[row]:016x}" for row in rows["test"]}
    if tests:
        tested = {f"{content:016x}" for other in tests for content in other.contents}
        trained_on = {f"{table.contents[row]:016x}" for row in rows["train"]} if settings["train"] else set()
        if leaked := tested & trained_on:
            log.warning(
                "test: %d of the %d test images are among the training images; the numbers do not hold for new images",
                len(leaked), len(tested),
            )  # fmt: skip
    for key, run, trained in _trained(settings, set()):
        if leaked := tested & trained:
            log.warning(
                "%s: %d of the %d test images are images that %s was trained on: its numbers do not hold for new ones",
                key, len(leaked), len(tested), run,
            )  # fmt: skip


def _trained(settings: Mapping[str, Any], seen: set[Path]) -> Iterator[tuple[str, Path, set[str]]]:
    """What the weights that a run starts from were trained on, those that they started from included.

    Gives the key that names the weights, the run that they are from, and its training images by content. seen: runs
    that were looked at.
    """
    for key in paths.STARTS:
        start = settings.get(key)
        run = paths.run_of(Path(start)) if isinstance(start, str) else None
        if run is None or run in seen:
            continue
        seen.add(run)
        if known := split_file.read(run):
            yield key, run, {known.contents[name] for name in known.parts["train"]}
            config = read_config(run) if RunFolder(run).config.is_file() else {}
            yield from ((key, before, trained) for _, before, trained in _trained(config, seen))
