"""What a reader of the comparison should know about its runs: how many, on what, by which versions."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields

from restorelab.metrics.protocol import Protocol
from restorelab.runs.comparable import Board
from restorelab.runs.deviations import length
from restorelab.runs.naming import counted, listed
from restorelab.runs.record import Record, Runs
from restorelab.runs.samples import learned


def protocol(board: Board) -> str:
    """How the board's images were measured, in a sentence."""
    name = board.where[board.columns[0].label][0]
    spec = board.entry(name, board.columns[0]).get("protocol") or {}
    channels = int((board.runs[name][0].result.get("macs_of") or [3])[0])
    known = {field.name for field in fields(Protocol)}
    return Protocol(**{key: value for key, value in spec.items() if key in known}).describe(channels)


def facts(runs: Runs, boards: Sequence[Board]) -> list[str]:
    """Sentences about all runs."""
    records = [record for name in runs for record in runs[name]]
    seeds = Counter(len(runs[name]) for name in runs if learned(runs[name]))
    said = ", ".join(f"{count} with {number} seed{'s' * (number > 1)}" for number, count in sorted(seeds.items()))
    held = f"{counted(len(records), 'finished run')} of {counted(len(runs), 'configuration')}"
    found = [f"{held}{f' ({said})' if said else ''}."]
    classical = [name for name in runs if not learned(runs[name])]
    if classical:
        found.append(f"Without learning: {listed(classical)}.")
    external = [name for name in runs if runs[name][0].config.get("external")]
    if external:
        found.append(f"From elsewhere: {listed(external)}.")
    for board in boards:
        images = {int(board.entry(board.where[c.label][0], c).get("images") or 0) for c in board.columns}
        counts = " or ".join(f"{count:,}" for count in sorted(images))
        evaluations = ", ".join(column.label for column in board.columns)
        found.append(f"{counted(len(board.names), 'configuration')} under {evaluations}: {counts} test images.")
    data = Counter((record.config.get("choices") or {}).get("data") for record in records) - Counter([None])
    if data:
        found.append(f"Data: {', '.join(map(str, data))}.")
    trained = [record for record in records if record.trained and _says_length(record)]
    if trained:
        found.append(f"Training: {length(trained)}.")
    return [*found, *_differing(records)]


def _says_length(record: Record) -> bool:
    return isinstance(record.config.get("data"), Mapping) and "batch_size" in record.config["data"]


def _differing(records: Sequence[Record]) -> list[str]:
    """Versions, commits and machines: in one sentence where all agree, else by how many runs have which."""
    by: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for package, version in (record.result.get("versions") or {}).items():
            by[package][str(version)] += 1
        by["commit"][str(record.result.get("git") or "unknown")] += 1
        if record.result.get("host"):
            by["machine"][f"{record.result['host']} ({record.result.get('device') or 'device unknown'})"] += 1
    same = [f"{package} {next(iter(found))}" for package, found in by.items() if len(found) == 1]
    differ = {package: found for package, found in by.items() if len(found) > 1}
    sentences = [f"The same for all runs: {', '.join(same)}."] if same else []
    for package, found in differ.items():
        counts = ", ".join(f"{version} ({count})" for version, count in found.most_common(6))
        sentences.append(f"Not the same for all runs: {package} {counts}.")
    return sentences
