"""A table of each network under the noise it was trained on, for sweeps of models by noises."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

from restorelab.compare.levels import stages, trained_on
from restorelab.compare.transfer_map import families, within
from restorelab.report import table_cells
from restorelab.report.table import Cell, Table
from restorelab.runs import seed_values
from restorelab.runs.board import Board, Column
from restorelab.runs.metric import heading
from restorelab.runs.seed_values import SeedValues

TITLE = "Each network under the noise it was trained on"

Sets = frozenset[tuple[str, str]]
"""The images of some evaluations, by spec and bits: only numbers on the same ones stand in one column."""


@dataclass(frozen=True)
class Place:
    """A run of a family, the evaluations of it that count, and why others than those of its training do."""

    title: str
    noise: str
    board: Board
    name: str
    columns: list[Column]
    note: str = ""

    @property
    def sets(self) -> Sets:
        """Return the images that it was measured on."""
        return frozenset((column.spec, column.bits) for column in self.columns)

    def mean(self, metric: str) -> SeedValues:
        """Return the mean over its evaluations, one value for each seed."""
        return self.board.overall(self.name, metric, self.columns)


def tables(boards: Sequence[Board]) -> list[Table]:
    """Networks by training noises, over all boards of the first one's metric, a table a dataset.

    One of two networks and two noises at least. A column holds numbers on the same images only: where networks were
    measured on others under one noise, it has several. What learns nothing stands where it was measured on them.
    """
    boards = [board for board in boards if board.metric == boards[0].metric]
    where = {name: board for board in boards for name in board.names}
    by_network = families(boards[0].runs, list(where)) if boards else {}
    trained = [_place(title, noise, name, where[name]) for title, by_noise in by_network.items()
               for noise, name in by_noise.items() if _trains(where[name], name)]  # fmt: skip
    groups = [group for group in _connected(trained) if _worth(group)]
    untrained = {title: [name for name in own.values() if not _trains(where[name], name)]
                 for title, own in by_network.items()}  # fmt: skip
    return [_table(group, untrained, where, several=len(groups) > 1) for group in groups]


def _trains(board: Board, name: str) -> bool:
    return not board.classical(name) and not board.external(name)


def _place(title: str, noise: str, name: str, board: Board) -> Place:
    """Return the evaluations within the training's noise; without any, those of its kind, or all."""
    columns = [column for column in board.columns if name in board.where[column.label]]
    if within_training := [column for column in columns if within(board, name, column)]:
        return Place(title, noise, board, name, within_training)
    trained = board.runs[name][0].trained_noise
    alike = [column for column in columns if any(trained_on(trained, _target(board, column)))]
    chosen = alike or columns
    labels = ", ".join(column.label for column in chosen)
    return Place(title, noise, board, name, chosen, f"Measured under {labels}, which its training does not cover.")


def _target(board: Board, column: Column) -> str:
    noise = (stages(board, column) or {}).get("noise") or {}
    return str(noise.get("_target_"))


def _connected(places: Sequence[Place]) -> list[list[Place]]:
    """The places in groups of families that share images under some noise, each in its order."""
    groups: list[list[Place]] = []
    for place in places:
        joined = [
            group
            for group in groups
            if any(
                other.title == place.title or (other.noise, other.sets) == (place.noise, place.sets) for other in group
            )
        ]
        groups = [group for group in groups if group not in joined]
        groups.append([*(other for group in joined for other in group), place])
    order = {id(place): number for number, place in enumerate(places)}
    return [sorted(group, key=lambda place: order[id(place)]) for group in groups]


def _worth(group: Sequence[Place]) -> bool:
    """Return whether there are two networks, one of them with two noises."""
    noises: dict[str, set[str]] = defaultdict(set)
    for place in group:
        noises[place.title].add(place.noise)
    return len(noises) > 1 and max(map(len, noises.values())) > 1


def _table(group: Sequence[Place], untrained: dict[str, list[str]], where: dict[str, Board], *, several: bool) -> Table:
    metric = group[0].board.metric
    columns: dict[tuple[str, Sets], dict[str, Place]] = defaultdict(dict)
    for noise in dict.fromkeys(place.noise for place in group):
        for place in group:
            if place.noise == noise:
                columns[noise, place.sets][place.title] = place
    for (noise, sets), places in columns.items():
        places |= {title: other for title, names in untrained.items()
                if (other := _beside(title, noise, sets, names, where)) is not None}  # fmt: skip
    cells = [_cells(places, metric) for places in columns.values()]
    beside = [title for places in columns.values() for title in places]
    titles = list(dict.fromkeys([*(place.title for place in group), *beside]))
    kinds = {title: "external" if any(where[name].external(name) for name in names) else "classical"
             for title, names in untrained.items() if names}  # fmt: skip
    rows = [
        [Cell(title, kinds.get(title, "")), *(column_cells.get(title, Cell("")) for column_cells in cells)]
        for title in titles
    ]
    head = ["", *(f"{label}\n{heading(metric)}" for label in _labels(columns))]
    data = (group[0].board.runs[group[0].name][0].config.get("choices") or {}).get("data", "")
    notes = [
        "Each network as trained on the column's noise, under the evaluations that lie within it. Bold: the best of "
        "its column; the verdicts below say whether its lead is significant."
    ]
    return Table(f"{TITLE}: {data}" if several and data else TITLE, head, rows, notes)


def _beside(title: str, noise: str, sets: Sets, names: Sequence[str], where: dict[str, Board]) -> Place | None:
    """A run that was not trained here, where it was measured on all images of a column."""
    for name in names:
        board = where[name]
        columns = [c for c in board.columns if (c.spec, c.bits) in sets and name in board.where[c.label]]
        if {(column.spec, column.bits) for column in columns} == sets:
            return Place(title, noise, board, name, columns)
    return None


def _labels(columns: dict[tuple[str, Sets], dict[str, Place]]) -> list[str]:
    """The noises, with the evaluations where one noise has several columns."""
    noises = [noise for noise, _ in columns]
    labels: list[str] = []
    for (noise, _), places in columns.items():
        label = noise
        if noises.count(noise) > 1:
            label = f"{noise}, {', '.join(column.label for column in next(iter(places.values())).columns)}"
        same = sum(other == label or other.startswith(f"{label} (images ") for other in labels)
        labels.append(f"{label} (images {same + 1})" if same else label)
    return labels


def _cells(places: dict[str, Place], metric: str) -> dict[str, Cell]:
    """The cells of a column by family; the best is marked where there are several."""
    values = {title: place.mean(metric) for title, place in places.items()}
    cells = {title: table_cells.cell(metric, value, note=places[title].note) for title, value in values.items()}
    best = seed_values.best(metric, {title: value.mean for title, value in values.items()})
    if best is not None and len(cells) > 1:
        cells[best] = table_cells.marked(cells[best], "best")
    return cells
