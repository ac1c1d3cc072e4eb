"""Execute one resolved config: check it, make its folder, run it, here or on several devices. No Hydra, no argv."""

import logging
import platform
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

from restorelab.config import build, from_checkpoint, noise_evaluation, schema
from restorelab.config.build import Parts
from restorelab.config.run_config import read_config
from restorelab.data.dataset import Opened
from restorelab.data.image_table import ImageTable
from restorelab.data.required import require_labels
from restorelab.data.split_record import Kept
from restorelab.duration import seconds
from restorelab.errors import ConfigError, DataError, UserError
from restorelab.runs import keeping
from restorelab.runs.run_folder import RunFolder, choose
from restorelab.training import (
    checks,
    image_sizes,
    launch,
    lightning_trainer,
    process_group,
    resumption,
    run_progress,
    tuning,
)
from restorelab.training.process_group import ProcessGroup
from restorelab.training.run_status import RunStatus
from restorelab.training.runner import FAILED, Outcome, execute_here, trace_of

log = logging.getLogger(__name__)


def execute(settings: Mapping[str, Any], watch: RunStatus | None = None) -> Outcome:
    """Run one resolved config in the folder that its `run_dir` names.

    settings: plain data with every key of `config.Train`. watch: is told how far a run on one device is. Never raises
    for what a run can do wrong: the outcome says what happened, and so does the folder. With several devices, one
    process a device is started and watched; where a launcher has started them, this is one of them.
    """
    try:
        schema.check_names(settings)
        built = build.parts(process_group.joined(settings, process_group.current()))
        checks.check_fit(built)
    except UserError as error:
        return _refused(error)
    return execute_parts(built, watch)


def execute_parts(built: Parts, watch: RunStatus | None = None) -> Outcome:
    """Do what `execute` does with the parts of a config, which `checks.check_fit` has found to fit each other."""
    settings, group = built.config, process_group.current()
    try:
        lightning_trainer.try_out(built.trainer, settings["accumulate"], settings["clip"])
        if settings["resume"]:
            run_progress.require_whole(RunFolder(Path(settings["run_dir"])))
        # A dataset that is missing, does not fit, or has to be decoded first, is found before the run has a folder.
        before = keeping.before(settings)
        divided = before or keeping.of_checkpoint(settings)
        fits = partial(image_sizes.check, built, built.outline, parts=_parts(built))
        opened = built.dataset.open(settings["split_seed"], built.degradation, divided, fits)
        tables = _open_sets(built)
        if not built.objective.restores:
            require_labels(opened, getattr(built.outline, "classes", None))
    except (UserError, OSError) as error:
        return _refused(error)
    begin = partial(_begin, built, opened, before, tables)
    begun = begin() if group.world == 1 else _begin_together(built, group, begin)
    if isinstance(begun, Outcome):
        return begun
    settings = {**settings, "run_dir": str(begun.path)}
    if group.world == 1 and built.trainer.world > 1 and _trains(built):
        return launch.ranks(settings, begun)
    if group.rank > 0 and not _trains(built):
        return Outcome("done", 0, "", begun.path)  # the first rank evaluates
    return execute_here(settings, begun, built, opened, watch)


def _begin(built: Parts, opened: Opened, before: Kept | None, tables: Sequence[ImageTable]) -> RunFolder | Outcome:
    """Make the run's folder, or open the one that the run goes on in; the outcome where there is nothing to do."""
    folder: RunFolder | None = None
    settings = built.config
    try:
        folder = _folder(settings)
        settings = {**settings, "run_dir": str(folder.path)}
        if settings["resume"] and folder.done and not _goes_further(settings, folder):
            return Outcome("done", 0, f"{folder.path} is complete already: {folder.result}", folder.path)
        folder.open(settings, resume=settings["resume"])
        keeping.keep(folder, settings, built.dataset, opened, before)
        keeping.tell_of_trained(settings, opened, tables)
        if checks.learnable(built.outline):
            for line in (
                *from_checkpoint.lines(settings),
                *noise_evaluation.lines(settings, from_checkpoint.trained_noise(settings)),
            ):
                log.info("%s", line)
    except (UserError, OSError) as error:
        return _refused(error, folder)
    return folder


def _begin_together(built: Parts, group: ProcessGroup, begin: Callable[[], RunFolder | Outcome]) -> RunFolder | Outcome:
    """Let the first rank begin, and give what it did to all of them, with the config that counts for all."""
    config = built.config
    try:
        strategy = lightning_trainer.join(built.trainer, config["accumulate"], config["clip"])
        first = strategy.broadcast((dict(config), begin()) if group.rank == 0 else None)
        assert first is not None
        of_first, begun = first
        others = [key for key in of_first if key != "threads" and of_first[key] != config[key]]
        if others:
            msg = f"rank {group.rank} was started with another {', '.join(others)} than rank 0. Start all alike."
            raise ConfigError(msg)
        if isinstance(begun, RunFolder) and not begun.config.is_file():
            msg = f"{begun.path} is not there on {platform.node()}: the run's folder must be on a disk of all machines."
            raise ConfigError(msg)
    except UserError as error:
        return _refused(error)
    if isinstance(begun, Outcome) and group.rank > 0:
        return replace(begun, message="", trace=None)  # the first rank says it
    return begun


def _refused(error: UserError | OSError, folder: RunFolder | None = None) -> Outcome:
    """The outcome of a run that an error ends before it has begun."""
    if isinstance(error, UserError):
        where = folder.path if folder else None
        return Outcome("failed", error.exit_status, str(error), where, trace_of(error), repeats=True)
    return Outcome("failed", FAILED, f"{type(error).__name__}: {error}", None, trace_of(error))


def _trains(built: Parts) -> bool:
    """Whether there is a training, not only an evaluation."""
    return bool(built.config["train"]) and checks.learnable(built.outline)


def _parts(built: Parts) -> tuple[str, ...]:
    """The parts of the dataset that the run needs images of; `data.val=0` and `data.test=0` train without them.

    Test sets stand in place of the dataset's own test part, a validation set in place of its validation part.
    """
    from_dataset = [part for part, replaced in (("val", built.val), ("test", built.tests)) if not replaced]
    if _trains(built):
        return ("train", *(part for part in from_dataset if getattr(built.dataset, part)))
    return tuple(part for part in from_dataset if part == "test" or tuning.wanted(built.outline))


def _open_sets(built: Parts) -> list[ImageTable]:
    """Decode the test sets and the validation set, check that their sizes fit the run; return those of the test sets.

    Raises:
        ConfigError, DataError: naming the set; also for validation images that are test images.
    """
    fits = partial(image_sizes.check, built, built.outline, parts=("test",))
    sets = {f"test.{name}": dataset for name, dataset in built.tests.items()}
    validated = [f"val.{name}" for name in built.config["val"]]
    sets |= {name: built.val for name in validated if built.val}
    tables: dict[str, ImageTable] = {}
    for name, dataset in sets.items():
        try:
            tables[name] = dataset.open(built.config["split_seed"], check=fits)[0]
        except (ConfigError, DataError) as error:
            msg = f"{name}: {error}"
            raise type(error)(msg) from error
    for name in validated:
        keeping.refuse_tested(name, tables.pop(name), tables)
    return list(tables.values())


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
