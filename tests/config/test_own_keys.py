"""Arguments of a command: its own keys, the overrides of a run, and every mistake named."""

import re
from pathlib import Path

import pytest

from restorelab.config import own_keys
from restorelab.errors import ConfigError

OWN = ("out", "images")


def test_own_keys_and_overrides_are_parted_in_their_order() -> None:
    argv = ["noise=impulse", "out=a=b", "+model.width=1,2", "~callbacks.panels", "model@x=ae", "images=2", "hydra.x=1"]
    values, overrides = own_keys.split("preview", argv, OWN)
    assert values == {"out": "a=b", "images": "2"}
    assert overrides == [word for word in argv if word not in ("out=a=b", "images=2")]


def test_keys_below_an_own_key_are_own_where_it_says_so() -> None:
    argv = ["executor.nodes=1", "model.width=2", "executor.nodes=3"]
    assert own_keys.part("x", argv, ["executor."], of_run=True) == ([argv[0], argv[2]], [argv[1]])


@pytest.mark.parametrize(
    ("argument", "of_run", "message"),
    [
        ("imges=2", True, "preview imges=2: unknown key 'imges'. Did you mean 'images'?"),
        ("modle=ae", True, "preview modle=ae: unknown key 'modle'. Did you mean 'model'?"),
        ("model=ae", False, "preview model=ae: unknown key 'model'."),
        ("choices.model=ae", True, "preview choices.model=ae: unknown key 'choices'."),
        ("out", True, "preview out: expected out=..."),
        ("+out=1", False, "preview +out=1: expected out=..."),
        ("out.x=1", True, "preview out.x=1: expected out=..."),
        ("out=", True, "preview out=: expected a value."),
        ("--force", True, "preview --force: expected key=value."),
        ("photo.jpg", False, "preview photo.jpg: expected key=value."),
    ],
)
def test_a_mistake_is_named(argument: str, of_run: bool, message: str) -> None:
    with pytest.raises(ConfigError, match=f"^{re.escape(message)}"):
        own_keys.split("preview", [argument], OWN, of_run=of_run)


def test_a_key_is_given_once() -> None:
    with pytest.raises(ConfigError, match="out=2: it is given twice"):
        own_keys.split("x", ["out=1", "out=2"], OWN)


def test_a_config_group_of_the_users_own_is_an_override(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "conf" / "camera").mkdir(parents=True)
    assert own_keys.split("x", ["camera=mine"], OWN)[1] == ["camera=mine"]
    with pytest.raises(ConfigError, match="'lens'"):
        own_keys.split("x", ["lens=mine"], OWN)


def test_values_are_read() -> None:
    assert own_keys.listed("[a, b.c,]") == ["a", "b.c"]
    assert [own_keys.truth("k", word) for word in ("true", "false")] == [True, False]
    assert own_keys.whole("k", "12") == 12
    for read, value in ((own_keys.truth, "yes"), (own_keys.whole, "-1"), (own_keys.whole, "1.5")):
        with pytest.raises(ConfigError, match=f"^k={re.escape(value)}: "):
            read("k", value)
