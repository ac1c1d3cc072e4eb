"""The folder `cross` in a run's folder: what crossing measured, written so that a kill leaves no partial result."""

import csv
import io
import json
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from restorelab.compare.crossable import Entry, content
from restorelab.config import build
from restorelab.data.set_names import degradation_of
from restorelab.runs import inputs
from restorelab.runs.record import CROSS, Record
from restorelab.runs.run_folder import RunFolder, write_json, write_text
from restorelab.training import write_results
from restorelab.training.evaluation import Measured


def kept_of(record: Record, requested: Mapping[str, Entry]) -> dict[str, dict[str, Any]]:
    """The entries of the crossed result.json that hold: all but those whose degradation or protocol is another now.

    None holds where the run's weights are others now, as after going on with it.
    """
    if record.crossed is None or record.crossed.result.get("weights") != _weights(record):
        return {}
    crossed = record.crossed
    protocol = json.loads(json.dumps(build.make("protocol", record.config["protocol"]).spec()))
    stored = crossed.config["evaluation"]
    return {
        entry["degradation"]: entry
        for entry in crossed.result["evaluations"]
        if entry["protocol"] == protocol
        and content(stored[degradation_of(entry["degradation"])])
        == content(requested.get(degradation_of(entry["degradation"]), stored[degradation_of(entry["degradation"])]))
    }


def _weights(record: Record) -> str | None:
    """Return a hash of the weights that crossing measures; None for a run that only evaluates, or learns nothing."""
    return inputs.Inputs().weights(str(record.path)) if record.folder.best.is_file() else None


def write(
    record: Record,
    stored: Mapping[str, dict[str, Any]],
    new: Mapping[str, Entry],
    measured: Sequence[Measured],
    entries: Sequence[dict[str, Any]],
    skipped: Mapping[str, str],
) -> None:
    """Add what was measured to what is kept.

    What result.json lists is whole at every moment: what no longer holds leaves it first, what is new comes last.
    """
    folder = RunFolder(record.path / CROSS)
    folder.path.mkdir(exist_ok=True)
    crossed = record.crossed
    skipped_before: dict[str, str] = {} if crossed is None else crossed.result["skipped"]
    facts = {
        **record.result,
        "weights": _weights(record),
        "skipped": {k: v for k, v in {**skipped_before, **skipped}.items() if k not in new},
    }
    if crossed is not None and len(stored) < len(crossed.evaluations):
        write_json(folder.result, facts | _listing(list(stored.values())))
    before: dict[str, Entry] = {} if crossed is None else crossed.config["evaluation"]
    config = {**record.config, "evaluation": {**{name: before[name] for name in map(degradation_of, stored)}, **new}}
    write_text(folder.config, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
    write_text(folder.per_image, _merged(folder.per_image, list(stored), measured))
    write_json(folder.result, facts | _listing([*stored.values(), *entries]))


def _listing(entries: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    return {"evaluations": entries, "metrics": entries[0]["metrics"] if entries else {}}


def _merged(file: Path, kept: Sequence[str], measured: Sequence[Measured]) -> str:
    """Return per_image.csv with the rows that are kept and the new ones."""
    rows = [row for row in _rows(file) if row["evaluation"] in kept] if kept else []
    if measured:
        with tempfile.TemporaryDirectory() as scratch:
            write_results.write_per_image(Path(scratch) / "new.csv", measured)
            rows += _rows(Path(scratch) / "new.csv")
    columns = list(dict.fromkeys(column for row in rows for column in row)) or ["id", "group", "evaluation"]
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerows([columns, *([row.get(column, "") for column in columns] for row in rows)])
    return text.getvalue()


def _rows(file: Path) -> list[dict[str, str]]:
    with file.open(newline="") as stream:
        return list(csv.DictReader(stream))
