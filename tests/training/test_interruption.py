"""What the first signal does, what the second does, and which second one is only the first once more."""

import os
import signal

import pytest

from restorelab.training import interruption
from restorelab.training.interruption import Interrupted, Interruption

LAUNCHED = "TORCHELASTIC_RUN_ID"


@pytest.fixture(autouse=True)
def _alone(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(LAUNCHED, raising=False)


def send(number: int) -> None:
    os.kill(os.getpid(), number)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_it_waits_for_the_end_of_a_batch_only_where_one_is_computed(number: int) -> None:
    with Interruption() as asked:
        asked.defer(on=True)
        send(number)
        assert asked.requested
        assert asked.exit_status == 128 + number
    with Interruption() as asked, pytest.raises(Interrupted):
        send(number)


def test_a_second_ctrl_c_stops_at_once() -> None:
    with Interruption() as asked:
        asked.defer(on=True)
        send(signal.SIGINT)
        with pytest.raises(Interrupted):
            send(signal.SIGINT)


def test_a_cluster_that_says_it_twice_is_heard_once(monkeypatch: pytest.MonkeyPatch) -> None:
    with Interruption() as asked:
        asked.defer(on=True)
        send(signal.SIGTERM)
        send(signal.SIGTERM)
        with pytest.raises(Interrupted):  # a person who has lost patience
            send(signal.SIGINT)
        send(signal.SIGTERM)  # while what is left to write is written
        monkeypatch.setattr(interruption, "ECHO", 0.0)
        with pytest.raises(Interrupted):
            send(signal.SIGTERM)


def test_a_rank_hears_ctrl_c_from_the_terminal_and_from_its_launcher(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(LAUNCHED, "run")
    with Interruption() as asked:
        asked.defer(on=True)
        send(signal.SIGINT)
        send(signal.SIGINT)
        monkeypatch.setattr(interruption, "ECHO", 0.0)
        with pytest.raises(Interrupted):
            send(signal.SIGINT)


def test_the_handlers_of_before_are_put_back() -> None:
    before = signal.getsignal(signal.SIGTERM)
    with Interruption() as asked:
        assert signal.getsignal(signal.SIGTERM) == asked._handle
    assert signal.getsignal(signal.SIGTERM) is before
