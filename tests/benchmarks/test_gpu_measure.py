"""`make gpu` leaves all that it measured, whatever its parts do."""

import json
import sys
import time
from pathlib import Path

import pytest

LEAVES = (
    "import json, sys; w = json.load(open(sys.argv[-1]));open(w['rows'], 'a').write(json.dumps({'name': %r}) + chr(10))"
)


def part(gpu_measure, name: str, then: str = "", limit: float | None = 30):
    return gpu_measure.Part(name, f"Part {name}", [sys.executable, "-c", f"{LEAVES % name}\n{then}"], limit)


@pytest.fixture
def gpu_measure(monkeypatch: pytest.MonkeyPatch, root: Path):
    monkeypatch.syspath_prepend(str(root / "benchmarks"))
    import gpu_measure

    monkeypatch.setattr(gpu_measure, "LEAST", 0.5)
    monkeypatch.setattr(gpu_measure, "GRACE", 0.2)
    return gpu_measure


@pytest.mark.slow
def test_a_part_that_hangs_or_dies_is_in_the_table_and_the_next_runs(gpu_measure, tmp_path: Path) -> None:
    out = tmp_path / "out"
    # It will not end when it is asked to, and its child holds the log open.
    ignores = "import signal, subprocess, time; signal.signal(15, signal.SIG_IGN)"
    hangs = f"{ignores}; subprocess.Popen(['sleep', '60']); time.sleep(60)"
    looks = f"import shutil; [shutil.copy({str(out)!r} + name, {str(tmp_path)!r}) for name in ('/gpu.json', '/gpu.md')]"
    parts = [
        part(gpu_measure, "hangs", hangs, limit=1.0),
        part(gpu_measure, "raises", "raise SystemExit('no such kernel')"),
        part(gpu_measure, "is killed", "import os; print('so far', flush=True); os.kill(os.getpid(), 9)"),
        part(gpu_measure, "looks", looks),
    ]
    began = time.monotonic()
    results = gpu_measure.measure(parts, {"scratch": str(tmp_path)}, out, {"when": "now"}, 60)
    assert time.monotonic() - began < 20
    assert [result.status for result in results] == [
        "stopped at its limit of 1 s", "failed with status 1", "failed with status -9", "done",
    ]  # fmt: skip
    assert [row["name"] for result in results for row in result.rows] == [part.name for part in parts]
    text = (out / "gpu.md").read_text()
    assert all(
        said in text for said in ("stopped at its limit of 1 s", "no such kernel", "| is killed |", "Part looks")
    )
    # What stood there while the last part ran: the three before it, whole, and that one is running.
    before = json.loads((tmp_path / "gpu.json").read_text())["parts"]
    assert [entry["status"] for entry in before[:3]] == [result.status for result in results[:3]]
    assert before[3]["status"] == "running"
    assert "| is killed |" in (tmp_path / "gpu.md").read_text()


def test_parts_share_what_time_there_is(gpu_measure, tmp_path: Path) -> None:
    sleeps = "import time; time.sleep(60)"
    parts = [part(gpu_measure, "all that is left", sleeps, limit=None), part(gpu_measure, "too late")]
    results = gpu_measure.measure(parts, {"scratch": str(tmp_path)}, tmp_path / "out", {}, 1.5)
    assert [result.status.split(":")[0].split(" of ")[0] for result in results] == ["stopped at its limit", "not begun"]
    assert results[0].rows == [{"name": "all that is left"}]  # what it had measured


def test_a_torn_row_is_left_out(gpu_measure, tmp_path: Path) -> None:
    torn = "open(w['rows'], 'a').write('{\"name\": \"half')"
    (result,) = gpu_measure.measure([part(gpu_measure, "whole", torn)], {"scratch": str(tmp_path)}, tmp_path, {}, 30)
    assert result.rows == [{"name": "whole"}]


def test_every_part_has_a_limit_but_the_last(gpu_measure) -> None:
    import gpu

    limits = [part.limit for part in gpu.parts()]
    assert all(limits[:-1])
    assert limits[-1] is None
