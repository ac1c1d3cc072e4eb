"""Divide runs into tables: runs belong to one table where an evaluation with the same spec and bits connects them."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from restorelab.errors import ConfigError, listed, nearest
from restorelab.runs import samples
from restorelab.runs.board import SHOWN, Board, Column, entries
from restorelab.runs.record import Record, Runs


def alike(runs: Runs) -> tuple[Runs, list[str]]:
    """Leave out seeds whose images differ from those of the run's other seeds; return a sentence about each."""
    agreeing: list[Record] = []
    sentences = []
    for name in runs:
        keys = {
            id(record): frozenset((name, entry["spec"], entry["bits"]) for name, entry in entries(record).items())
            for record in runs[name]
        }
        most_common_key = Counter(keys.values()).most_common(1)[0][0]
        reference = next(record for record in runs[name] if keys[id(record)] == most_common_key)
        for record in runs[name]:
            if keys[id(record)] == most_common_key:
                agreeing.append(record)
            else:
                sentences.append(f"{name} (seed {record.seed}) is left out: {_differs(reference, record)}.")
    return Runs(agreeing), sentences


def _differs(reference: Record, other: Record) -> str:
    """Describe in half a sentence how the evaluations of two runs differ."""
    ours, theirs = entries(reference), entries(other)
    for name in ours:
        if name in theirs and (ours[name]["spec"], ours[name]["bits"]) != (theirs[name]["spec"], theirs[name]["bits"]):
            return f"under {name} {samples.reason(ours[name], theirs[name])}"
    return f"measured under other evaluations ({', '.join(theirs)}, not {', '.join(ours)})"


def boards(
    runs: Runs, metric: str | None = None, evaluations: Sequence[str] | None = None, *, crossed: bool = False
) -> list[Board]:
    """Divide all runs into as few boards as possible: the largest first, each other with the reason why it is apart.

    metric: that ranks; a run that does not have it is ranked by its own. evaluations: those that count; None for all.
    crossed: whether the evaluations that crossing added count, too.

    Raises:
        ConfigError: for an evaluation that no run was measured under.
    """
    known = list(dict.fromkeys(e for name in runs for r in runs[name] for e in entries(r, crossed=True)))
    for evaluation in evaluations or ():
        if evaluation not in known:
            msg = f"evaluations: no run was measured under {evaluation!r}. {nearest(evaluation, known)}"
            raise ConfigError(msg)
    order = list(evaluations or (sorted(known, key=_natural) if crossed else known))
    shared_keys = {name: _keys_of_all_seeds(runs[name], metric, order, crossed=crossed) for name in runs}
    groups = _connected({name: keys for name, keys in shared_keys.items() if keys})
    sizes = {group[0]: len({key for name in group for key in shared_keys[name]}) for group in groups}
    made: list[Board] = []
    for group in sorted(groups, key=lambda group: (-len(group), -sizes[group[0]])):
        board = _board(runs, group, shared_keys, order, crossed=crossed)
        if made:
            board.reason = _reason_apart(board, made[0])
        made.append(board)
    for board, distinction in zip(made, _distinctions(made), strict=True):
        board.distinction = distinction
    return made


def _distinctions(boards: Sequence[Board]) -> list[str]:
    """Return the fewest facts that distinguish each board: its dataset, folder, evaluations, images or a run."""
    facts = [_facts(board) for board in boards]
    differing = [kind for kind in zip(*facts, strict=True) if len(set(kind)) > 1]
    for count in range(1, len(differing) + 1):
        distinctions = [", ".join(filter(None, words)) for words in zip(*differing[:count], strict=True)]
        if len(set(distinctions)) == len(distinctions) and all(distinctions):
            return distinctions
    return [""] * len(boards)


def _facts(board: Board) -> tuple[str, ...]:
    """Return facts that can distinguish a board, the simplest first; the last one differs between any two."""
    records = [board.runs[name][0] for name in board.names]
    nodes = [record.config.get("data") or {} for record in records]
    images = {int(board.entry(board.where[c.label][0], c).get("images") or 0) for c in board.columns}
    others = f" and {len(board.names) - 1} more" if len(board.names) > 1 else ""
    return (
        _distinct((record.config.get("choices") or {}).get("data") for record in records),
        _distinct(str(node["root"]).rstrip("/").rpartition("/")[2] for node in nodes if node.get("root")),
        _distinct(column.label for column in board.columns),
        f"{' or '.join(f'{count:,}' for count in sorted(images))} images",
        f"by {board.metric}",
        f"{board.names[0]}{others}",
    )


def _distinct(names: Iterable[str | None]) -> str:
    return listed(list(dict.fromkeys(name for name in names if name)), 3)


def _natural(name: str) -> list[tuple[int, str | int]]:
    """A sort key by which gaussian_9 stands before gaussian_10."""
    return [(1, int(part)) if part.isdigit() else (0, part) for part in re.split(r"(\d+)", name)]


Key = tuple[str, str, str, str]
"""Metric, evaluation, spec, bits: runs that share one may be compared. Crossing may name one set differently in two
runs, so that the name is empty there."""


def _keys_of_all_seeds(
    records: Sequence[Record], metric: str | None, order: Sequence[str], *, crossed: bool
) -> list[Key]:
    """The keys that all seeds of a run have, under the first metric that they have."""
    by_seed = [entries(record, crossed=crossed) for record in records]
    names = [name for name in order if all(name in seed_entries for seed_entries in by_seed)]
    measured = {key for name in names for key in by_seed[0][name]["metrics"]}
    preferred = [metric] if metric else []
    ranking = next((m for m in (*preferred, *SHOWN) if f"test/{m}" in measured), None)
    keys = []
    for name in names:
        sets = {(seed_entries[name]["spec"], seed_entries[name]["bits"]) for seed_entries in by_seed}
        if ranking and len(sets) == 1 and f"test/{ranking}" in by_seed[0][name]["metrics"]:
            keys.append((ranking, "" if crossed else name, *sets.pop()))
    return keys


def _connected(shared_keys: Mapping[str, Sequence[Key]]) -> list[list[str]]:
    """Return the runs in groups that are connected by common keys, directly or through other runs."""
    group: dict[str, list[str]] = {}
    first_with: dict[Key, str] = {}
    for name, keys in shared_keys.items():
        group[name] = [name]
        for key in keys:
            other = first_with.setdefault(key, name)
            if group[other] is not group[name]:
                merged = group[other] + group[name]
                for member in merged:
                    group[member] = merged
    return list({id(members): members for members in group.values()}.values())


def _board(
    runs: Runs, group: Sequence[str], shared_keys: Mapping[str, Sequence[Key]], order: Sequence[str], *, crossed: bool
) -> Board:
    keys = list(dict.fromkeys(key for name in group for key in shared_keys[name]))
    evaluation_of = {key: key[1] or _usual_name(runs, group, key) for key in keys}
    keys.sort(key=lambda key: (order.index(evaluation_of[key]), -sum(key in shared_keys[name] for name in group)))
    used: Counter[str] = Counter()
    columns, where = [], {}
    for key in keys:
        evaluation, (_, _, spec, bits) = evaluation_of[key], key
        used[evaluation] += 1
        label = evaluation if used[evaluation] == 1 else f"{evaluation} (set {used[evaluation]})"
        columns.append(Column(evaluation, spec, bits, label))
        where[label] = [name for name in group if key in shared_keys[name]]
    return Board(runs, keys[0][0], [name for name in runs if name in set(group)], columns, where, crossed)


def _usual_name(runs: Runs, group: Sequence[str], key: Key) -> str:
    """The evaluation's name under which most runs know a set of images."""
    names = [name for run in group for name, entry in entries(runs[run][0], crossed=True).items()
            if (entry["spec"], entry["bits"]) == key[2:]]  # fmt: skip
    return Counter(names).most_common(1)[0][0]


def _reason_apart(board: Board, first: Board) -> str:
    """Why a board's runs are not on the first one, in a sentence."""
    ours, theirs = board.runs[board.names[0]][0], first.runs[first.names[0]][0]
    names = listed(board.names, 4)
    verb = "is" if len(board.names) == 1 else "are"
    start = f"{names} {verb} not compared with {theirs.name} and the other runs of the first table"
    if board.metric != first.metric:
        return f"{start}: measured by {board.metric}, not by {first.metric}."
    return f"{start}: {_differs(theirs, ours)}."
