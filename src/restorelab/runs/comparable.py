"""Which runs may stand in one table: those that an evaluation ties together, by its spec and then by its bits."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from restorelab.errors import ConfigError, nearest
from restorelab.runs import samples, seed_values
from restorelab.runs.metric import LOWER, METRICS
from restorelab.runs.record import Record, Runs
from restorelab.runs.seed_values import SeedValues, by_seed

SHOWN = ("psnr", "ssim", "mse", "accuracy", "entropy")
"""Test metrics that tables show, in order; a run is ranked by the first that it has, unless another is asked for."""


OVERALL = "mean of all"
"""What a comparison over the mean of the evaluations is called."""


@dataclass(frozen=True)
class Column:
    """One evaluation of one set of images.

    Attributes:
        evaluation: its name; what crossing added may have another one in some runs, see `Board.entry`.
        label: that name, with a number where one table has two such sets.
    """

    evaluation: str
    spec: str
    bits: str
    label: str


@dataclass
class Board:
    """Runs that may stand in one table, and the evaluations that tie them together.

    Attributes:
        runs: all finished runs; `names` are this board's, best first once they are ranked.
        metric: that they are ranked by.
        where: by the label of a column, the names of the runs that were measured there.
        crossed: whether evaluations that crossing added count.
        why: why these runs are not on the first board; empty for that.
        ranking: the columns over whose mean the runs are ranked, and `ranked_by` that in words.
        told: what tells it from the other boards, such as its dataset; empty where there is no other.
    """

    runs: Runs
    metric: str
    names: list[str]
    columns: list[Column]
    where: dict[str, list[str]]
    crossed: bool = False
    why: str = ""
    told: str = ""
    ranking: list[Column] = field(default_factory=list, init=False)
    ranked_by: str = field(default="", init=False)

    def __post_init__(self) -> None:
        self._rank()

    @property
    def suffix(self) -> str:
        """What the title of a chart or table of this board ends with, so that those of two boards are told apart."""
        return f" ({self.told})" if self.told else ""

    def titled(self, title: str) -> str:
        """A title of this board with its suffix, unless it ends with the same words already."""
        return title if self.told and title.endswith(f" under {self.told}") else title + self.suffix

    @property
    def decides(self) -> str:
        """What a comparison over the columns that rank is called: the column's label, or `mean of all`."""
        return self.ranking[0].label if len(self.ranking) == 1 else OVERALL

    @property
    def common(self) -> list[Column]:
        """The columns that all runs were measured under."""
        return [column for column in self.columns if set(self.where[column.label]) >= set(self.names)]

    @property
    def metrics(self) -> list[str]:
        """What tables show: the metric that ranks, then the others that any of the runs has."""
        held = {key.partition("/")[2] for name in self.names for column in self.columns
                if name in self.where[column.label] for key in self.entry(name, column)["metrics"]}  # fmt: skip
        images = sorted(name for name in held if name in METRICS and METRICS[name].source == "image")
        return list(dict.fromkeys([self.metric, *(metric for metric in SHOWN if metric in held), *images]))

    def entry(self, name: str, column: Column) -> Mapping[str, Any]:
        """The entry of result.json of a run's first seed."""
        own = entries(self.runs[name][0], crossed=self.crossed)
        return next(entry for entry in own.values() if (entry["spec"], entry["bits"]) == (column.spec, column.bits))

    def found(self, name: str, column: Column, metric: str) -> SeedValues:
        """A test metric, a value a seed."""
        if name not in self.where[column.label]:
            return SeedValues(why=f"{name} was not measured under {column.label}.")
        if not self.crossed:
            return by_seed(self.runs, name, column.evaluation, metric)
        own = self.entry(name, column)["degradation"]
        return by_seed(Runs([record.under(own) for record in self.runs[name]]), name, own, metric)

    def overall(self, name: str, metric: str, columns: Sequence[Column] | None = None) -> SeedValues:
        """The mean over evaluations (the common ones), a value a seed; nothing where a run lacks one of them."""
        parts = [self.found(name, column, metric) for column in (self.common if columns is None else columns)]
        return seed_values.average(parts) if parts else SeedValues(why="No evaluation is common to all.")

    def given(self, column: Column, metric: str) -> SeedValues:
        """The degraded input's own value."""
        for name in self.where[column.label]:
            found = self.found(name, column, f"input_{metric}")
            if found.values:
                return SeedValues(found.values[:1])
        return SeedValues(why=f"The input's own {metric} was not measured.")

    def classical(self, name: str) -> bool:
        """Whether a run learns nothing."""
        return not samples.learned(self.runs[name])

    def external(self, name: str) -> bool:
        """Whether it is a method from elsewhere, measured on its outputs."""
        return bool(self.runs[name][0].config.get("external"))

    def _rank(self) -> None:
        """Best first by the mean over the common evaluations; without any, by the one that most were measured under."""
        self.ranking = self.common or [max(self.columns, key=lambda column: len(self.where[column.label]))]
        if len(self.ranking) == 1:
            self.ranked_by = self.ranking[0].label
        elif len(self.ranking) == len(self.columns):
            self.ranked_by = "the mean over the evaluations"
        else:
            self.ranked_by = f"the mean over {', '.join(column.label for column in self.ranking)}"
        sign = 1 if self.metric in LOWER else -1
        means = {name: self.overall(name, self.metric, self.ranking).mean for name in self.names}
        self.names = sorted(self.names, key=lambda name: (np.isnan(means[name]), sign * np.nan_to_num(means[name])))

    @property
    def best(self) -> str | None:
        """The run that leads; None where nothing is a number."""
        first = self.names[0]
        held = [column for column in self.columns if first in self.where[column.label]]
        return first if any(self.found(first, column, self.metric).values for column in held) else None


def entries(record: Record, *, crossed: bool = False) -> dict[str, Mapping[str, Any]]:
    """The evaluations of a run by name; with those that crossing added, where that is asked for."""
    found: dict[str, Mapping[str, Any]] = {entry["degradation"]: entry for entry in record.result["evaluations"]}
    beside = record.crossed if crossed else None
    for entry in beside.result["evaluations"] if beside is not None else ():
        found.setdefault(entry["degradation"], entry)
    return found


def alike(runs: Runs) -> tuple[Runs, list[str]]:
    """The runs without seeds that were measured on other images than the rest of their run, and a sentence on each."""
    kept: list[Record] = []
    refused = []
    for name in runs:
        keys = {id(record): _keys(record) for record in runs[name]}
        usual = Counter(keys.values()).most_common(1)[0][0]
        reference = next(record for record in runs[name] if keys[id(record)] == usual)
        for record in runs[name]:
            if keys[id(record)] == usual:
                kept.append(record)
            else:
                refused.append(f"{name} (seed {record.seed}) is left out: {_differs(reference, record)}.")
    return Runs(kept), refused


def _keys(record: Record) -> frozenset[tuple[str, str, str]]:
    return frozenset((name, entry["spec"], entry["bits"]) for name, entry in entries(record).items())


def _differs(one: Record, other: Record) -> str:
    """Why two runs share nothing, or not all: half a sentence."""
    ours, theirs = entries(one), entries(other)
    for name in ours:
        if name in theirs and (ours[name]["spec"], ours[name]["bits"]) != (theirs[name]["spec"], theirs[name]["bits"]):
            return f"under {name} {samples.reason(ours[name], theirs[name])}"
    listed = [", ".join(found) for found in (ours, theirs)]
    return f"measured under other evaluations ({listed[1]}, not {listed[0]})"


def boards(
    runs: Runs, metric: str | None = None, evaluations: Sequence[str] | None = None, *, crossed: bool = False
) -> list[Board]:
    """All runs, in as few boards as agree: the largest first, each other with the reason why it stands alone.

    metric: that ranks; a run that does not have it is ranked by its own. evaluations: those that count; None for all.

    Raises:
        ConfigError: for an evaluation that no run was measured under.
    """
    known = list(dict.fromkeys(e for name in runs for r in runs[name] for e in entries(r, crossed=True)))
    for evaluation in evaluations or ():
        if evaluation not in known:
            msg = f"evaluations: no run was measured under {evaluation!r}. {nearest(evaluation, known)}"
            raise ConfigError(msg)
    order = list(evaluations or (sorted(known, key=_natural) if crossed else known))
    held = {name: _held(runs[name], metric, order, crossed=crossed) for name in runs}
    parts = _connected({name: keys for name, keys in held.items() if keys})
    size = {part[0]: len({key for name in part for key in held[name]}) for part in parts}
    found: list[Board] = []
    for part in sorted(parts, key=lambda part: (-len(part), -size[part[0]])):
        board = _board(runs, part, held, order, crossed=crossed)
        if found:
            board.why = _why(board, found[0])
        found.append(board)
    for board, told in zip(found, _told(found), strict=True):
        board.told = told
    return found


def _told(boards: Sequence[Board]) -> list[str]:
    """What tells each board from the others, as few facts as do: its dataset, folder, evaluations, images, a run."""
    facts = [_facts(board) for board in boards]
    differing = [kind for kind in zip(*facts, strict=True) if len(set(kind)) > 1]
    for count in range(1, len(differing) + 1):
        told = [", ".join(filter(None, own)) for own in zip(*differing[:count], strict=True)]
        if len(set(told)) == len(told) and all(told):
            return told
    return [""] * len(boards)


def _facts(board: Board) -> tuple[str, ...]:
    """What a reader may know a board by, the plainest first; the last is another one for each board."""
    records = [board.runs[name][0] for name in board.names]
    nodes = [record.config.get("data") or {} for record in records]
    images = {int(board.entry(board.where[c.label][0], c).get("images") or 0) for c in board.columns}
    more = f" and {len(board.names) - 1} more" if len(board.names) > 1 else ""
    return (
        _listed((record.config.get("choices") or {}).get("data") for record in records),
        _listed(str(node["root"]).rstrip("/").rpartition("/")[2] for node in nodes if node.get("root")),
        _listed(column.label for column in board.columns),
        f"{' or '.join(f'{count:,}' for count in sorted(images))} images",
        f"by {board.metric}",
        f"{board.names[0]}{more}",
    )


def _listed(names: Iterable[str | None]) -> str:
    found = list(dict.fromkeys(name for name in names if name))
    return ", ".join(found[:3]) + (f" and {len(found) - 3} more" if len(found) > 3 else "")


def _natural(name: str) -> list[tuple[int, str | int]]:
    """gaussian_10 before gaussian_9 is what plain sorting says; numbers count as numbers here."""
    return [(1, int(part)) if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


Key = tuple[str, str, str, str]
"""Metric, evaluation, spec, bits: runs that share one may be compared. Crossing may call one set by several names, so
that there the name is left out."""


def _held(records: Sequence[Record], metric: str | None, order: Sequence[str], *, crossed: bool) -> list[Key]:
    """What all seeds of a run have."""
    every = [entries(record, crossed=crossed) for record in records]
    names = [name for name in order if all(name in one for one in every)]
    measured = {key for name in names for key in every[0][name]["metrics"]}
    wanted = [metric] if metric else []
    ranks = next((m for m in (*wanted, *SHOWN) if f"test/{m}" in measured), None)
    found = []
    for name in names:
        sets = {(one[name]["spec"], one[name]["bits"]) for one in every}
        if ranks and len(sets) == 1 and f"test/{ranks}" in every[0][name]["metrics"]:
            found.append((ranks, "" if crossed else name, *sets.pop()))
    return found


def _connected(held: Mapping[str, Sequence[Key]]) -> list[list[str]]:
    """Names in groups that keys tie together, each in its order."""
    group: dict[str, list[str]] = {}
    owner: dict[Key, str] = {}
    for name, keys in held.items():
        group[name] = [name]
        for key in keys:
            other = owner.setdefault(key, name)
            if group[other] is not group[name]:
                merged = group[other] + group[name]
                for member in merged:
                    group[member] = merged
    return list({id(members): members for members in group.values()}.values())


def _board(
    runs: Runs, part: Sequence[str], held: Mapping[str, Sequence[Key]], order: Sequence[str], *, crossed: bool
) -> Board:
    keys = list(dict.fromkeys(key for name in part for key in held[name]))
    called = {key: key[1] or _called(runs, part, key) for key in keys}
    keys.sort(key=lambda key: (order.index(called[key]), -sum(key in held[name] for name in part)))
    seen: Counter[str] = Counter()
    columns, where = [], {}
    for key in keys:
        evaluation, (_, _, spec, bits) = called[key], key
        seen[evaluation] += 1
        label = evaluation if seen[evaluation] == 1 else f"{evaluation} (set {seen[evaluation]})"
        columns.append(Column(evaluation, spec, bits, label))
        where[label] = [name for name in part if key in held[name]]
    return Board(runs, keys[0][0], [name for name in runs if name in set(part)], columns, where, crossed)


def _called(runs: Runs, part: Sequence[str], key: Key) -> str:
    """What most runs call a set of images."""
    said = [name for run in part for name, entry in entries(runs[run][0], crossed=True).items()
            if (entry["spec"], entry["bits"]) == key[2:]]  # fmt: skip
    return Counter(said).most_common(1)[0][0]


def _why(board: Board, first: Board) -> str:
    """Why a board's runs are not on the first one: a sentence."""
    ours, theirs = board.runs[board.names[0]][0], first.runs[first.names[0]][0]
    said = ", ".join(board.names[:4]) + (f" and {len(board.names) - 4} more" if len(board.names) > 4 else "")
    verb = "is" if len(board.names) == 1 else "are"
    begun = f"{said} {verb} not held against {theirs.name} and the other runs of the first table"
    if board.metric != first.metric:
        return f"{begun}: measured by {board.metric}, not by {first.metric}."
    return f"{begun}: {_differs(theirs, ours)}."
