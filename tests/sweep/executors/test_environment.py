"""Variables that are set for a while."""

import os

import pytest

from restorelab.sweep.executors.environment import environment


def test_afterwards_they_are_as_they_were(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RESTORELAB_A", "before")
    monkeypatch.delenv("RESTORELAB_B", raising=False)
    with environment({"RESTORELAB_A": "1", "RESTORELAB_B": "2"}):
        assert (os.environ["RESTORELAB_A"], os.environ["RESTORELAB_B"]) == ("1", "2")
    assert os.environ["RESTORELAB_A"] == "before"
    assert "RESTORELAB_B" not in os.environ
