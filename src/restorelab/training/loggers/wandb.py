"""Weights & Biases: config, curves, pictures, final metrics, and the state of the run."""

import logging
import os
import secrets
import shlex
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

import numpy as np

from restorelab.errors import UserError
from restorelab.file_names import refusal
from restorelab.training.loggers import wandb_account

log = logging.getLogger(__name__)

PRELOAD = ("wandb", "wandb.sdk.wandb_run", "wandb.sdk.launch.inputs.internal")
"""What a process that forks runs should import: wandb.init imports the last of them anew in every child, for 0.4 s."""

HOW = ("trainer", "protocol", "logger", "callbacks")
"""Groups that say how a run is carried out, not what it is: no tags, and no column of their own."""

LONGEST = {"name": 128, "tag": 64}
"""Characters; W&B's server refuses more."""


class WandB:
    """`logger=wandb`: one W&B run a run, in its own folder.

    Offline W&B cannot continue a run: each session of a resumed run is an offline run of its own with the same id,
    which uploading joins again, and the run's metrics.csv stays the truth.

    project, entity, group, tags: as in wandb.init; project and entity null: as WANDB_PROJECT, WANDB_ENTITY or W&B's
    settings files say, else the project restorelab. name: how the run is called there; null is <name>-<seed>. mode:
    `auto` is online where the user is logged in (WANDB_API_KEY, or W&B's host in ~/.netrc), else offline. Nothing is
    sent against WANDB_MODE or W&B's settings files, and where those disable W&B nothing of it is started or written.
    """

    def __init__(
        self,
        project: str | None = None,
        entity: str | None = None,
        group: str | None = None,
        name: str | None = None,
        tags: Sequence[str] = (),
        mode: Literal["auto", "online", "offline"] = "auto",
    ) -> None:
        self.project, self.entity, self.group, self.name = project, entity, group, name
        self.tags, self.mode = list(tags), mode
        self._run: Any = None
        self._path: Path | None = None
        self._why = "not started"

    def start(self, config: Mapping[str, Any], run_dir: Path, name: str, *, resumed: bool) -> None:
        """Open the run in `run_dir`; goes on with the same id where it was begun before."""
        mode, reason = wandb_account.choose_mode(self.mode)
        log.info("W&B: %s (%s)", mode, reason)
        if mode == "disabled":
            self._why = f"disabled ({reason})"
            return
        import wandb

        project, entity = wandb_account.place(self.project, self.entity)
        identity = run_dir / "wandb" / "id.txt"
        continued = resumed and identity.is_file()
        run_id = identity.read_text().strip() if continued else ""
        if refusal(run_id):  # none yet, or damaged: it becomes a folder's name
            continued, run_id = False, secrets.token_hex(4)
        identity.parent.mkdir(parents=True, exist_ok=True)
        identity.write_text(run_id)
        choices = {group: choice for group, choice in dict(config.get("choices", {})).items() if group not in HOW}
        tags = [*self.tags, *(f"{group}={choice}" for group, choice in choices.items())]
        try:
            self._run = wandb.init(
                project=project,
                entity=entity,
                group=None if self.group is None else self.group[: LONGEST["name"]],
                job_type="train" if config.get("train", True) else "evaluate",
                tags=[tag[: LONGEST["tag"]] for tag in tags],
                name=(self.name or name)[: LONGEST["name"]],
                id=run_id,
                # Offline it asks for nothing, but is kept: without it, uploading a later session replaces the first.
                resume="allow" if continued else None,
                dir=wandb_account.folder(run_dir),
                config=shown(config),
                mode=mode,
                reinit="finish_previous",
                settings=wandb.Settings(
                    silent=True, console="off", x_disable_stats=False,
                    # Listing the packages takes 0.1 to 0.3 s; a sweep's runs share them, and its comparison lists them.
                    x_save_requirements=self.group is None,
                ),
            )  # fmt: skip
        except (wandb.Error, ValueError) as error:  # the latter: a setting, such as WANDB_MODE, that W&B does not know
            lines = [line.strip() for line in str(error).splitlines() if "further information" not in line]
            said = " ".join(lines[:3] if isinstance(error, ValueError) else lines[:1])
            msg = f"W&B: {said} Say logger.mode=offline, to upload later with restorelab sync, or logger=csv."
            raise UserError(msg) from error
        if self.group is not None:
            _link(run_dir, Path(self._run.dir).parent)
        session = Path(self._run.dir).parent
        self._path = session if os.environ.get("WANDB_DIR") else run_dir / "wandb" / session.name
        self._url = None if self._run.offline else self._run.url
        self._run.define_metric("step", hidden=True)
        self._run.define_metric("*", step_metric="step")

    def log(self, values: Mapping[str, float], step: int) -> None:
        """Log metrics over our own step: W&B's counter must rise, and that of a resumed run does not."""
        self._say(lambda run: run.log({**values, "step": step}))

    def images(self, key: str, image: np.ndarray, step: int | None) -> None:
        """Log a picture, (H, W, 3) uint8: W&B turns floats in [0, 1] black."""
        if self._run is None:
            return
        import wandb

        self._say(lambda run: run.log({key: wandb.Image(image)} | ({} if step is None else {"step": step})))

    def finish(self, summary: Mapping[str, Any], *, failed: bool) -> None:
        """Close the run; without an exit code W&B would call a failed run finished."""
        self._say(lambda run: run.summary.update(dict(summary)))
        self._say(lambda run: run.finish(exit_code=1 if failed else 0))
        self._run = None

    def describe(self) -> str:
        """Where to look."""
        if self._path is None:
            return self._why
        upload = f"restorelab sync {shlex.quote(str(self._path.parents[1]))}"
        return self._url or f"{self._path} (offline; upload with: {upload}, as wandb sync does)"

    def _say(self, what: Callable[[Any], None]) -> None:
        """Tell W&B something. Once a run has begun, no trouble of W&B's ends it: its own folder has everything."""
        if self._run is None:
            return
        try:
            what(self._run)
        except Exception as error:  # its service may die in as many ways as it has parts
            log.warning(
                "W&B: stopped (%s: %s); the run goes on and its folder has everything", type(error).__name__, error
            )
            self._run = None


def _link(run_dir: Path, session: Path) -> None:
    """Gather a sweep's runs in one folder, by their names, for W&B's terminal dashboard: `wandb leet SWEEP/wandb`."""
    link = run_dir.parent / "wandb" / f"run-{run_dir.name}"
    temporary = link.with_name(f".{link.name}")
    try:
        link.parent.mkdir(exist_ok=True)
        temporary.unlink(missing_ok=True)
        temporary.symlink_to(os.path.relpath(session, link.parent))
        temporary.replace(link)
    except OSError as error:  # a disk without links; the run does not need it
        log.info("W&B: no link %s (%s)", link, error)


def shown(config: Mapping[str, Any]) -> dict[str, Any]:
    """The config for the dashboard: all of it, and the choices of the groups as plain strings at the top.

    A column, a grouping or an axis is a key with a plain value: `model_name` is "dual_ae", where `model` holds that
    model's parameters. Those go by the same names as on the command line: `optimizer.lr`.
    """
    choices = dict(config.get("choices", {}))
    return {**config, **{f"{group}_name": choice for group, choice in choices.items() if group not in HOW}}
