"""Describe how the runs of a study deviate from the report's setting, as sentences for the top of its page."""

from collections.abc import Mapping, Sequence
from typing import Any

from restorelab.runs.record import Record, Runs
from restorelab.runs.samples import learned


def stand_in(study: Mapping[str, Any], runs: Runs) -> list[str]:
    """Reasons why the page reproduces nothing: other data, a part of the data, short or smoke runs; none where it may.

    study: `data` is the dataset of the report, and `report.images` how many of its images it used, where not all.
    """
    records = [record for name in runs for record in runs[name]]
    reasons, report = [], study.get("report") or {}
    for data in dict.fromkeys(_data(record) for record in records):
        on_data = [record for record in records if _data(record) == data]
        if study.get("data") and data != study["data"]:
            reasons.append(f"Data: the report used {study['data']}, these runs {data}; {_sizes(on_data)}.")
        elif limits := {record.config["data"].get("limit") for record in on_data} - {None, report.get("images")}:
            kept = ", ".join(f"{limit:,}" for limit in sorted(limits))
            reasons.append(f"Data: only {kept} images of {data} were read; {_sizes(on_data)}.")
    short = [record for record in records if record.config.get("length") == "short" and record.trained]
    if short:
        reasons.append(f"Length: {_names(short)} in the short variant, {length(short)}.")
    smoke = [record for record in records if record.config.get("debug")]
    if smoke:
        reasons.append(f"Smoke test: {_names(smoke)} ran with debug=true, on two batches.")
    if reasons and not short and any(record.trained for record in records):
        reasons.append(f"Length: {length([record for record in records if record.trained])}.")
    return reasons


def length(records: Sequence[Record]) -> str:
    """Describe how long runs trained: optimizer steps, images per step, and epochs where the config limits them."""
    trained = [record for record in records if record.trained]
    if not trained:
        return "nothing to train" if records and not learned(records) else "not trained"
    steps = _range([int(max(record.history["step"])) for record in trained])
    batch = _range([record.config["data"]["batch_size"] * record.config.get("accumulate", 1) for record in trained])
    return f"{steps} steps of {batch} images"


def _data(record: Record) -> str:
    return str(record.config["choices"].get("data", "other data"))


def _names(records: Sequence[Record]) -> str:
    return ", ".join(dict.fromkeys(record.name for record in records))


def _sizes(records: Sequence[Record]) -> str:
    """Describe how many test images there are, and their size where the config states it."""
    images = [entry["images"] for record in records for entry in record.result["evaluations"]]
    if not images:
        return "no test images"
    given = [size for record in records if (size := record.config["data"].get("size"))]
    sizes = dict.fromkeys("x".join(map(str, [size, size] if isinstance(size, int) else size)) for size in given)
    return f"{_range(images)} test images" + (f" of {', '.join(sizes)} pixels" if sizes else "")


def _range(numbers: Sequence[int]) -> str:
    low, high = min(numbers), max(numbers)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
