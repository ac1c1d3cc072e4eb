"""Weights & Biases: config, curves, pictures, final metrics, and the state of the run."""

import logging
import netrc
import os
import secrets
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import numpy as np

from restorelab.errors import UserError

log = logging.getLogger(__name__)


class WandB:
    """`logger=wandb`: one W&B run a run, in its own folder.

    Offline W&B cannot continue a run: each session of a resumed run is an offline run of its own with the same id,
    and the run's metrics.csv stays the truth.

    project, entity, group, tags: as in wandb.init. mode: `auto` is online where the user is logged in
    (WANDB_API_KEY, or W&B's host in ~/.netrc), else offline; the environment's WANDB_MODE overrides it.
    """

    def __init__(
        self,
        project: str = "restorelab",
        entity: str | None = None,
        group: str | None = None,
        tags: Sequence[str] = (),
        mode: Literal["auto", "online", "offline"] = "auto",
    ) -> None:
        self.project, self.entity, self.group, self.tags, self.mode = project, entity, group, list(tags), mode
        self._run: Any = None

    def start(self, config: Mapping[str, Any], run_dir: Path, name: str, *, resumed: bool) -> None:
        """Open the run in `run_dir`; goes on with the same id where it was begun before."""
        import wandb

        mode, reason = self._choose_mode()
        log.info("W&B: %s (%s)", mode, reason)
        identity = run_dir / "wandb" / "id.txt"
        run_id = identity.read_text().strip() if resumed and identity.is_file() else secrets.token_hex(4)
        identity.parent.mkdir(parents=True, exist_ok=True)
        identity.write_text(run_id)
        choices = [f"{group}={option}" for group, option in dict(config.get("choices", {})).items()]
        try:
            self._run = wandb.init(
                project=self.project,
                entity=self.entity,
                group=self.group,
                tags=[tag[:64] for tag in [*self.tags, *choices]],  # W&B takes no longer ones
                name=name,
                id=run_id,
                resume="allow" if resumed and mode == "online" else None,
                dir=str(run_dir),
                config=dict(config),
                mode=mode,
                reinit="finish_previous",
                settings=wandb.Settings(silent=True, console="off", x_disable_stats=False),
            )
        except wandb.Error as error:
            said = str(error).splitlines()[0]
            msg = f"W&B: {said} Say logger.mode=offline, to upload later with wandb sync, or logger=csv."
            raise UserError(msg) from error
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")

    def _choose_mode(self) -> tuple[Literal["online", "offline"], str]:
        import wandb

        forced = os.environ.get("WANDB_MODE")
        if forced in ("offline", "online"):
            return ("offline" if forced == "offline" else "online"), f"WANDB_MODE={forced}"
        if self.mode != "auto":
            return self.mode, f"logger.mode={self.mode}"
        if os.environ.get("WANDB_API_KEY"):
            return "online", "WANDB_API_KEY is set"
        try:
            known = netrc.netrc()
            for host in (urlsplit(wandb.Settings().base_url).netloc, "api.wandb.ai"):
                if known.authenticators(host):
                    return "online", f"logged in to {host}"
        except (OSError, netrc.NetrcParseError):
            pass
        return "offline", "not logged in; `wandb login`, or logger.mode=online"

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Log metrics over our own step: W&B's counter must rise, and that of a resumed run does not."""
        if self._run is not None:
            self._run.log({**values, "step": step})

    def images(self, key: str, image: np.ndarray, step: int | None) -> None:
        """Log a picture, (H, W, 3) uint8: W&B turns floats in [0, 1] black."""
        if self._run is not None:
            import wandb

            entry: dict[str, Any] = {key: wandb.Image(image)}
            self._run.log(entry if step is None else {**entry, "step": step})

    def finish(self, summary: Mapping[str, Any], *, failed: bool) -> None:
        """Close the run; without an exit code W&B would call a failed run finished."""
        if self._run is not None:
            self._run.summary.update(dict(summary))
            self._run.finish(exit_code=1 if failed else 0)
            self._path = self._run.dir
            self._url = None if self._run.offline else self._run.url
            self._run = None

    def describe(self) -> str:
        """Where to look."""
        path = getattr(self, "_path", None)
        if path is None:
            return "not started"
        url = getattr(self, "_url", None)
        return url or f"{Path(path).parent} (offline; upload with: wandb sync {Path(path).parent})"
