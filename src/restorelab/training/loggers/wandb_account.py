"""The user's account at Weights & Biases, and whether its server can be reached."""

import netrc
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from restorelab.errors import UserError

if TYPE_CHECKING:
    from wandb import Settings

Mode = Literal["disabled", "offline", "online", "shared"]
"""W&B's modes; `shared` is online, with several writers of one run."""

MODES: dict[str, Mode] = {"dryrun": "offline", "run": "online", "offline": "offline", "online": "online",
                          "shared": "shared", "disabled": "disabled"}  # fmt: skip
"""The values of WANDB_MODE and W&B's settings files, with their meanings."""

PROJECT = "restorelab"
"""The project if none is given."""

CONNECT = 5.0
"""Seconds within which the server must accept a connection."""

ANSWER = 45.0
"""Seconds within which the server must accept or refuse the key: importing wandb, and wandb's own ten seconds."""

LOGIN = "import wandb; wandb.login(verify=True, prompt=False)"


def settings() -> "Settings":
    """W&B's own settings, read anew: the files that `wandb offline` and the like write, then the environment.

    Raises:
        UserError: for a value that W&B does not know.
    """
    from wandb import Settings

    wandb_settings = Settings()
    folder = Path(os.environ.get("WANDB_CONFIG_DIR") or "~/.config/wandb").expanduser()
    wandb_settings.settings_system = str(folder / "settings")
    try:
        wandb_settings.update_from_system_settings()
        wandb_settings.update_from_env_vars(dict(os.environ))
    except ValueError as error:
        reason = " ".join(line.strip() for line in str(error).splitlines()[:3])
        msg = f"W&B: {reason} Mend that WANDB_ variable, or say logger=csv."
        raise UserError(msg) from error
    return wandb_settings


def server() -> str:
    """The server's address: WANDB_BASE_URL, else W&B's own settings."""
    return os.environ.get("WANDB_BASE_URL") or str(settings().base_url)


def key_place() -> str | None:
    """Return where the API key is: the environment, or the login to a server in ~/.netrc; None without one."""
    for name in ("WANDB_API_KEY", "WANDB_IDENTITY_TOKEN_FILE"):
        if os.environ.get(name):
            return f"{name} is set"
    try:
        known = netrc.netrc(os.environ.get("NETRC"))
        for host in (urlsplit(server()).netloc, "api.wandb.ai"):
            if known.authenticators(host):
                return f"logged in to {host}"
    except (OSError, netrc.NetrcParseError):
        pass
    return None


def off() -> str | None:
    """Where W&B is disabled, what says so; then nothing of W&B is started, written or sent."""
    if os.environ.get("WANDB_DISABLED", "").strip().lower() not in ("", "0", "false", "no", "off"):
        return f"WANDB_DISABLED={os.environ['WANDB_DISABLED']}"
    if os.environ.get("WANDB_MODE") == "disabled":  # this is known without importing wandb
        return "WANDB_MODE=disabled"
    return "`wandb disabled`; `wandb enabled` undoes it" if settings().mode == "disabled" else None


def choose_mode(asked: Literal["auto", "online", "offline"]) -> tuple[Mode, str]:
    """How W&B is to run, and why.

    The most reserved of three counts: WANDB_MODE, or else W&B's settings files (`wandb offline`); `asked`; and being
    logged in, without which `auto` is offline.
    """
    if reason := off():
        return "disabled", reason
    forced = os.environ.get("WANDB_MODE")
    told: Mode = MODES[str(settings().mode)]
    if told == "offline":
        return told, f"WANDB_MODE={forced}" if forced else "`wandb offline`; `wandb online` undoes it"
    if asked == "offline":
        return asked, "logger.wandb.mode=offline"
    if forced:
        return told, f"WANDB_MODE={forced}"
    if asked == "online":
        return asked, "logger.wandb.mode=online"
    place = key_place()
    return ("online", place) if place else ("offline", "nobody is logged in; after `wandb login` runs are uploaded")


def place(project: str | None, entity: str | None) -> tuple[str, str | None]:
    """Project and entity of a run: as asked, else as W&B's own settings say (WANDB_PROJECT, WANDB_ENTITY)."""
    wandb_settings = settings()
    return project or wandb_settings.project or PROJECT, entity or wandb_settings.entity


def folder(default: Path) -> str:
    """Where W&B's folder of a run goes: WANDB_DIR, else `default`. Absolute: W&B's service may run elsewhere."""
    return str(Path(os.environ.get("WANDB_DIR") or default).expanduser().resolve())


def require() -> None:
    """Make sure that there is a key, that the server can be reached, and that it knows the key.

    Asked before an upload that a command was given for. W&B itself, without a network, tries again for hours and says
    nothing. Offline (WANDB_MODE, `wandb offline`) means that runs are not uploaded while they are made; uploading them
    later, by a command, is what it is for. Disabled means never.

    Raises:
        UserError: with what is missing and how to mend it.
    """
    if reason := off():
        msg = f"W&B is disabled ({reason}): nothing is sent."
        raise UserError(msg)
    address = server()
    place = key_place()
    if place is None:
        msg = f"W&B: no API key for {address}. Run `wandb login`, or set WANDB_API_KEY."
        raise UserError(msg)
    _knock(address)
    # in a process of its own, because W&B reads its settings once per process
    command = [sys.executable, "-c", LOGIN]
    try:
        answer = subprocess.run(command, capture_output=True, text=True, env=online(), timeout=ANSWER, check=False)
    except subprocess.TimeoutExpired:
        msg = f"W&B: {address} does not answer."
        raise UserError(msg) from None
    if answer.returncode:
        lines = answer.stderr.strip().splitlines() or ["no reason given"]
        reason = lines[-1].rpartition("Error: ")[2].rstrip(".")
        if "did not respond" in reason:
            msg = f"W&B: {address} does not answer."
        else:
            msg = f"W&B: {address} refuses the key ({place}): {reason}. Run `wandb login --relogin`."
        raise UserError(msg)


def online() -> dict[str, str]:
    """Return the environment for a W&B command that uses the network: it gives up soon, and is not offline."""
    left = ("WANDB_SILENT", "WANDB_SERVICE")  # the last is this process's own, with its own settings
    environment = {name: value for name, value in os.environ.items() if name not in left}
    environment["WANDB_MODE"] = "online"  # over the settings files, too
    for what in ("GRAPHQL", "FILE_STREAM", "FILE_TRANSFER"):
        environment.setdefault(f"WANDB_X_{what}_RETRY_MAX", "4")
    return environment


def _knock(address: str) -> None:
    parts = urlsplit(address)
    proxy = None if proxy_bypass(parts.hostname or "") else getproxies().get(parts.scheme)
    door = urlsplit(proxy) if proxy else parts
    try:
        port = door.port or (443 if door.scheme == "https" else 80)
        socket.create_connection((door.hostname or "", port), timeout=CONNECT).close()
    except (OSError, ValueError) as error:
        through = f" (through the proxy {proxy})" if proxy else ""
        msg = (
            f"W&B: no network: {address}{through} cannot be reached ({error}). "
            "Nothing was sent; the runs stay where they are."
        )
        raise UserError(msg) from error
