"""The machines that runs were executed on, and whether their times may be compared with those of a report."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from restorelab.errors import ConfigError, nearest

if TYPE_CHECKING:
    from restorelab.runs.record import Record

KINDS = ("gpu", "cpu")


@dataclass(frozen=True)
class Machine:
    """The machine that a report's times were measured on: its kind, `gpu` or `cpu`, and its name."""

    kind: str
    name: str


def of_report(report: Mapping[str, Any]) -> Machine | None:
    """The machine that a study's `report.hardware` names; None where it names none.

    Raises:
        ConfigError: for anything but `{kind: gpu, name: ...}`.
    """
    described = report.get("hardware")
    if described is None:
        return None
    if not isinstance(described, Mapping) or set(described) != {"kind", "name"}:
        msg = f"report.hardware={described!r}: expected {{kind: gpu or cpu, name: its name}}."
        raise ConfigError(msg)
    if described["kind"] not in KINDS:
        msg = f"report.hardware.kind={described['kind']!r}. {nearest(str(described['kind']), KINDS)}"
        raise ConfigError(msg)
    return Machine(described["kind"], str(described["name"]))


def differs(records: Sequence["Record"], machine: Machine | None) -> str:
    """Return why times of these runs are not judged; empty if one machine of the report's kind ran them all."""
    devices = _devices(records)
    if None in devices:
        return "it was not recorded on which hardware these runs were done"
    if len({(record.result.get("host"), record.result["device"]) for record in records}) > 1:
        return "these runs were not all done on one machine"
    if machine is not None and any(("cpu" if " CPU, " in str(device) else "gpu") != machine.kind for device in devices):
        return f"other hardware (the report's: {machine.name})"
    return ""


def named(records: Sequence["Record"]) -> str:
    """Describe the hardware that runs were executed on."""
    return " and ".join(str(device or "unrecorded hardware") for device in _devices(records))


def _devices(records: Sequence["Record"]) -> list[str | None]:
    """Return the hardware that result.json names: a GPU, or `x86_64 CPU, 2 threads`."""
    return list(dict.fromkeys(record.result.get("device") for record in records))
