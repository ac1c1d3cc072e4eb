"""What becomes of trials: told, failed, pruned, left open, proposed twice; and what may change when it goes on."""

import dataclasses
import logging
import math
import os
import random
import re
import subprocess
import sys

import pytest

from restorelab.errors import ConfigError
from restorelab.sweep.keys import defaults
from restorelab.sweep.search import Search

LR = ["model=ae", "optimizer.lr=interval(1e-4,1e-2)"]


@pytest.fixture(autouse=True)
def quick(monkeypatch):
    """Waiting for the disk after each line is for power cuts, and most of the time that these tests take."""
    monkeypatch.setattr(os, "fsync", lambda descriptor: None)


def settings(**changes):
    return dataclasses.replace(defaults(), **{"search": "random", "trials": 5, **changes})


def test_the_life_of_a_search(tmp_path):
    search = Search(tmp_path, settings(), LR)
    assert search.best() is None
    trials = [search.ask() for _ in range(5)]
    assert search.ask() is None
    assert [trial.number for trial in trials] == [0, 1, 2, 3, 4]
    assert search.open_trials() == trials
    search.tell(0, "done", 30.0)
    search.tell(1, "failed", 99.0)
    search.report(2, 10, 21.0)
    search.report(2, 20, 22.0)
    search.tell(2, "pruned")
    search.tell(3, "pruned", 23.0)
    for again in (search, Search(tmp_path, settings(), LR)):
        assert [(row.state, row.value) for row in again.rows()] == [
            ("done", 30.0), ("failed", None), ("pruned", 22.0), ("pruned", 23.0), ("open", None),
        ]  # fmt: skip
        assert again.open_trials() == [trials[4]]
        assert again.best() == again.rows()[0]
        assert [row.swept for row in again.rows()] == [trial.swept for trial in trials]


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf, None])
def test_without_a_number_a_trial_has_failed(tmp_path, value, caplog):
    search = Search(tmp_path, settings(), LR)
    search.ask()
    assert search.report(0, 1, math.nan if value is None else value) is False
    search.tell(0, "done", value)
    assert (search.rows()[0].state, search.rows()[0].value) == ("failed", None)
    assert "counts as failed" in caplog.text
    assert search.ask().number == 1


def test_what_was_told_stays(tmp_path):
    search = Search(tmp_path, settings(), LR)
    search.ask()
    search.tell(0, "done", 30.0)
    size = search.file.stat().st_size
    search.tell(0, "failed")
    assert search.report(0, 5, 1.0) is False
    assert search.rows()[0].value == 30.0
    assert search.file.stat().st_size == size


def test_equal_values_are_given_out_once(tmp_path):
    """TPE over few choices proposes the same again; what it proposes is told by the trial that was first."""
    overrides = ["model=a,b,c,d", "n=1,2,3,4"]
    asked = settings(search="tpe", trials=40)
    search = Search(tmp_path, asked, overrides)
    given = []
    while trial := search.ask():
        given.append(tuple(trial.swept.values()))
        search.tell(trial.number, ["done", "done", "failed", "pruned"][trial.number % 4], float(trial.number))
    assert len(given) == len(set(given))
    rows = search.rows()
    first = {tuple(row.swept.values()): row for row in reversed(rows)}
    assert len(given) == len(first) < len(rows) <= 40
    for row in rows:
        like = first[tuple(row.swept.values())]
        assert (like.state, like.value) == (row.state, row.value)
    assert search.best() in first.values()


def test_a_twin_of_a_running_trial_waits_for_it(tmp_path):
    search = Search(tmp_path, settings(search="random", trials=60), ["n=1,2,3,4,5,6,7,8"])
    given = []
    while trial := search.ask():
        given.append(trial)
    assert sorted(trial.swept["n"] for trial in given) == list(range(1, 9))
    assert len(search.rows()) > 8
    assert search.open_trials() == given
    assert Search(tmp_path, settings(search="random", trials=60), ["n=1,2,3,4,5,6,7,8"]).open_trials() == given
    for trial in given:
        search.tell(trial.number, "done", float(trial.swept["n"]))
    assert [row.value for row in search.rows()] == [float(row.swept["n"]) for row in search.rows()]
    assert {row.state for row in search.rows()} == {"done"}


def test_a_small_space_ends_when_all_is_given_out(tmp_path, caplog):
    caplog.set_level(logging.INFO)
    search = Search(tmp_path, settings(trials=1000), ["n=range(3)", "model=a,b"])
    given = []
    while trial := search.ask():
        given.append(trial)
    assert len(given) == 6
    assert "all 6 different" in caplog.text


def curve(quality, step):
    """Rises to its quality; two such curves never cross."""
    return quality * (1 - math.exp(-step / 400))


def train(search, trial, quality):
    for step in range(100, 2001, 100):
        if search.report(trial.number, step, curve(quality, step)):
            search.tell(trial.number, "pruned")
            return
    search.tell(trial.number, "done", curve(quality, 2000))


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
@pytest.mark.parametrize("order", range(4))
def test_pruners_prune_what_is_bad_and_never_the_best(tmp_path, pruner, order):
    qualities = [20.0 + 0.5 * i for i in range(24)]
    random.Random(order).shuffle(qualities)
    search = Search(tmp_path, settings(trials=24, pruner=pruner), LR)
    for quality in qualities:
        train(search, search.ask(), quality)
    rows = search.rows()
    done, pruned = ([r.number for r in rows if r.state == state] for state in ("done", "pruned"))
    assert len(done) + len(pruned) == 24
    assert qualities.index(max(qualities)) in done
    assert search.best().number == qualities.index(max(qualities))
    assert len(pruned) >= 5
    mean = [sum(qualities[i] for i in numbers) / len(numbers) for numbers in (done, pruned)]
    assert mean[0] > mean[1] + 1.5
    # A pruned trial's value is its last one, of a step before the end.
    for number in pruned:
        assert rows[number].value in [curve(qualities[number], step) for step in range(100, 2000, 100)]


def test_without_a_pruner_nothing_is_pruned(tmp_path):
    search = Search(tmp_path, settings(trials=12), LR)
    for i in range(12):
        train(search, search.ask(), 30.0 - i)
    assert {row.state for row in search.rows()} == {"done"}


@pytest.mark.parametrize("pruner", ["median", "hyperband"])
def test_a_verdict_outlives_a_restart(tmp_path, pruner):
    """A run that goes on from a checkpoint reports some steps again: nothing is counted twice, and a verdict stays."""
    asked = settings(trials=12, pruner=pruner)
    search = Search(tmp_path, asked, LR)
    for i in range(8):
        train(search, search.ask(), 30.0 + i)
    trial = search.ask()
    verdicts = [search.report(trial.number, step, curve(1.0, step)) for step in range(100, 2001, 100)]
    pruned_at = verdicts.index(True)
    again = Search(tmp_path, asked, LR)
    assert again.report(trial.number, 100, curve(1.0, 100)) is True
    other = again.ask()
    assert [again.report(other.number, 100, curve(99.0, 100)) for _ in range(3)] == [False] * 3
    assert again.report(other.number, 200, curve(99.0, 200)) is False
    assert again.report(other.number, 100, 0.0) is False  # known: stays what it was
    size = again.file.stat().st_size
    assert again.report(other.number, 100, 0.0) is False
    assert again.file.stat().st_size == size
    again.tell(trial.number, "pruned")
    last = 100 * (pruned_at + 1)
    assert again.rows()[trial.number].value == curve(1.0, last)


CHANGED = {
    "search": ({"search": "tpe"}, LR, "search was random, is tpe"),
    "metric": ({"metric": "val/ssim"}, LR, "metric was val/psnr, is val/ssim"),
    "pruner": ({"pruner": "median"}, LR, "pruner was none, is median"),
    "seed": ({"search_seed": 3}, LR, "search_seed was 0, is 3"),
    "interval": ({}, ["model=ae", "optimizer.lr=interval(1e-4,2e-2)"], "optimizer.lr was .*0.01, log.* 0.02, log"),
    "scale": ({}, ["model=ae", "optimizer.lr=tag(linear,interval(1e-4,1e-2))"], "logarithmic, is from"),
    "key": ({}, [*LR, "n=1,2"], "searched n was not given, is 1, 2"),
    "fixed": ({}, ["model=dual_ae", LR[1]], "fixed model was ae, is dual_ae"),
    "length": ({}, [*LR, "length=short"], "fixed length was not given, is short"),
    "dropped": ({}, LR[1:], "fixed model was ae, is not given"),
}  # fmt: skip


@pytest.mark.parametrize("what", CHANGED)
def test_another_search_is_refused(tmp_path, what):
    search = Search(tmp_path, settings(), LR)
    search.ask()
    changes, overrides, words = CHANGED[what]
    with pytest.raises(ConfigError, match=words):
        Search(tmp_path, settings(**changes), overrides)


def test_more_trials_and_what_is_unscientific_may_change(tmp_path):
    search = Search(tmp_path, settings(trials=2), LR)
    assert [search.ask().number, search.ask().number, search.ask()] == [0, 1, None]
    more = Search(
        tmp_path, settings(trials=3, workers=2, report=False), [*LR, "threads=1", "logger=csv", "runs_dir=/x"]
    )
    assert more.ask().number == 2
    assert more.ask() is None
    assert Search(tmp_path, settings(trials=1), LR).ask() is None


def test_a_folder_may_be_moved(tmp_path):
    search = Search(tmp_path / "a", settings(), LR)
    trial = search.ask()
    (tmp_path / "a").rename(tmp_path / "b")
    assert Search(tmp_path / "b", settings(), LR).open_trials() == [trial]


def test_importing_it_does_not_import_optuna():
    code = "import sys, restorelab.sweep.search; print([m for m in ('optuna', 'torch', 'numpy') if m in sys.modules])"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert re.search(r"\['?n?u?m?p?y?'?\]", out), out
    assert "optuna" not in out
