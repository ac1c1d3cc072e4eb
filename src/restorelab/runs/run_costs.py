"""What the runs of a table cost: parameters, multiply-accumulates, times and memory."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np

from restorelab.runs import seed_values
from restorelab.runs.board import Board
from restorelab.runs.record import Record
from restorelab.runs.seed_values import SeedValues


def costs(board: Board, name: str, keys: Iterable[str]) -> dict[str, SeedValues]:
    """Return what a run costs by key, a value a seed.

    keys: of result.json, such as `parameters`; `image_seconds`, which each evaluation measures, is always added.
    """
    values = {key: seed_values.top(board.runs, name, key) for key in keys if key != "image_seconds"}
    times = []
    for record in board.runs[name]:
        medians = [median for entry in _timed(board, record) if (median := _quartiles(entry)[1])]
        if medians:
            times.append(float(np.mean(medians)))
    values["image_seconds"] = SeedValues(tuple(times)) if times else SeedValues(why=f"{name}: no time was measured.")
    return values


def image_seconds(board: Board, name: str) -> tuple[float, float] | None:
    """The spread of the seconds that an image takes: the lowest and highest quartile over evaluations and seeds."""
    quartiles = [entry["image_seconds"] for record in board.runs[name] for entry in _timed(board, record)
                 if entry.get("image_seconds")]  # fmt: skip
    return (min(low for low, _, _ in quartiles), max(high for _, _, high in quartiles)) if quartiles else None


def _timed(board: Board, record: Record) -> list[dict[str, Any]]:
    names = {column.evaluation for column in board.columns} & set(record.evaluations)
    return [record.evaluation(name) for name in sorted(names)]


def _quartiles(entry: Mapping[str, Any]) -> Sequence[float]:
    """The quartiles of the seconds an image; without a spread three times the mean, 0 where no time was measured."""
    mean = (entry.get("seconds") or 0.0) / (entry.get("images") or 1)
    return entry.get("image_seconds") or (mean, mean, mean)


def sizes(board: Board) -> list[str]:
    """The sizes CxHxW of the degraded images for which the runs counted multiply-accumulates."""
    records = [record for name in board.names for record in board.runs[name] if record.result.get("macs")]
    return sorted({"x".join(map(str, record.result["macs_of"])) for record in records if "macs_of" in record.result})
