"""The values of a metric by run, seed and image, in one order of images for all runs, with checks of comparability."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from restorelab.data.set_names import set_of
from restorelab.errors import ConfigError, DataError, nearest
from restorelab.runs.metric import Metric, metric_of
from restorelab.runs.record import Record, Runs

INPUT = "input"
"""A name for the degraded input in place of a run. A run of the study that has this name takes precedence."""


@dataclass(frozen=True)
class MetricSample:
    """A metric of one run.

    Attributes:
        run: its name.
        values: (seeds, images) float64; one column where only the whole set, or the whole run, was measured.
        groups: of the images, (images); None where there is one column.
        learned: whether another seed would have given other values.
        steps: of the optimizer, the fewest of all seeds; None for a run that did not train.
    """

    run: str
    values: np.ndarray
    groups: list[str] | None = None
    learned: bool = True
    steps: int | None = None


def samples(runs: Runs, names: Sequence[str], metric: str, evaluations: Sequence[str] | None) -> list[MetricSample]:
    """A metric of several runs, image by image in one order; its mean over the images is that over the evaluations.

    names: of runs, or `input`. evaluations: None for all that the first run was measured under. The images of
    `brightness`, `detail` and `beyond` are a part of the set, see `image_stats`.

    Raises:
        ConfigError: for a run, an evaluation or a metric that is not there.
        DataError: where the runs were not measured on the same degraded images by the same protocol, where their losses
            are different functions, and where something is not a number.
    """
    kind = metric_of(metric)
    records = {name: runs[name] for name in names if name != INPUT or name in runs}
    if not records:
        msg = f"{', '.join(names)}: at least one run is needed, whose input it is. {nearest('', runs)}"
        raise ConfigError(msg)
    if len(records) < len(set(names)) and kind.source != "image":
        msg = f"{INPUT} has no {metric!r}. {nearest(metric, ['psnr', 'ssim', 'mse'])}"
        raise ConfigError(msg)
    first = next(iter(records.values()))
    chosen = list(evaluations or first[0].evaluations) if kind.source != "run" else []
    if not chosen and kind.source != "run":
        msg = f"run {_title(first[0])}: it was not tested."
        raise DataError(msg)
    same_images([record for of_run in records.values() for record in of_run], chosen)
    if metric == "loss":
        same_loss(records)
    order = None
    if kind.source == "image":
        order = _order(first[0], chosen)
        _same_rows([record for of_run in records.values() for record in of_run], chosen)
    measured = []
    for name in names:
        if name in records:
            measured.append(_sample(records[name], metric, kind, chosen, order))
        else:
            measured.append(_input(first[0], metric, chosen))
    return measured


def same_images(records: Sequence[Record], evaluations: Sequence[str]) -> None:
    """Raise DataError, with the reason, unless all records were measured on the same degraded images."""
    for evaluation in evaluations:
        reference, entry = records[0], records[0].evaluation(evaluation)
        for record in records[1:]:
            other_entry = record.evaluation(evaluation)
            if (entry["spec"], entry["bits"]) != (other_entry["spec"], other_entry["bits"]):
                between = f"{_title(reference)} and {_title(record)} cannot be compared under {evaluation}"
                raise DataError(f"{between}: {reason(entry, other_entry)}.")


def _same_rows(records: Sequence[Record], evaluations: Sequence[str]) -> None:
    """Raise DataError where a per_image.csv lacks rows or has unexpected ones."""
    for evaluation in evaluations:
        images = set(records[0].per_image(evaluation).ids)
        for record in records[1:]:
            if set(record.per_image(evaluation).ids) != images:
                msg = f"run {_title(record)}: {evaluation} holds other images than the runs beside it."
                raise DataError(msg)


def _title(record: Record) -> str:
    return f"{record.name} (seed {record.seed})"


def reason(entry: Mapping[str, Any], other: Mapping[str, Any]) -> str:
    """Describe in half a sentence why two entries of result.json with different spec or bits cannot be compared."""
    if entry["spec"] == other["spec"]:
        return (
            f"the set is the same (spec {entry['spec']}) but its degraded images have other bits ({entry['bits']} and "
            f"{other['bits']}); measure both with the same version on the same kind of machine"
        )
    for key, words in (("images", "the numbers of their test images differ"), ("protocol", "their protocols differ")):
        if entry[key] != other[key]:
            return f"{words} ({entry[key]} and {other[key]})"
    return (
        f"their specs {entry['spec']} and {other['spec']} differ: other test images, another degradation under the "
        "same name, or another eval_seed or split_seed"
    )


def same_loss(records: dict[str, list[Record]]) -> None:
    """Raise DataError unless all runs, by name, were trained with the same loss."""
    losses = {}
    for name, seeds in records.items():
        node = {key: value for key, value in seeds[0].config["loss"].items() if key != "eps"}
        losses[name] = (str(node), seeds[0].config["objective"]["_target_"])
    if len(set(losses.values())) > 1:
        names = ", ".join(f"{name}: {loss}" for name, (loss, _) in losses.items())
        msg = f"their losses are different functions and cannot be compared ({names}); compare psnr or mse."
        raise DataError(msg)


def steps_of(records: Sequence[Record]) -> int | None:
    """The fewest optimizer steps of a run's seeds; None for one that did not train."""
    return min((int(record.history["step"][-1]) for record in records if record.trained), default=None)


def learned(records: Sequence[Record]) -> bool:
    """Whether the run's network has parameters to learn; a classical baseline has none, and needs no seeds.

    An external method without a known number of parameters counts as one that learned.
    """
    return any(record.result["parameters"] != 0 for record in records)


def _sample(
    records: Sequence[Record], metric: str, kind: Metric, evaluations: Sequence[str], order: list[str] | None
) -> MetricSample:
    groups: list[str] | None = None
    if kind.source == "run":
        rows = [np.array([_number(record, record.result.get(metric), metric)]) for record in records]
    elif kind.source == "evaluation":
        rows = [np.array([np.mean([_whole(record, e, metric) for e in evaluations])]) for record in records]
    elif kind.source == "picture":
        from restorelab.runs import image_stats  # brings torch and the dataset

        measured = [[image_stats.measure(record, e) for e in evaluations] for record in records]
        rows = [np.mean([stats.columns[metric] for stats in by_evaluation], axis=0) for by_evaluation in measured]
        groups = measured[0][0].groups
    else:
        assert order is not None
        rows = [_averaged([_column(record, e, metric, order) for e in evaluations]) for record in records]
        groups = _groups(records[0], evaluations, order)
    values = np.stack(rows)
    _finite(values, records, metric)
    return MetricSample(records[0].name, values, groups, learned(records) and not kind.fixed, steps_of(records))


def _number(record: Record, value: float | None, metric: str) -> float:
    if value is None:
        msg = f"run {_title(record)}: {metric} was not measured."
        raise DataError(msg)
    return float(value)


def _whole(record: Record, evaluation: str, metric: str) -> float:
    if metric == "inference_seconds":
        return _number(record, record.evaluation(evaluation).get("seconds"), metric)
    return record.metric(evaluation, metric)


def _order(record: Record, evaluations: Sequence[str]) -> list[str]:
    """The images of all evaluations; some may show a part of them only, where images and noises are paired."""
    return list(dict.fromkeys(name for e in evaluations for name in _named(e, record.per_image(e).ids)))


def _named(evaluation: str, names: Sequence[str]) -> Sequence[str]:
    """Return ids or groups of an evaluation's images, made unique among several test sets."""
    own_set = set_of(evaluation)
    return [f"{own_set}/{name}" for name in names] if own_set else names


def _column(record: Record, evaluation: str, column: str, order: list[str]) -> np.ndarray:
    """A column of per_image.csv with its images in the given order; NaN for those that the evaluation does not show."""
    table = record.per_image(evaluation)
    if column not in table.columns:
        msg = f"run {_title(record)}: {evaluation} has no {column!r} by image. {nearest(column, table.columns)}"
        raise ConfigError(msg)
    _finite(table.columns[column][None], [record], column)
    ids = _named(evaluation, table.ids)
    if ids == order:
        return table.columns[column]
    place = {name: i for i, name in enumerate(order)}
    values = np.full(len(order), np.nan)
    values[[place[name] for name in ids]] = table.columns[column]
    return values


def _averaged(each: Sequence[np.ndarray]) -> np.ndarray:
    """Return the weighted value of an image for the mean over evaluations; NaN where an evaluation does not show it.

    Evaluations count alike, as in a table, and so an image counts more in one that shows few.
    """
    columns = np.stack(each)
    shown = ~np.isnan(columns)
    share = columns.shape[1] / shown.sum(axis=1, keepdims=True)
    return np.where(shown, columns * share, 0.0).mean(axis=0)


def _groups(record: Record, evaluations: Sequence[str], order: list[str]) -> list[str]:
    tables = [(e, record.per_image(e)) for e in evaluations]
    by_id = {name: group for e, table in tables
             for name, group in zip(_named(e, table.ids), _named(e, table.groups), strict=True)}  # fmt: skip
    return [by_id[name] for name in order]


def _input(record: Record, metric: str, evaluations: Sequence[str]) -> MetricSample:
    """Return the values of the degraded input, taken from a run that was measured on it."""
    order = _order(record, evaluations)
    column = f"{INPUT}_{metric}"
    if metric == "mse" and column not in record.per_image(evaluations[0]).columns:
        # PSNR is computed from it
        each = [10 ** (-_column(record, e, f"{INPUT}_psnr", order) / 10) for e in evaluations]
    else:
        each = [_column(record, e, column, order) for e in evaluations]
    return MetricSample(INPUT, _averaged(each)[None], _groups(record, evaluations, order), learned=False)


def _finite(values: np.ndarray, records: Sequence[Record], metric: str) -> None:
    for row, record in zip(values, records, strict=True):
        if bad := int((~np.isfinite(row)).sum()):
            msg = f"run {_title(record)}: {metric} is not a number for {bad} of {row.size} values."
            raise DataError(msg)
