"""Who we are at Weights & Biases, and whether its server can be reached."""

import netrc
import os
import socket
import subprocess
import sys
from typing import Literal
from urllib.parse import urlsplit
from urllib.request import getproxies, proxy_bypass

from restorelab.errors import UserError

Mode = Literal["online", "offline"]

CONNECT = 5.0
"""Seconds in which the server's door must open."""

ANSWER = 45.0
"""Seconds in which it must have said whether it knows us: importing wandb, and the ten seconds that wandb waits."""

LOGIN = "import wandb; wandb.login(verify=True, prompt=False)"


def server() -> str:
    """The server's address: WANDB_BASE_URL, else W&B's own settings."""
    from wandb.sdk import wandb_setup

    return os.environ.get("WANDB_BASE_URL") or str(wandb_setup.singleton().settings.base_url)


def key_place() -> str | None:
    """Where a key is: the environment, or the login to a server in ~/.netrc; None without one."""
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


def choose_mode(asked: Literal["auto", "online", "offline"]) -> tuple[Mode, str]:
    """Online or offline, and why. The environment's WANDB_MODE comes first; `auto` is online where there is a key."""
    forced = os.environ.get("WANDB_MODE")
    if forced in ("offline", "online"):
        return ("offline" if forced == "offline" else "online"), f"WANDB_MODE={forced}"
    if asked != "auto":
        return asked, f"logger.mode={asked}"
    place = key_place()
    return ("online", place) if place else ("offline", "not logged in; `wandb login`, or logger.mode=online")


def require() -> None:
    """Make sure that there is a key, that the server can be reached, and that it knows the key.

    Asked before an upload: W&B itself, without a network, tries again for hours and says nothing.

    Raises:
        UserError: with what is missing and how to mend it.
    """
    address = server()
    place = key_place()
    if place is None:
        msg = f"W&B: no API key for {address}. Run `wandb login`, or set WANDB_API_KEY."
        raise UserError(msg)
    _knock(address)
    # In a process of its own: W&B's settings are fixed for a process at the first look.
    command = [sys.executable, "-c", LOGIN]
    try:
        said = subprocess.run(command, capture_output=True, text=True, env=online(), timeout=ANSWER, check=False)
    except subprocess.TimeoutExpired:
        msg = f"W&B: {address} does not answer."
        raise UserError(msg) from None
    if said.returncode:
        lines = said.stderr.strip().splitlines() or ["no reason given"]
        reason = lines[-1].rpartition("Error: ")[2].rstrip(".")
        if "did not respond" in reason:
            msg = f"W&B: {address} does not answer."
        else:
            msg = f"W&B: {address} refuses the key ({place}): {reason}. Run `wandb login --relogin`."
        raise UserError(msg)


def online() -> dict[str, str]:
    """The environment for a W&B command that talks to the server: quick to give up, and not offline."""
    left = ("WANDB_MODE", "WANDB_SILENT", "WANDB_SERVICE")  # the last is this process's own, with its own settings
    environment = {name: value for name, value in os.environ.items() if name not in left}
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
