"""A search's journal after a kill at any moment: it opens, at once, and the search ends as it would have."""

import dataclasses
import json
import os
import random
import signal
import socket
import time
from pathlib import Path

import pytest
from optuna.storages.journal import JournalFileOpenLock, JournalFileSymlinkLock

from clock import Clock
from restorelab.errors import DataError, UserError
from restorelab.runs.process_id import Owner
from restorelab.sweep.keys import defaults
from restorelab.sweep.search import Search, journal_lock
from restorelab.sweep.search.journal import open_journal
from restorelab.sweep.search.journal_lock import OwnedLock

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
    time.sleep(1.1)  # a ticket that was killed before a word was written is known by its age
    assert opened(tmp_path).rows() == through.rows()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["optuna.journal"]


def test_a_line_torn_by_a_kill_is_cut_off_and_said(tmp_path, caplog):
    search = opened(tmp_path)
    trial = search.ask()

    def torn():
        search._storage._backend._lock.acquire()
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


@pytest.fixture
def patient(tmp_path):
    return OwnedLock(tmp_path / "journal", patience=0.3)


def seconds_to_acquire(one):
    taken = waited_for(one.acquire)
    assert one.file.exists()
    one.release()
    assert not one.file.exists()
    return taken


def test_a_dead_process_has_lost_the_lock_at_once(patient):
    assert killed(forked(lambda: (OwnedLock(Path(patient.file.parent / "journal")).acquire(), os.kill(os.getpid(), 9))))
    assert patient.file.exists()
    patient.patience = 30.0
    assert seconds_to_acquire(patient) == 0


def other_machine(file):
    owner = dataclasses.asdict(Owner.me())
    file.write_text(json.dumps({**owner, "host": "other", "machine": "other", "token": "1"}))


@pytest.mark.parametrize(
    "leave",
    [
        other_machine,
        lambda file: JournalFileOpenLock(str(file).removesuffix(".lock")).acquire(),
        lambda file: JournalFileSymlinkLock(str(file).removesuffix(".lock")).acquire(),
        lambda file: JournalFileSymlinkLock("journal").acquire(),
    ],
    ids=["another machine's", "Optuna's", "Optuna's link", "Optuna's link to nowhere"],
)
def test_an_unknown_owner_is_waited_for(patient, leave, monkeypatch):
    monkeypatch.chdir(patient.file.parent)
    leave(patient.file)
    assert patient.file.is_symlink() or patient.file.exists()
    assert 0.3 <= seconds_to_acquire(patient) < 0.4


def test_a_live_process_keeps_it(patient, monkeypatch):
    """However long it takes; until that is too long."""
    held, done = OwnedLock(patient.file.with_name("journal")), patient.file.with_name("done")
    pid = forked(lambda: (held.acquire(), time.sleep(3 * patient.patience), done.touch(), held.release()))
    while not patient.file.exists():
        time.sleep(0.001)
    patient.acquire()
    assert done.exists()
    patient.release()
    done.unlink()
    os.waitpid(pid, 0)
    held.acquire()
    monkeypatch.setattr(journal_lock, "LONGEST", 0.1)
    with pytest.raises(UserError, match=socket.gethostname()):
        patient.acquire()
    held.release()
    assert list(patient.file.parent.iterdir()) == []


def test_a_lock_that_changed_hands_is_put_back(patient):
    """Two saw the same dead process's lock; the first has it already when the second goes to remove it."""
    dead = journal_lock._mark(patient.file.parent)
    first = OwnedLock(patient.file.with_name("journal"))
    first.acquire()
    content = patient.file.read_text()
    patient._break(dead)
    assert patient.file.read_text() == content
    assert list(patient.file.parent.iterdir()) == [patient.file]


def test_it_excludes_others_and_optuna_itself(tmp_path):
    """Four processes, two with Optuna's locks, add to one number without any other care."""
    journal, number = tmp_path / "journal", tmp_path / "number"
    journal.touch()
    number.write_text("0")

    def add(one):
        for _ in range(40):
            one.acquire()
            value = int(number.read_text())
            time.sleep(0.0005)
            number.write_text(str(value + 1))
            one.release()

    own, theirs = [OwnedLock(journal), OwnedLock(journal)], [JournalFileOpenLock, JournalFileSymlinkLock]
    locks = [*own, *(kind(str(journal)) for kind in theirs)]
    pids = [forked(lambda one=one: add(one)) for one in locks]
    assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 4
    assert number.read_text() == "160"


@pytest.mark.slow
def test_two_who_find_the_same_dead_lock_do_not_both_get_it(tmp_path):
    """Each round a dead process's lock lies there, and three go for it at once."""
    journal, number = tmp_path / "journal", tmp_path / "number"
    number.write_text("0")
    dead = json.dumps({**dataclasses.asdict(Owner.me()), "pid": 2**22 + 1, "token": "1"})

    def add(one):
        one.acquire()
        value = int(number.read_text())
        time.sleep(0.002)
        number.write_text(str(value + 1))
        one.release()

    for _ in range(15):
        OwnedLock(journal).file.write_text(dead)
        pids = [forked(lambda: add(OwnedLock(journal))) for _ in range(3)]
        assert [os.waitpid(pid, 0)[1] for pid in pids] == [0] * 3
    assert number.read_text() == "45"


def test_optuna_reads_it(tmp_path, through):
    """Its own storage, with its own lock: what optuna-dashboard opens."""
    import optuna

    backend = optuna.storages.journal.JournalFileBackend(str(through.file))
    study = optuna.load_study(study_name=None, storage=optuna.storages.JournalStorage(backend))
    assert study.best_value == through.best().value
    assert study.metric_names == ["val/psnr"]
    assert [trial.number for trial in study.trials] == list(range(18))
    assert open_journal(through.file).get_n_trials(study._study_id) == 18
