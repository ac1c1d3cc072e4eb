"""A comparison from the folders of its runs: find, divide into boards, rank, test, and fill the page's sections.

To add a chart: write a module with `charts(board)` that returns chart data (`report/charts/data.py`), such as
`report/pareto.py`, and add a line to `_sections`. Tables go the same way; the columns of the leaderboard are in
`leaderboard.py`. To add a kind of chart, see `report/charts/__init__.py`.
"""

from collections.abc import Callable, Sequence
from pathlib import Path

from restorelab.compare import (
    facts,
    key_importance,
    leaderboard,
    levels,
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
from restorelab.report import pareto
from restorelab.report.charts.data import Chart
from restorelab.report.page import Section
from restorelab.runs import naming
from restorelab.runs.board import SHOWN, Board
from restorelab.runs.comparable import alike, boards
from restorelab.runs.find import FoundRuns, find
from restorelab.runs.record import Runs
from restorelab.runs.samples import INPUT

MOST = 8
"""Boards that get charts and tests; runs that share no evaluation with others make many boards."""


def build(
    folders: Sequence[Path],
    *,
    baseline: str | None = None,
    evaluations: Sequence[str] | None = None,
    metric: str | None = None,
    title: str | None = None,
) -> Comparison:
    """Compare all runs in the folders: of runs, sweeps, studies, or folders of these.

    baseline: the name of a run (or `input`) that every run is tested against, beside the best. evaluations: those that
    count. metric: that ranks and is tested; psnr where runs have it. A mixture of runs that cannot be compared gives
    several tables and says why.

    Raises:
        ConfigError: for a name that is not there.
        DataError: for folders that are not there, or hold no finished run.
    """
    if metric is not None and metric not in SHOWN:
        msg = f"metric={metric}: {nearest(metric, SHOWN)}"
        raise ConfigError(msg)
    found_runs = find(folders)
    if not found_runs.runs:
        reasons = " ".join(map(str, found_runs.left[:5]))
        msg = f"{', '.join(map(str, folders))}: none of {len(found_runs.left)} runs can be compared. {reasons}"
        raise DataError(msg)
    runs, refused = alike(found_runs.runs)
    own_boards = boards(runs, metric, evaluations)
    crossed = any(record.crossed is not None for name in runs for record in runs[name])
    across = boards(runs, metric, evaluations, crossed=True) if crossed else own_boards
    own_boards = own_boards or across
    if not own_boards:
        msg = f"none of the runs has a metric that is known: {', '.join(SHOWN)}."
        raise DataError(msg)
    if baseline is not None:
        baseline = naming.chosen(baseline, [*runs, INPUT], "baseline")
    ranked = dict.fromkeys([*(name for board in own_boards for name in board.names), *runs])
    runs = Runs([record for name in ranked for record in runs[name]])
    tested = {board.names[0]: _tests(board, baseline) for board in own_boards[:MOST]}
    refused += [board.reason for board in own_boards if board.reason]
    refused += [f"{name}: it was measured by none of {', '.join(SHOWN)}." for name in runs
                if not any(name in board.names for board in own_boards)]  # fmt: skip
    refused += map(str, found_runs.left)
    names = [folder.resolve().name for folder in folders]
    return Comparison(
        title or " and ".join(names[:3]) + (" and others" if len(names) > 3 else ""),
        runs,
        _sections(own_boards, across, tested, runs, found_runs),
        facts.protocol(own_boards[0]),
        facts.facts(runs, own_boards),
        refused,
        {
            "schema": 1, "protocol": facts.protocol(own_boards[0]), "refused": refused,
            "boards": [leaderboard.plain(board, tested.get(board.names[0], [])) for board in own_boards],
        },
    )  # fmt: skip


def _tests(board: Board, baseline: str | None) -> list[Against]:
    """Test against the best run, and against the baseline if it is another run and on this board."""
    references = [board.best] if board.best is not None else []
    if baseline is not None and baseline not in references and baseline in (*board.names, INPUT):
        references.append(baseline)
    return significance.against(board, references)


def _sections(
    own_boards: Sequence[Board],
    across: Sequence[Board],
    tested: dict[str, list[Against]],
    runs: Runs,
    found_runs: FoundRuns,
) -> list[Section]:
    """The page's sections in their order. across: the boards with the evaluations that crossing added."""
    shown = own_boards[:MOST]
    return [
        _leaderboard(own_boards, tested),
        _significance(shown, tested),
        *_searched(runs),
        _charts("cost", "Quality and cost", pareto.charts, shown,
                "No two runs of a table differ in what they cost."),
        _charts("curves", "Training curves", training_curves.charts, shown,
                "None of the runs was trained here, so there is no curve."),
        _charts("images", "Image by image", per_image_boxes.charts, shown, "No values by image were found."),
        _levels(across[:MOST]),
        _transfer(across[:MOST], crossed=across is not own_boards),
        _importance(own_boards[0], runs, found_runs),
    ]  # fmt: skip


def _charts(
    name: str, title: str, draw: Callable[[Board], Sequence[Chart]], shown: Sequence[Board], nothing: str
) -> Section:
    """Make a section of the charts that a function returns for each board, or of the sentence why there is none."""
    charts = [chart for board in shown for chart in draw(board)]
    return Section(name, title, charts=charts, text=[] if charts else [nothing])


def _leaderboard(own_boards: Sequence[Board], tested: dict[str, list[Against]]) -> Section:
    tables = []
    for board in own_boards:
        tests = tested.get(board.names[0], [])
        best = tests[0] if tests and board.best is not None and len(board.names) > 1 else None
        tables += leaderboard.tables(board, best)
    return Section("leaderboard", "Leaderboard", [*specialists.tables(own_boards), *tables])


def _significance(shown: Sequence[Board], tested: dict[str, list[Against]]) -> Section:
    tables, text = [], []
    for board in shown:
        for against in tested[board.names[0]]:
            alone = len(board.names) == 1 and (INPUT, board.columns[0].label) not in against.verdicts
            if against.reference == board.best and alone:
                text.append(f"{board.names[0]} is the only run of its table: there is nothing to compare it with.")
                continue
            table = significance.table(against, board)
            if against.reference == board.best and len(board.names) > 1:
                table.notes.insert(0, significance.BY_CHOICE)
            tables.append(table)
            text.append(significance.summary(against, board))
    return Section("significance", "Is the difference real?", tables, text=[sentence for sentence in text if sentence])


def _searched(runs: Runs) -> list[Section]:
    tables, charts, text = searched.parts(runs)
    return [Section("search", "The search", tables, list(charts), text)] if tables else []


def _levels(shown: Sequence[Board]) -> Section:
    by_board = [levels.charts(board) for board in shown]
    charts: list[Chart] = [chart for drawn, _ in by_board for chart in drawn]
    advice = next((advice for _, advice in by_board if advice), [])
    return Section("levels", "Over the noise level", charts=charts, text=[] if charts else advice)


def _transfer(shown: Sequence[Board], *, crossed: bool) -> Section:
    charts: list[Chart] = [chart for board in shown for chart in transfer_map.charts(board)]
    tables = [table for board in shown if (table := transfer_map.table(board)) is not None]
    text = [sentence for board in shown for sentence in (*transfer_map.fails(board), *transfer_map.skipped(board))]
    if not charts:
        text = ["Each run was measured under one evaluation only.", *text]
    if not crossed:
        text.append("With cross=true a sweep measures every network under every degradation of the sweep.")
    return Section("transfer", "Training noise by test noise", tables, charts, text)


def _importance(first: Board, runs: Runs, found_runs: FoundRuns) -> Section:
    pruned = [left.path for left in found_runs.left if left.state == "pruned"]
    importance = key_importance.shown(runs, first.metric, pruned)
    return Section(
        "importance", "Which hyperparameters mattered", importance.tables, list(importance.charts), importance.text
    )
