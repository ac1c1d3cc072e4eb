"""Whether W&B is online, and the three ways in which it cannot be."""

import socket
from pathlib import Path

import pytest

from restorelab.errors import UserError
from restorelab.training.loggers import wandb_account
from training.loggers.server import KEY, serving

ONLINE = {"WANDB_API_KEY": KEY}


@pytest.fixture(autouse=True)
def nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home without a login, and a folder without W&B's settings."""
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("WANDB_MODE", "WANDB_API_KEY", "NETRC", "WANDB_BASE_URL", "http_proxy", "HTTP_PROXY", "WANDB_DIR",
                 "WANDB_PROJECT", "WANDB_ENTITY", "WANDB_DISABLED", "WANDB_CONFIG_DIR"):  # fmt: skip
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize(
    ("mode", "environment", "expected"),
    [
        ("auto", {}, "offline"),
        ("auto", ONLINE, "online"),
        ("offline", ONLINE, "offline"),
        ("online", {}, "online"),
        ("online", {"WANDB_MODE": "offline"}, "offline"),
        ("auto", {**ONLINE, "WANDB_MODE": "dryrun"}, "offline"),
        ("auto", {**ONLINE, "WANDB_MODE": "run"}, "online"),
        ("auto", {**ONLINE, "WANDB_MODE": "shared"}, "shared"),
        ("offline", {**ONLINE, "WANDB_MODE": "online"}, "offline"),
        ("online", {**ONLINE, "WANDB_MODE": "disabled"}, "disabled"),
        ("online", {**ONLINE, "WANDB_DISABLED": "true"}, "disabled"),
        ("auto", {**ONLINE, "WANDB_DISABLED": "false"}, "online"),
    ],
)
def test_mode(mode: str, environment: dict[str, str], expected: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    assert wandb_account.choose_mode(mode)[0] == expected


@pytest.mark.parametrize("asked", ["auto", "online"])
@pytest.mark.parametrize("place", ["wandb/settings", ".config/wandb/settings"])
@pytest.mark.parametrize("command", ["offline", "disabled"])
def test_wandbs_own_commands_are_heeded_with_a_key(
    command: str, place: str, asked: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`wandb offline` and `wandb disabled` write these files."""
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    (tmp_path / place).parent.mkdir(parents=True)
    (tmp_path / place).write_text(f"[default]\nmode = {command}\n")
    mode, reason = wandb_account.choose_mode(asked)  # type: ignore[arg-type]
    assert mode == command
    assert f"wandb {command}" in reason


def test_disabled_sends_nothing_by_a_command_either(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_MODE", "disabled")
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        with pytest.raises(UserError, match=r"disabled \(WANDB_MODE=disabled\): nothing is sent"):
            wandb_account.require()
        assert not server.asked


def test_project_and_entity_are_wandbs_where_the_config_names_none(monkeypatch: pytest.MonkeyPatch) -> None:
    assert wandb_account.place(None, None) == ("restorelab", None)
    monkeypatch.setenv("WANDB_PROJECT", "mine")
    monkeypatch.setenv("WANDB_ENTITY", "us")
    assert wandb_account.place(None, None) == ("mine", "us")
    assert wandb_account.place("asked", None) == ("asked", "us")


def test_a_login_under_wandb_offline_can_still_sync(tmp_path: Path) -> None:
    """The environment of the command that uploads overrides the file."""
    (tmp_path / "wandb").mkdir()
    (tmp_path / "wandb" / "settings").write_text("[default]\nmode = offline\n")
    assert wandb_account.online()["WANDB_MODE"] == "online"


@pytest.mark.parametrize("host", ["api.wandb.ai", "wandb.example.org"])
def test_login_in_netrc_is_seen(host: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    (tmp_path / ".netrc").write_text(f"machine {host} login user password {KEY}\n")
    (tmp_path / ".netrc").chmod(0o600)
    mode, reason = wandb_account.choose_mode("auto")
    assert mode == "online"
    assert host in reason


def test_without_a_key(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_BASE_URL", "https://wandb.example.org")
    with pytest.raises(UserError, match=r"no API key for https://wandb\.example\.org.*wandb login.*WANDB_API_KEY"):
        wandb_account.require()


def test_without_a_network(monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket() as closed:
        closed.bind(("127.0.0.1", 0))  # and nobody listens
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{closed.getsockname()[1]}")
        monkeypatch.setenv("WANDB_API_KEY", KEY)
        with pytest.raises(UserError, match=r"no network.*cannot be reached.*Nothing was sent"):
            wandb_account.require()


@pytest.mark.slow
def test_key_that_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    with serving("refuse") as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        with pytest.raises(UserError, match=r"refuses the key.*user is not logged in\..*wandb login --relogin"):
            wandb_account.require()


def test_key_that_is_known_even_where_the_environment_says_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setenv("WANDB_MODE", "offline")
    with serving() as server:
        monkeypatch.setenv("WANDB_BASE_URL", server.url)
        wandb_account.require()
        assert "Viewer" in server.asked


@pytest.mark.slow
def test_server_that_never_answers(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WANDB_API_KEY", KEY)
    monkeypatch.setattr(wandb_account, "ANSWER", 3.0)
    with socket.socket() as silent:
        silent.bind(("127.0.0.1", 0))
        silent.listen()
        monkeypatch.setenv("WANDB_BASE_URL", f"http://127.0.0.1:{silent.getsockname()[1]}")
        with pytest.raises(UserError, match="does not answer"):
            wandb_account.require()
