"""The memory that is available is that of the machine, within the limits of the process's control groups."""

from pathlib import Path

import pytest

from restorelab.data import memory


def _group(folder: Path, limit: str, usage: int, cached: int, *, version: int) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    names = ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
    for name, value in zip(names, (limit, usage), strict=True):
        (folder / name).write_text(f"{value}\n")
    key = "inactive_file" if version == 2 else "total_inactive_file"
    (folder / "memory.stat").write_text(f"anon 7\n{f'inactive_file 1{chr(10)}' * (version == 1)}{key} {cached}\n")


@pytest.mark.parametrize(
    ("listed", "own", "above", "expected"),
    [
        ("0::/slurm/job_1", "5000", "max", 5000 - 2000 + 300),  # version 2: a job's limit
        ("0::/slurm/job_1", "max", "4000", 4000 - 2000 + 300),  # the limit of a group above
        ("0::/slurm/job_1", "5000", "2500", 2500 - 2000 + 300),  # the tightest of them
        ("3:cpu:/x\n4:memory:/slurm/job_1\n0::/", "5000", "9223372036854771712", 5000 - 2000 + 300),  # version 1
        ("0::/path/of/the/host", "1", "max", None),  # a container whose root has no limit
        ("0::/slurm/job_1", "1000", "max", 0),  # more is used than allowed
    ],
)
def test_the_tightest_limit_of_the_control_groups_counts(
    listed: str, own: str, above: str, expected: int | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    version = 1 if "memory:" in listed else 2
    root = tmp_path / "cgroup" / ("memory" if version == 1 else "")
    _group(root / "slurm" / "job_1", own, 2000, 300, version=version)
    _group(root / "slurm", above, 2000, 300, version=version)
    (tmp_path / "own").write_text(listed + "\n")
    monkeypatch.setattr(memory, "_CONTROL", tmp_path / "cgroup")
    monkeypatch.setattr(memory, "_OWN", tmp_path / "own")
    monkeypatch.setattr(memory, "_machine", lambda: 10**6)
    assert memory.available() == (10**6 if expected is None else expected)
