"""Run parts one after another, each in a process of its own with its limit, and write after each what is known.

A part is told the name of a JSON file: the device, where to work, and `rows`, the file to which it adds a JSON object a
line (gpu_parts/record.py). So whatever ends a part, what it had measured is there.
"""

import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

LEAST = 5.0
"""Seconds: a part for which less is left is not begun."""
GRACE = 3.0
"""Seconds between asking a part to end and making it."""


@dataclass(frozen=True)
class Part:
    """One measurement.

    program: a command line, to which the work file is added. limit: seconds; None: all that are left.
    """

    name: str
    title: str
    program: Sequence[str]
    limit: float | None


@dataclass
class Result:
    """What became of a part: its `status`, `seconds`, the rows it left, and the end of what it printed if it failed."""

    part: Part
    status: str = "not begun"
    seconds: float = 0.0
    rows: list[dict[str, Any]] = field(default_factory=list)
    tail: str = ""

    def facts(self) -> dict[str, Any]:
        """Plain data for the JSON file."""
        named = {"name": self.part.name, "title": self.part.title, "limit": self.part.limit}
        return {**named, "status": self.status, "seconds": round(self.seconds, 1), "tail": self.tail, "rows": self.rows}


def measure(
    parts: Sequence[Part], work: Mapping[str, Any], out: Path, facts: dict[str, Any], seconds: float
) -> list[Result]:
    """Run the parts for at most `seconds` in all; gpu.json, gpu.md and log.txt in `out` are whole after each."""
    out.mkdir(parents=True, exist_ok=True)
    for old in ("log.txt", "trained.zip"):  # they grow from part to part
        (out / old).unlink(missing_ok=True)
    ends = time.monotonic() + seconds
    results = [Result(part) for part in parts]
    for result in results:
        left = ends - time.monotonic()
        limit = left if result.part.limit is None else min(result.part.limit, left)
        if limit < LEAST:
            result.status = "not begun: the time was over"
        else:
            result.status = "running"
            write(out, facts, results)
            _run(result, {**work, "seconds": limit}, out, limit)
        write(out, facts, results)
        print(f"{result.part.name}: {result.status}, {result.seconds:.0f} s", flush=True)
    return results


def _run(result: Result, work: dict[str, Any], out: Path, limit: float) -> None:
    """Run one part to its end or its limit, and take up its rows."""
    folder = Path(work["scratch"]) / result.part.name
    folder.mkdir(parents=True, exist_ok=True)
    rows, file, log = folder / "rows.jsonl", folder / "work.json", folder / "log.txt"
    file.write_text(json.dumps({**work, "scratch": str(folder), "rows": str(rows), "ends": time.time() + limit}))
    began = time.monotonic()
    with log.open("w") as stream:
        process = subprocess.Popen(
            [*result.part.program, str(file)], stdout=stream, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            start_new_session=True,
        )  # fmt: skip
        try:
            status = process.wait(limit)
            result.status = "done" if status == 0 else f"failed with status {status}"
        except subprocess.TimeoutExpired:
            result.status = f"stopped at its limit of {limit:.0f} s"
        finally:
            _end(process)
    result.seconds = time.monotonic() - began
    lines = rows.read_text().splitlines() if rows.is_file() else []
    for line in lines:
        with suppress(json.JSONDecodeError):  # the last line of a part that was killed may be torn
            result.rows.append(json.loads(line))
    said = log.read_text(errors="replace")
    result.tail = "" if result.status == "done" else said[-2000:]
    with (out / "log.txt").open("a") as stream:
        stream.write(f"== {result.part.name}: {result.status}\n{said}\n")


def _end(process: subprocess.Popen) -> None:
    """End a part and all that it started in its session."""
    for sign, wait in ((signal.SIGTERM, GRACE), (signal.SIGKILL, None)):
        with suppress(ProcessLookupError):
            os.killpg(process.pid, sign)
        with suppress(subprocess.TimeoutExpired):
            process.wait(wait)


def write(out: Path, facts: dict[str, Any], results: Sequence[Result]) -> None:
    """Write gpu.json and gpu.md, each whole at any moment."""
    document = json.dumps({**facts, "parts": [result.facts() for result in results]}, indent=1)
    for name, text in (("gpu.json", document), ("gpu.md", markdown(facts, results))):
        half = out / f".{name}"
        half.write_text(text)
        half.replace(out / name)


def markdown(facts: Mapping[str, Any], results: Sequence[Result]) -> str:
    """Lay out facts and results: a heading and a table a part."""
    text = [f"# make gpu, {facts.get('when', '')}", ", ".join(f"{k} {v}" for k, v in facts.items() if k != "when")]
    for result in results:
        text.append(f"## {result.part.title}\n\n{result.status}, {result.seconds:.0f} s")
        tables: dict[str, list[dict[str, Any]]] = {}
        for row in result.rows:
            tables.setdefault(row.get("table", ""), []).append({k: v for k, v in row.items() if k != "table"})
        text += [f"**{title}**\n\n{table(rows)}" if title else table(rows) for title, rows in tables.items()]
        if result.tail:
            text.append(f"```\n{result.tail.strip()[-600:]}\n```")
    return "\n\n".join(text) + "\n"


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Rows of any columns as a Markdown table; the first column is `name`."""
    columns = list(dict.fromkeys(key for row in rows for key in row))
    lines = [columns, ["---"] * len(columns)]
    lines += [[_cell(row.get(column, "")) for column in columns] for row in rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.4g}"
    return str(value).replace("|", "\\|").replace("\n", " ")
