"""A W&B run, offline or online, in the run's folder. Does not import Lightning, which takes seconds."""

import logging
import os
import secrets
import shlex
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Literal

from restorelab.errors import UserError
from restorelab.file_names import refusal
from restorelab.training.loggers import wandb_account
from restorelab.training.loggers.run_start import RunStart

log = logging.getLogger(__name__)

HOW = ("trainer", "protocol", "logger", "callbacks")
"""Groups that describe how a run is executed, not what it is: they become neither tags nor columns."""

LONGEST = {"name": 128, "tag": 64}
"""The most characters of a tag; W&B's server refuses more."""


def open_run(
    start: RunStart,
    *,
    project: str | None = None,
    entity: str | None = None,
    group: str | None = None,
    name: str | None = None,
    tags: Sequence[str] = (),
    asked: Literal["auto", "online", "offline"] = "auto",
) -> tuple[Any, str]:
    """Open a run in its folder, with the same id where it was begun before; gives it, and where to look.

    project, entity, group, name, tags, asked: as in `WandB`, the last its mode. Where W&B is disabled there is no run
    (None).

    Raises:
        UserError: where W&B refuses.
    """
    config, run_dir = start.config, start.folder
    mode, reason = wandb_account.choose_mode(asked)
    log.info("W&B: %s (%s)", mode, reason)
    if mode == "disabled":
        return None, f"disabled ({reason})"
    import wandb

    project, entity = wandb_account.place(project, entity)
    identity = run_dir / "wandb" / "id.txt"
    continued = start.resumed and identity.is_file()
    run_id = identity.read_text().strip() if continued else ""
    if refusal(run_id):  # there is no result yet, or it is damaged: the text becomes a folder's name
        continued, run_id = False, secrets.token_hex(4)
    identity.parent.mkdir(parents=True, exist_ok=True)
    identity.write_text(run_id)
    choices = {part: choice for part, choice in dict(config.get("choices", {})).items() if part not in HOW}
    labels = [*tags, *(f"{part}={choice}" for part, choice in choices.items())]
    try:
        run = wandb.init(
            project=project,
            entity=entity,
            group=None if group is None else group[: LONGEST["name"]],
            job_type="train" if config.get("train", True) else "evaluate",
            tags=[tag[: LONGEST["tag"]] for tag in labels],
            name=(name or start.name)[: LONGEST["name"]],
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
                x_save_requirements=group is None,
            ),
        )  # fmt: skip
    except (wandb.Error, ValueError) as error:  # the latter: a setting, such as WANDB_MODE, that W&B does not know
        lines = [line.strip() for line in str(error).splitlines() if "further information" not in line]
        said = " ".join(lines[:3] if isinstance(error, ValueError) else lines[:1])
        msg = f"W&B: {said} Say logger.wandb.mode=offline, to upload later with restorelab sync, or logger=csv."
        raise UserError(msg) from error
    if group is not None:
        _link(run_dir, Path(run.dir).parent)
    run.define_metric("step", hidden=True)
    run.define_metric("*", step_metric="step")
    if not run.offline:
        return run, str(run.url)
    session = Path(run.dir).parent
    path = session if os.environ.get("WANDB_DIR") else run_dir / "wandb" / session.name
    upload = f"restorelab sync {shlex.quote(str(path.parents[1]))}"
    return run, f"{path} (offline; upload with: {upload}, as wandb sync does)"


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
