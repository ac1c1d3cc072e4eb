"""Whether W&B is online, and the three ways in which it cannot be."""

import socket
from pathlib import Path

import pytest

from restorelab.errors import UserError
from restorelab.tracking import account
from tracking.server import KEY, serving

ONLINE = {"WANDB_API_KEY": KEY}


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without a login."""
    monkeypatch.setenv("HOME", str(tmp_path))
    for name in ("WANDB_MODE", "WANDB_API_KEY", "NETRC", "WANDB_BASE_URL", "http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("mode", "environment", "expected"),
    [
        ("auto", {}, "offline"),
        ("auto", ONLINE, "online"),
        ("offline", ONLINE, "offline"),
        ("online", {}, "online"),
        ("online", {"WANDB_MODE": "offline"}, "offline"),
    ],
)
def test_mode(mode: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert account.choose_mode(mode)[0] == expected


@pytest.mark.parametrize("host", ["api.wandb.ai", "wandb.example.org"])
def test_login_in_netrc_is_seen(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    (tmp_path / ".netrc").write_text(f"machine {host} login user password {KEY}\n")
    (tmp_path / ".netrc").chmod(0o600)
    mode, reason = account.choose_mode("auto")
    assert mode == "online"
    assert host in reason


def test_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    with pytest.raises(UserError, match=r"no API key for https://wandb\.example\.org.*wandb login.*WANDB_API_KEY"):
        account.require()


def test_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        with pytest.raises(UserError, match=r"no network.*cannot be reached.*Nothing was sent"):
            account.require()


def test_key_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with serving("refuse") as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        with pytest.raises(UserError, match=r"refuses the key.*user is not logged in\..*wandb login --relogin"):
            account.require()


def test_key_that_is_known_even_where_the_environment_says_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_MODE", "offline")
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        account.require()
        assert "Viewer" in server.asked


def test_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(account, "ANSWER", 3.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UserError, match="does not answer"):
            account.require()
