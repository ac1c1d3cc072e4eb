"""Execute one resolved config: check it, make its folder, run it, here or on several devices. No Hydra, no argv."""

import logging
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

from torch import nn

from restorelab.config import build, from_checkpoint, noise_evaluation, schema
from restorelab.config.build import Parts
from restorelab.config.run_config import read_config
from restorelab.data.required import require_labels
from restorelab.duration import seconds
from restorelab.errors import ConfigError, UserError
from restorelab.runs import keeping
from restorelab.runs.run_folder import RunFolder, choose
from restorelab.training import checks, image_sizes, launch, lightning_trainer, resumption, run_progress, tuning
from restorelab.training.run_status import Watch
from restorelab.training.runner import FAILED, Outcome, execute_here, trace_of

log = logging.getLogger(__name__)


def execute(settings: Mapping[str, Any], watch: Watch | None = None) -> Outcome:
    """Run one resolved config in the folder that its `run_dir` names.

    settings: plain data with every key of `config.Train`. watch: is told how far a run on one device is. Never raises
    for what a run can do wrong: the outcome says what happened, and so does the folder. With several devices, one
    process a device is started and watched.
    """
    folder: RunFolder | None = None
    try:
        schema.check_names(settings)
        built = build.parts(settings)
        net = checks.check_fit(built)
        lightning_trainer.try_out(built.trainer, settings["accumulate"], settings["clip"])
        if settings["resume"]:
            run_progress.require_whole(RunFolder(Path(settings["run_dir"])))
        # A dataset that is missing, does not fit, or has to be decoded first, is found before the run has a folder.
        before = keeping.before(settings)
        divided = before or keeping.of_checkpoint(settings)
        fits = partial(image_sizes.check, built, net, parts=_parts(settings, built, net))
        opened = built.dataset.open(settings["split_seed"], built.degradation, divided, fits)
        if not built.objective.restores:
            require_labels(opened)
        folder = _folder(settings)
        settings = {**settings, "run_dir": str(folder.path)}
        if settings["resume"] and folder.done and not _goes_further(settings, folder):
            return Outcome("done", 0, f"{folder.path} is complete already: {folder.result}", folder.path)
        folder.open(settings, resume=settings["resume"])
        keeping.keep(folder, settings, built.dataset, opened, before)
        keeping.tell_of_trained(settings, opened)
        if checks.learnable(net):
            for line in (
                *from_checkpoint.lines(settings),
                *noise_evaluation.lines(settings, from_checkpoint.trained_noise(settings)),
            ):
                log.info("%s", line)
    except UserError as error:
        where = folder.path if folder else None
        return Outcome("failed", error.exit_status, str(error), where, trace_of(error), repeats=True)
    except OSError as error:
        return Outcome("failed", FAILED, f"{type(error).__name__}: {error}", None, trace_of(error))
    if built.trainer.world > 1 and settings["train"]:
        return launch.ranks(settings, folder)
    return execute_here(settings, folder, built, opened, watch)


def _parts(settings: Mapping[str, Any], built: Parts, net: nn.Module) -> tuple[str, ...]:
    """The parts of the dataset that the run needs images of; `data.val=0` and `data.test=0` train without them."""
    if settings["train"] and checks.learnable(net):
        return ("train", *(part for part in ("val", "test") if getattr(built.dataset, part)))
    return ("val", "test") if tuning.wanted(net) else ("test",)


def _folder(settings: Mapping[str, Any]) -> RunFolder:
    """The folder of the run, which can be written. Raises ConfigError where it cannot."""
    key = "run_dir" if settings["run_dir"] else "runs_dir"
    try:
        path = Path(settings["run_dir"] or choose(settings["runs_dir"], settings["name"]))
        path.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        msg = f"{key}: {settings[key]} cannot be written ({error.strerror or error}); name another folder."
        raise ConfigError(msg) from error
    return RunFolder(path)


def _goes_further(settings: Mapping[str, Any], folder: RunFolder) -> bool:
    """Whether a complete run is asked for more than it has done; its result is then made anew.

    Raises:
        ConfigError: where it is asked to go on otherwise, but not how far.
    """
    done, old, sessions = run_progress.read(folder.last), read_config(folder.path), settings["sessions"]
    if done is None or (old["sessions"] == sessions and _limits(old) == _limits(settings)):
        return False
    if not done.reaches(*_limits(settings)):
        folder.result.unlink()
        return True
    new = [key for key in sessions[-1]["changes"] if key not in resumption.LENGTH] if sessions else []
    if new and sessions[-1]["step"] == done.steps:
        msg = (
            f"{folder.path} is complete: {', '.join(new)} changes nothing any more. Say how much longer to train: "
            f"it has done {done.steps} steps (max_steps=...) and {done.epochs} epochs (trainer.max_epochs=...)."
        )
        raise ConfigError(msg)
    return False


def _limits(settings: Mapping[str, Any]) -> tuple[int | None, int | None, float | None]:
    """Steps, epochs and seconds that a run is limited to."""
    time = seconds(settings["max_time"]) if settings["max_time"] else None
    return settings["max_steps"], settings["trainer"]["max_epochs"], time
