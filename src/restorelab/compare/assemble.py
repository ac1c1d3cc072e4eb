"""The parts of a comparison put together: find, hold together what agrees, rank, test, and what each section shows."""

from collections.abc import Sequence
from pathlib import Path

from restorelab.compare import (
    facts,
    key_importance,
    leaderboard,
    levels,
    pareto,
    per_image_boxes,
    searched,
    significance,
    specialists,
    training_curves,
    transfer_map,
)
from restorelab.compare.comparison import Comparison
from restorelab.compare.significance import Against
from restorelab.errors import ConfigError, DataError, nearest
from restorelab.report.charts.data import Chart
from restorelab.report.page import Section
from restorelab.runs import naming
from restorelab.runs.comparable import SHOWN, Board, alike, boards
from restorelab.runs.find import Found, find
from restorelab.runs.record import Runs
from restorelab.runs.samples import INPUT

MOST = 8
"""Boards that get charts and tests; runs that agree with nobody may make many."""


def comparison(
    folders: Sequence[Path],
    baseline: str | None,
    evaluations: Sequence[str] | None,
    metric: str | None,
    title: str | None,
) -> Comparison:
    """See `comparison.build`."""
    if metric is not None and metric not in SHOWN:
        msg = f"metric={metric}: {nearest(metric, SHOWN)}"
        raise ConfigError(msg)
    found = find(folders)
    if not found.runs:
        reasons = " ".join(map(str, found.left[:5]))
        msg = f"{', '.join(map(str, folders))}: none of {len(found.left)} runs can be compared. {reasons}"
        raise DataError(msg)
    runs, refused = alike(found.runs)
    held = boards(runs, metric, evaluations)
    crossed = any(record.crossed is not None for name in runs for record in runs[name])
    wide = boards(runs, metric, evaluations, crossed=True) if crossed else held
    held = held or wide
    if not held:
        msg = f"none of the runs has a metric that is known: {', '.join(SHOWN)}."
        raise DataError(msg)
    if baseline is not None:
        baseline = naming.chosen(baseline, [*runs, INPUT], "baseline")
    runs = Runs([record for name in _ranked(held, runs) for record in runs[name]])
    tested = {board.names[0]: _tests(board, baseline) for board in held[:MOST]}
    refused += [board.why for board in held if board.why]
    refused += [f"{name}: it was measured by none of {', '.join(SHOWN)}." for name in runs
                if not any(name in board.names for board in held)]  # fmt: skip
    refused += map(str, found.left)
    return Comparison(
        title or _title(folders),
        runs,
        _sections(held, wide, tested, runs, found),
        facts.protocol(held[0]),
        facts.facts(runs, held),
        refused,
        {
            "schema": 1, "protocol": facts.protocol(held[0]), "refused": refused,
            "boards": [leaderboard.plain(board, tested.get(board.names[0], [])) for board in held],
        },
    )  # fmt: skip


def _title(folders: Sequence[Path]) -> str:
    return " and ".join(folder.resolve().name for folder in folders[:3]) + (" and others" if len(folders) > 3 else "")


def _ranked(held: Sequence[Board], runs: Runs) -> list[str]:
    return list(dict.fromkeys([*(name for board in held for name in board.names), *runs]))


def _tests(board: Board, baseline: str | None) -> list[Against]:
    """Against the best, and against the baseline where it is another one and stands on this board."""
    references = [board.best] if board.best is not None else []
    if baseline is not None and baseline not in references and baseline in (*board.names, INPUT):
        references.append(baseline)
    return significance.against(board, references)


def _sections(
    held: Sequence[Board], wide: Sequence[Board], tested: dict[str, list[Against]], runs: Runs, found: Found
) -> list[Section]:
    shown = held[:MOST]
    return [
        _leaderboard(held, tested),
        _significance(shown, tested),
        *_searched(runs),
        _charts("cost", "What a dB costs", [chart for board in shown for chart in pareto.charts(board)],
                "No two runs of a table differ in what they cost."),
        _charts("curves", "How they learned", [chart for board in shown for chart in training_curves.charts(board)],
                "None of the runs was trained here, so there is no curve."),
        _charts("images", "Image by image", [chart for board in shown for chart in per_image_boxes.charts(board)],
                "No values by image were found."),
        _levels(wide[:MOST]),
        _transfer(wide[:MOST], crossed=wide is not held),
        _importance(held[0], runs, found),
    ]  # fmt: skip


def _leaderboard(held: Sequence[Board], tested: dict[str, list[Against]]) -> Section:
    tables = []
    for board in held:
        found = tested.get(board.names[0], [])
        best = found[0] if found and board.best is not None and len(board.names) > 1 else None
        tables += leaderboard.tables(board, best)
    return Section("leaderboard", "Leaderboard", [*specialists.tables(held), *tables])


def _significance(shown: Sequence[Board], tested: dict[str, list[Against]]) -> Section:
    tables, text = [], []
    for board in shown:
        for found in tested[board.names[0]]:
            if found.reference == board.best and len(board.names) == 1 and (INPUT, board.columns[0].label) not in \
                    found.verdicts:  # fmt: skip
                text.append(f"{board.names[0]} stands alone: there is nothing to hold it against.")
                continue
            table = significance.table(found, board)
            if found.reference == board.best and len(board.names) > 1:
                table.notes.insert(0, significance.BY_CHOICE)
            tables.append(table)
            text.append(significance.summary(found, board))
    return Section("significance", "Is the difference real?", tables, [], [one for one in text if one])


def _searched(runs: Runs) -> list[Section]:
    tables, charts, text = searched.parts(runs)
    return [Section("search", "The search", tables, list(charts), text)] if tables else []


def _charts(name: str, title: str, charts: Sequence[Chart], nothing: str) -> Section:
    return Section(name, title, [], list(charts), [] if charts else [nothing])


def _levels(shown: Sequence[Board]) -> Section:
    charts: list[Chart] = []
    advice: list[str] = []
    for board in shown:
        drawn, said = levels.charts(board)
        charts += drawn
        advice = advice or said
    return Section("levels", "Over the noise level", [], charts, [] if charts else advice)


def _transfer(shown: Sequence[Board], *, crossed: bool) -> Section:
    charts: list[Chart] = [chart for board in shown for chart in transfer_map.charts(board)]
    tables = [table for board in shown if (table := transfer_map.table(board)) is not None]
    text = [sentence for board in shown for sentence in (*transfer_map.fails(board), *transfer_map.skipped(board))]
    if not charts:
        text = ["Each run was measured under one evaluation only.", *text]
    if not crossed:
        text.append("With cross=true a sweep measures every network under every degradation of the sweep.")
    return Section("transfer", "Training noise by test noise", tables, charts, text)


def _importance(first: Board, runs: Runs, found: Found) -> Section:
    pruned = [left.path for left in found.left if left.state == "pruned"]
    said = key_importance.shown(runs, first.metric, pruned)
    return Section("importance", "Which hyperparameters mattered", said.tables, list(said.charts), said.text)
