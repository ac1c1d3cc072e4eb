"""Facts about the runs of a comparison, as sentences: how many, on which data, by which versions."""

from collections import Counter, defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import fields

from restorelab.errors import listed
from restorelab.metrics.protocol import Protocol
from restorelab.runs.board import Board
from restorelab.runs.deviations import length
from restorelab.runs.naming import counted
from restorelab.runs.record import Record, Runs
from restorelab.runs.samples import learned


def protocol(board: Board) -> str:
    """Describe how the board's images were measured, and which networks restore differently at test time."""
    name = board.where[board.columns[0].label][0]
    spec = board.entry(name, board.columns[0]).get("protocol") or {}
    channels = int((board.runs[name][0].result.get("macs_of") or [3])[0])
    known = {field.name for field in fields(Protocol)}
    said = Protocol(**{key: value for key, value in spec.items() if key in known}).describe(channels)
    noted = {run: {str(record.result.get("network_note") or "") for record in board.runs[run]} for run in board.names}
    return " ".join([said, *(f"{run}: {note}." for run, notes in noted.items() for note in sorted(notes) if note)])


def facts(runs: Runs, boards: Sequence[Board]) -> list[str]:
    """Return sentences about all runs."""
    records = [record for name in runs for record in runs[name]]
    seeds = Counter(len(runs[name]) for name in runs if learned(runs[name]))
    with_seeds = ", ".join(f"{count} with {number} seed{'s' * (number > 1)}" for number, count in sorted(seeds.items()))
    total = f"{counted(len(records), 'finished run')} of {counted(len(runs), 'configuration')}"
    sentences = [f"{total}{f' ({with_seeds})' if with_seeds else ''}."]
    classical = [name for name in runs if not learned(runs[name])]
    if classical:
        sentences.append(f"Classical baselines: {listed(classical)}.")
    external = [name for name in runs if runs[name][0].config.get("external")]
    if external:
        sentences.append(f"External methods: {listed(external)}.")
    for board in boards:
        images = {int(board.entry(board.where[c.label][0], c).get("images") or 0) for c in board.columns}
        counts = " or ".join(f"{count:,}" for count in sorted(images))
        evaluations = ", ".join(column.label for column in board.columns)
        sentences.append(f"{counted(len(board.names), 'configuration')} under {evaluations}: {counts} test images.")
    data = Counter((record.config.get("choices") or {}).get("data") for record in records) - Counter([None])
    if data:
        sentences.append(f"Data: {', '.join(map(str, data))}.")
    trained = [record for record in records if record.trained and _has_batch_size(record)]
    if trained:
        sentences.append(f"Training: {length(trained)}.")
    return [*sentences, *_differing(records)]


def _has_batch_size(record: Record) -> bool:
    return isinstance(record.config.get("data"), Mapping) and "batch_size" in record.config["data"]


def _differing(records: Sequence[Record]) -> list[str]:
    """Describe versions, commits and machines: those common to all runs in one sentence, others with their counts."""
    versions: dict[str, Counter[str]] = defaultdict(Counter)
    for record in records:
        for package, version in (record.result.get("versions") or {}).items():
            versions[package][str(version)] += 1
        versions["commit"][str(record.result.get("git") or "unknown")] += 1
        if record.result.get("host"):
            versions["machine"][f"{record.result['host']} ({record.result.get('device') or 'device unknown'})"] += 1
    common = [f"{package} {next(iter(counter))}" for package, counter in versions.items() if len(counter) == 1]
    differ = {package: counter for package, counter in versions.items() if len(counter) > 1}
    sentences = [f"The same for all runs: {', '.join(common)}."] if common else []
    for package, counter in differ.items():
        counts = ", ".join(f"{version} ({count})" for version, count in counter.most_common(6))
        sentences.append(f"Not the same for all runs: {package} {counts}.")
    return sentences
