"""The comparison of a finished sweep on Weights & Biases: one small run beside the sweep's own."""

import hashlib
import logging
import math
import os
import re
import shutil
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from restorelab.report.table import Table
from restorelab.training.loggers import wandb_account

log = logging.getLogger(__name__)

JOB = "comparison"
"""The job type of the run, by which the dashboard tells it from the runs that it compares."""

TARGET = f"{__package__}.wandb.WandB"
"""W&B's logger in a config."""

LARGEST_PAGE = 20_000_000
"""Bytes of a page that are still shown on the dashboard."""

Value = str | float | None


def log_leaderboard(
    tables: Sequence[Table], sweep_dir: Path, loggers: Mapping[str, Any], page: Path | None = None
) -> str | None:
    """Show the tables of a sweep's comparison, and its page, on W&B; gives where to look.

    One run in the group of the sweep's runs, kept below `sweep_dir`, with the same id each time: a sweep that is
    resumed has one comparison, not several. It never fails the sweep: what W&B refuses becomes a warning.

    loggers: the config node `logger` of the sweep's runs; without W&B's among them nothing is done (None). page: the
    HTML page of the comparison, self-contained.
    """
    name = wandb_logger(loggers)
    if name is None or not tables:
        return None
    try:
        if wandb_account.off():
            return None
        return _log(tables, sweep_dir.resolve(), loggers[name], page)
    except Exception as error:  # no error of W&B may end a sweep
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        log.warning("W&B: the leaderboard was not logged (%s); it is in %s", reason, sweep_dir)
        return None


def wandb_logger(loggers: Mapping[str, Any]) -> str | None:
    """The name of the first W&B logger among those of a config, None without one."""
    return next((name for name, node in loggers.items() if node.get("_target_") == TARGET), None)


def _log(tables: Sequence[Table], sweep_dir: Path, logger: Mapping[str, Any], page: Path | None) -> str:
    import wandb

    group = logger.get("group") or sweep_dir.name
    project, entity = wandb_account.place(logger.get("project"), logger.get("entity"))
    digest = hashlib.sha256(f"{entity}/{project}/{group}".encode()).hexdigest()
    run_id = f"{JOB}-{digest[:8]}"
    mode, _ = wandb_account.choose_mode(logger.get("mode", "auto"))
    folder = Path(wandb_account.folder(sweep_dir))
    for earlier in (folder / "wandb").glob(f"offline-run-*-{run_id}"):
        shutil.rmtree(earlier)  # the same tables from before the sweep was continued
    with _kept_below(folder / "wandb"), _own_service():
        run = wandb.init(
            project=project,
            entity=entity,
            group=group[:128],
            job_type=JOB,
            name=f"{group[:115]} comparison",
            id=run_id,
            resume="allow",
            dir=str(folder),
            mode=mode,
            reinit="finish_previous",
            settings=wandb.Settings(
                silent=True, console="off", x_disable_stats=True, init_timeout=30.0, x_graphql_retry_max=4,
                x_file_stream_retry_max=4, x_file_transfer_retry_max=4,
            ),
        )  # fmt: skip
        try:
            shown: dict[str, Any] = {}
            for table in tables:
                columns, rows = typed(table)
                shown[_key(table.title, shown)] = wandb.Table(columns=list(columns), data=rows)
            if page is not None and page.is_file() and page.stat().st_size <= LARGEST_PAGE:
                shown["page"] = wandb.Html(page.read_text(), inject=False)
            run.log(shown)
            where = str(Path(run.dir).parent) if run.offline else str(run.url)
        except BaseException:
            run.finish(exit_code=1)
            raise
        run.finish()
    return where


@contextmanager
def _kept_below(folder: Path) -> Iterator[None]:
    """Let W&B stage the files of tables in `folder`, not in the home directory: what is offline moves in one piece."""
    if "WANDB_DATA_DIR" in os.environ:
        yield
        return
    os.environ["WANDB_DATA_DIR"] = str(folder)
    try:
        yield
    finally:
        del os.environ["WANDB_DATA_DIR"]


@contextmanager
def _own_service() -> Iterator[None]:
    """End W&B's service afterwards, where none was there before: processes started later would write through it."""
    import wandb

    before = "WANDB_SERVICE" in os.environ
    try:
        yield
    finally:
        if not before:
            wandb.teardown()


def typed(table: Table) -> tuple[list[str], list[list[Value]]]:
    """Columns and rows of a table with numbers in full; `<head> std` and `<head> verdict` where there are any.

    A column with a number in it holds numbers only, None where there is none; any other holds text.
    """
    columns: list[str] = []
    parts: list[list[Value]] = []
    for i, head in enumerate(table.head):
        cells = [row[i] for row in table.rows]
        name = _new(head.replace("\n", " "), columns)
        columns.append(name)
        if not any(cell.value is not None for cell in cells):
            parts.append([f"{cell.text} ({cell.aside})" if cell.aside else cell.text for cell in cells])
            continue
        parts.append([_number(cell.value) for cell in cells])
        if any(cell.deviation is not None for cell in cells):
            columns.append(_new(f"{name} std", columns))
            parts.append([_number(cell.deviation) for cell in cells])
        if any(cell.verdict for cell in cells):
            columns.append(_new(f"{name} verdict", columns))
            parts.append([cell.verdict for cell in cells])
    return columns, [list(row) for row in zip(*parts, strict=True)]


def _number(value: float | None) -> float | None:
    return float(value) if value is not None and math.isfinite(value) else None


def _key(title: str, taken: Mapping[str, Any]) -> str:
    """The name of a table on the dashboard; the first is the leaderboard."""
    if not taken:
        return "leaderboard"
    return _new(re.sub(r"[^\w.-]+", "_", title).strip("_") or "table", taken)


def _new(name: str, taken: Sequence[str] | Mapping[str, Any]) -> str:
    number = 1
    while (new_name := name if number == 1 else f"{name} {number}") in taken:
        number += 1
    return new_name
