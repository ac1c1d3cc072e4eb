"""A search's journal after a kill at any moment: it opens, at once, and the search ends as it would have."""

import dataclasses
import json
import os
import random
import signal
import time

import pytest

from clock import Clock
from restorelab.errors import DataError, UserError
from restorelab.sweep.keys import defaults
from restorelab.sweep.search import Search, journal
from restorelab.sweep.search.journal import JournalLock, open_journal

SPACE = ["model=ae", "lr=interval(1e-4,1e-2)", "n=interval(1,3)", "c=x,y"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Waiting for the disk after each line is for power cuts, and most of the time that these tests take."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def opened(folder, search="tpe"):
    asked = dataclasses.replace(defaults(), search=search, trials=18, pruner="median")
    return Search(folder, asked, SPACE)


def quality(trial):
    return 30 - trial.number % 7 - (5 if trial.swept["c"] == "y" else 0) + trial.swept["n"]


def gone_on(folder):
    """A sweep with one worker: open trials first, each from its first step; every fifth trial fails."""
    search = opened(folder)
    while trial := next(iter(search.open_trials()), None) or search.ask():
        for step in (10, 20, 30):
            if search.report(trial.number, step, quality(trial) + step / 10):
                search.tell(trial.number, "pruned")
                break
        else:
            search.tell(trial.number, "failed" if trial.number % 5 == 4 else "done", quality(trial) + 3)
    return search


def waited_for(work):
    """The seconds that something sleeps, which a loaded machine does not lengthen; without sleeping."""
    with pytest.MonkeyPatch.context() as patch:
        clock = Clock(patch)
        began = clock.now
        work()
        return clock.now - began


def forked(work):
    """Run something in a process of its own, which ends without this one's exit handlers."""
    pid = os.fork()
    if pid == 0:
        try:
            work()
            os._exit(0)
        finally:
            os._exit(1)
    return pid


def killed(pid):
    return os.WIFSIGNALED(os.waitpid(pid, 0)[1])


@pytest.fixture(scope="module")
def through(tmp_path_factory):
    """The search without any kill."""
    search = gone_on(tmp_path_factory.mktemp("through"))
    assert {row.state for row in search.rows()} == {"done", "failed", "pruned"}
    return search


@pytest.mark.slow
def test_a_journal_cut_at_any_byte_opens(tmp_path, through):
    """The oracle is the count of lines that are whole: Optuna begins a trial by a line with the operation 4."""
    content = through.file.read_bytes()
    assert content.count(b'"op_code":4') == 18
    positions = range(0, len(content), max(1, len(content) // 150))
    (tmp_path / "optuna.journal").write_bytes(b"")
    for position in [*positions, *range(len(content) - 40, len(content) + 1)]:
        part = content[:position]
        (tmp_path / "optuna.journal").write_bytes(part)
        whole = part[: part.rfind(b"\n") + 1]
        search = opened(tmp_path)
        assert len(search.rows()) == whole.count(b'"op_code":4'), position
        rewritten = search.file.read_bytes()
        assert rewritten.startswith(whole)
        assert all(json.loads(line) for line in rewritten.splitlines())


def test_a_search_cut_at_any_byte_ends_the_same(tmp_path, through):
    content = through.file.read_bytes()
    draw = random.Random(0)
    for i, position in enumerate(sorted(draw.randrange(len(content)) for _ in range(6))):
        folder = tmp_path / str(i)
        folder.mkdir()
        (folder / "optuna.journal").write_bytes(content[:position])
        assert gone_on(folder).rows() == through.rows(), position


@pytest.mark.slow
def test_killed_again_and_again_it_ends_the_same(tmp_path, through):
    draw, kills = random.Random(1), 0
    while True:
        pid = forked(lambda: gone_on(tmp_path))
        time.sleep(draw.uniform(0.005, 0.05) * (1 + kills / 8))
        os.kill(pid, signal.SIGKILL)
        if not killed(pid):
            break
        kills += 1
        assert waited_for(lambda: opened(tmp_path)) < 1
    assert kills >= 3
    assert opened(tmp_path).rows() == through.rows()
    assert sorted(file.name for file in tmp_path.iterdir()) == [".optuna.journal.lock", "optuna.journal"]


def test_a_line_torn_by_a_kill_is_cut_off_and_said(tmp_path, caplog):
    search = opened(tmp_path)
    trial = search.ask()

    def torn():
        JournalLock(search.file).acquire()
        with search.file.open("ab") as file:
            file.write(b'{"op_code":6,"tri')
        os.kill(os.getpid(), signal.SIGKILL)

    assert killed(forked(torn))
    found = []
    assert waited_for(lambda: found.extend(opened(tmp_path).open_trials())) < 1  # Optuna's own lock waits 30 s
    assert found == [trial]
    assert "removing 17 bytes" in caplog.text


def test_damage_in_the_middle_names_the_line(tmp_path):
    search = opened(tmp_path)
    search.ask()
    lines = search.file.read_bytes().splitlines(keepends=True)
    lines[3] = b"\0" * 20 + b"\n"
    search.file.write_bytes(b"".join(lines))
    with pytest.raises(DataError, match="line 4 cannot be read"):
        opened(tmp_path)
    assert search.file.read_bytes() == b"".join(lines)


def test_a_dead_process_has_lost_the_lock_at_once(tmp_path):
    journal = tmp_path / "journal"
    assert killed(forked(lambda: (JournalLock(journal).acquire(), os.kill(os.getpid(), signal.SIGKILL))))
    lock = JournalLock(journal)
    assert waited_for(lock.acquire) == 0
    lock.release()


def test_a_live_process_keeps_it(tmp_path, monkeypatch):
    """However long it takes; until that is too long."""
    held, waiting, done = JournalLock(tmp_path / "journal"), JournalLock(tmp_path / "journal"), tmp_path / "done"
    held.acquire()
    monkeypatch.setattr(journal, "LONGEST", 0.1)
    with pytest.raises(UserError, match=r"\.journal\.lock: another process has held this lock for 0\.1 s"):
        waiting.acquire()
    held.release()
    monkeypatch.undo()
    began = tmp_path / "began"

    def hold():
        lock = JournalLock(tmp_path / "journal")  # filelock refuses one that was made before the fork
        lock.acquire()
        began.touch()
        time.sleep(0.3)
        done.touch()
        lock.release()

    pid = forked(hold)
    while not began.exists():
        time.sleep(0.001)
    waiting.acquire()
    assert done.exists()
    waiting.release()
    os.waitpid(pid, 0)


def test_it_excludes_others(tmp_path):
    """Three processes add to one number without any other care."""
    number = tmp_path / "number"
    number.write_text("0")

    def add(lock):
        for _ in range(20):
            lock.acquire()
            value = int(number.read_text())
            time.sleep(0.0005)
            number.write_text(str(value + 1))
            lock.release()

    pids = [forked(lambda: add(JournalLock(tmp_path / "journal"))) for _ in range(3)]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 3
    assert number.read_text() == "60"


def test_optuna_reads_it(tmp_path, through):
    """Its own storage, with its own lock: what optuna-dashboard opens."""
    import optuna

    backend = optuna.storages.journal.JournalFileBackend(str(through.file))
    study = optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(backend))
    assert study.best_value == through.best().value
    assert study.metric_names == ["val/psnr"]
    assert [trial.number for trial in study.trials] == list(range(18))
    assert open_journal(through.file).get_n_trials(study._study_id) == 18
