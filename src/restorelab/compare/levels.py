"""The metric over the strength of a noise that was measured at several strengths; the training range is shaded."""

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import yaml

from restorelab.compare.crossable import filled
from restorelab.config.schema import conf_dir
from restorelab.data.set_names import degradation_of, set_of
from restorelab.degradations.labels import essence
from restorelab.degradations.strength import stretches
from restorelab.errors import UserError
from restorelab.report.charts.data import Lines, Series, Span
from restorelab.runs.board import Board, Column
from restorelab.runs.metric import heading

UNITS = {
    "sigma": "sigma, 8-bit units",
    "amount": "amount, share of values struck",
    "variance": "variance of the factor",
    "peak": "peak, expected count at intensity 1",
}
"""The axis titles for the strengths of the shipped noises."""

MOST = 20
"""The most lines of a chart: the first runs of the board."""


@dataclass(frozen=True)
class Ladder:
    """Evaluations of one noise that differ in one number: `steps` are its values and columns, ascending."""

    noise: str
    key: str
    steps: list[tuple[float, Column]]


def charts(board: Board) -> tuple[list[Lines], list[str]]:
    """A chart for each noise that was measured at two strengths or more; without any, advice on what to add."""
    all_ladders = ladders(board)
    made = [chart for ladder in all_ladders if (chart := _chart(board, ladder)) is not None]
    return made, [] if made else _advice(board)


def stages(board: Board, column: Column) -> dict[str, Any] | None:
    """Return the degradation of a column, a config node by stage; None where no run's config has it."""
    for name in board.where[column.label]:
        record = board.runs[name][0]
        try:
            degradation = board.entry(name, column)["degradation"]
            under = record.under(degradation) if board.crossed else record
            nodes = filled(under.config["evaluation"][degradation_of(degradation)], under.config)
            return {stage: essence(node) for stage, node in nodes.items() if isinstance(node, Mapping)}
        except (KeyError, TypeError, UserError):
            continue
    return None


def ladders(board: Board) -> list[Ladder]:
    """Group columns that differ in one number of their noise only."""
    alike: dict[str, list[tuple[Column, dict[str, float]]]] = defaultdict(list)
    for column in board.columns:
        nodes = stages(board, column)
        if nodes is None or "noise" not in nodes:
            continue
        numbers = {key: float(value) for key, value in nodes["noise"].items() if _number(value)}
        rest = {key: value for key, value in nodes["noise"].items() if key not in numbers}
        same = [set_of(column.evaluation), {**nodes, "noise": rest}, sorted(numbers)]
        alike[json.dumps(same, sort_keys=True)].append((column, numbers))
    groups = []
    for members in alike.values():
        keys = [key for key in members[0][1] if len({numbers[key] for _, numbers in members}) > 1]
        if len(keys) == 1 and len(members) > 1:
            nodes = stages(board, members[0][0]) or {}
            steps = sorted(((numbers[keys[0]], column) for column, numbers in members), key=lambda step: step[0])
            groups.append(Ladder(str(nodes["noise"]["_target_"]), keys[0], steps))
    return groups


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _chart(board: Board, ladder: Ladder) -> Lines | None:
    labels = {column.label for _, column in ladder.steps}
    names = [name for name in board.names if sum(name in board.where[label] for label in labels) > 1]
    series = [curve for name in names if (curve := _line(board, ladder, name)) is not None]
    if not series:
        return None
    input_points = [(level, values.mean) for level, column in ladder.steps
             if (values := board.degraded_input(column, board.metric)).values]  # fmt: skip
    shown = series[:MOST]
    if input_points:
        shown.append(Series("degraded input", [x for x, _ in input_points], [y for _, y in input_points]))
    metric = heading(board.metric)
    noise = ladder.noise.rpartition(".")[2]
    caption = "Shaded: the strengths that the runs were trained on. Band: from the lowest seed to the highest."
    caption += f" The {MOST} best of {len(series)} runs are shown." if len(series) > MOST else ""
    levels = [level for level, _ in ladder.steps]
    return Lines(
        f"{metric} over the strength of {noise} noise{board.suffix}", UNITS.get(ladder.key, ladder.key), metric, shown,
        _shaded(board, ladder, [curve.label for curve in series[:MOST]]),
        log_x=levels[0] > 0 and levels[-1] > 20 * levels[0], caption=caption,
    )  # fmt: skip


def _line(board: Board, ladder: Ladder, name: str) -> Series | None:
    steps = [(level, values_there.values) for level, column in ladder.steps
             if (values_there := board.measured(name, column, board.metric)).values]  # fmt: skip
    if len(steps) < 2:
        return None
    x, y = [level for level, _ in steps], [sum(values) / len(values) for _, values in steps]
    if max(len(values) for _, values in steps) == 1:
        return Series(name, x, y)
    return Series(name, x, y, [min(values) for _, values in steps], [max(values) for _, values in steps])


def trained_on(trained: Mapping[str, Any] | None, noise: str) -> Iterator[Mapping[str, Any]]:
    """The nodes of a noise among those of a training: the noise itself, or members of a mixture.

    trained: the training noise's node; None where it is not known.
    """
    node = trained or {}
    members = node.get("noises")
    for member in members.values() if isinstance(members, Mapping) else [node]:
        if isinstance(member, Mapping) and member.get("_target_") == noise:
            yield member


def _shaded(board: Board, ladder: Ladder, names: list[str]) -> list[Span]:
    """Return the strengths that the shown runs were trained on: ranges and single levels."""
    trained: dict[tuple[tuple[float, float], ...], list[str]] = defaultdict(list)
    for name in names:
        if board.classical(name):
            continue
        nodes = trained_on(board.runs[name][0].trained_noise, ladder.noise)
        strengths = {stretch for node in nodes for stretch in stretches(node.get(ladder.key))}
        if strengths:
            trained[tuple(sorted(strengths))].append(name)
    spans = []
    for ranges, members in sorted(trained.items()):
        text = ", ".join(f"{low:g}" if low == high else f"{low:g} to {high:g}" for low, high in ranges)
        who = "" if len(trained) == 1 else f" ({', '.join(members[:3])}{' and others' if len(members) > 3 else ''})"
        labels = [f"trained on {text}{who}", *[""] * (len(ranges) - 1)]
        spans += [Span(low, high, label) for (low, high), label in zip(ranges, labels, strict=True)]
    return spans


def _advice(board: Board) -> list[str]:
    """Describe which shipped evaluations would make a curve, for the noises that were measured."""
    nodes = [nodes for column in board.columns if (nodes := stages(board, column)) is not None and "noise" in nodes]
    noises = list(dict.fromkeys(str(node["noise"].get("_target_")) for node in nodes))
    start = "No noise was measured at two strengths or more, so there is no curve over the strength."
    examples = []
    for noise in noises:
        names = _shipped(noise)
        if len(names) > 1:
            examples.append(f"evaluation=[{','.join(names)}]")
    return [f"{start} Add evaluations to the runs, such as {' or '.join(examples)}." if examples else
            f"{start} Add evaluations of one noise at several strengths to the runs: evaluation=[...]."]  # fmt: skip


def _shipped(noise: str) -> list[str]:
    """Return the names of shipped evaluations with this noise only, by strength."""
    shipped = []
    for file in (conf_dir() / "evaluation").glob("*_[0-9]*.yaml"):
        content = yaml.safe_load(file.read_text()) or {}
        entry = content.get(file.stem) or {}
        node = entry.get("noise") or {}
        strengths = [float(value) for value in node.values() if _number(value)]
        alone = not set(entry) - {"noise", "of"} and node.get("clip") is True
        if node.get("_target_") == noise and alone and strengths:
            shipped.append((strengths[0], file.stem))
    return [name for _, name in sorted(shipped)]
