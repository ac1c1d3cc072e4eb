"""The command line: `restorelab train | sweep | compare | ...`. Heavy packages are imported late."""

import errno
import io
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, NoReturn

import restorelab
from restorelab.errors import ConfigError, DataError, UserError, nearest
from restorelab.training import gc_tuning, logs

if TYPE_CHECKING:
    from restorelab.training.run_status import RunStatus

USAGE = """\
restorelab: compose, train, measure and compare image restoration networks.

  restorelab train [key=value ...]      train and measure one network; -m for several; the same as python train.py
  restorelab sweep [key=a,b ...]        many runs: every combination, a search, or study=NAME, the runs of a report
  restorelab compare FOLDER ...         one HTML page that compares runs and sweeps
  restorelab evaluate WEIGHTS [...]     measure a run, a packaged network or a file of weights, on any test images
  restorelab export RUN out=FILE        write a trained network for other programs: ONNX, darktable, PyTorch, model card
  restorelab restore FILE ...           restore photographs with a packaged network or one of your own
  restorelab preview [key=value ...]    show degraded images and their PSNR before training; find=20dB, out=FILE
  restorelab fetch data=NAME            download a dataset; test=NAME a test set
  restorelab export-set [key=value ...] out=FOLDER     write the degraded test images, for another method
  restorelab score DIR set=FOLDER name=METHOD          measure that method's outputs, to compare it with runs
  restorelab verify [NAME ...]          measure published weights on published sets beside the printed numbers
  restorelab explain A B                explain why two results differ: A is measured with B's conventions, step by step
  restorelab sync [FOLDER ...]          upload offline runs to Weights & Biases (W&B)
  restorelab workspace [project=NAME]   save a W&B workspace that compares the runs of a sweep
  restorelab cache [clean [NAME ...]]   list or remove decoded datasets and degraded test images
  restorelab schema [out=FILE]          write the JSON schema of the configs, for editors that complete YAML
  restorelab completion SHELL           print the script for Tab completion in bash, zsh or fish
  restorelab --version

COMMAND --help lists the options of a command, and train --help all config groups with their options.
RESTORELAB_TRACEBACK=1 shows the traceback behind an error message.
"""

MODULES = {
    "sweep": "restorelab.cli.sweep",
    "compare": "restorelab.cli.compare",
    "evaluate": "restorelab.cli.evaluate",
    "preview": "restorelab.cli.preview",
    "export": "restorelab.exchange.export_network",
    "restore": "restorelab.cli.restore",
    "fetch": "restorelab.cli.fetch",
    "export-set": "restorelab.exchange.export_set",
    "score": "restorelab.exchange.score",
    "verify": "restorelab.exchange.verify",
    "explain": "restorelab.compare.explain",
    "sync": "restorelab.training.loggers.wandb_sync",
    "workspace": "restorelab.training.loggers.wandb_workspace",
    "cache": "restorelab.cli.cache",
    "schema": "restorelab.cli.schema_file",
    "completion": "restorelab.cli.completion",
}
"""The commands whose module has a `run(argv)` and a text `USAGE`; they are imported when they are called."""

OF_FILES = (errno.EACCES, errno.EPERM, errno.ENOSPC, errno.EDQUOT, errno.EROFS)
"""Errors of the file system that no traceback explains better: no permission, a full disk, a read-only one."""


def entry(*command: str) -> NoReturn:
    """Run `main` with a command and the process's arguments, and end the process."""
    gc_tuning.spare_imports()
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a file's name need not be valid UTF-8
    sys.exit(main([*command, *sys.argv[1:]]))


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; return the exit status: 0 done, 1 failed, 2 a bad configuration, 130 interrupted."""
    command, *rest = list(sys.argv[1:] if argv is None else argv) or ["--help"]
    commands = ("train", *MODULES)
    if command in ("-h", "--help", "help"):
        print(USAGE, end="")
        return 0
    if command in ("-V", "--version", "version"):
        print(f"restorelab {restorelab.__version__}")
        return 0
    try:
        if command not in commands:
            msg = f"{command!r} is not a command. {nearest(command, commands)}"
            raise ConfigError(msg)
        if command != "train" and {"-h", "--help"} & set(rest):
            rest = ["--help"]  # wherever it stands; train's is Hydra's own
        return train(rest) if command == "train" else _run(MODULES[command], rest)
    except UserError as error:
        _complain(error)
        return error.exit_status
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    except BrokenPipeError:  # the reader of our output has closed it
        sys.stdout = open(os.devnull, "w")  # noqa: SIM115, PTH123  (the interpreter flushes it at exit)
        return 0


def _run(module: str, argv: list[str]) -> int:
    logs.set_up()
    try:
        status: int = import_module(module).run(argv)
    except OSError as error:
        if error.errno not in OF_FILES:
            raise
        raise DataError(f"{error.filename or 'a file'}: {error.strerror}.") from error
    return status


def _complain(error: UserError) -> None:
    if os.environ.get("RESTORELAB_TRACEBACK") == "1":
        traceback.print_exception(error)
    print(f"error: {error}", file=sys.stderr)


FOLDERLESS = (
    "hydra.run.dir=.", "hydra.sweep.subdir=.", "hydra.output_subdir=null", "hydra.job.chdir=false",
    "hydra/job_logging=none", "hydra/hydra_logging=none",
)  # fmt: skip
"""Hydra's settings in train.yaml, for any other config: Hydra manages no folders and no logging."""


TRAIN = """\
restorelab train [key=value ...]: train and measure one network; the same as python train.py.

  group=option            choose a part of the run, such as model=unet; the groups are listed below
  group.key=value         change one value of a part, such as optimizer.lr=1e-4
  -m                      a run for each of several values (model=ae,unet or seed=range(3)), and the page that
                          compares them
  --cfg job               print the composed config and do nothing else

The other keys of a run, with their defaults:

OPTIONS
"""


def train(argv: list[str]) -> int:
    """`restorelab train`: Hydra composes, checks come first, then the run or the runs of `-m`."""
    import hydra
    from hydra.core.hydra_config import HydraConfig
    from hydra.errors import HydraException
    from hydra.types import RunMode

    from restorelab.cli import usage
    from restorelab.config import composition, conf_files, hydra_errors, schema

    statuses: list[int] = []
    began: list[bool] = []
    finished: list[Path] = []
    runs_dir = ""

    def job(composed: Any) -> None:
        nonlocal runs_dir
        began.append(True)
        several = HydraConfig.get().mode == RunMode.MULTIRUN
        try:
            overrides = list(HydraConfig.get().overrides.task)
            settings = composition.resolve(composed, HydraConfig.get().runtime.choices, overrides)
            runs_dir = runs_dir or settings["runs_dir"]
            statuses.append(run_one(settings, overrides, finished))
        except UserError as error:  # an error of one run does not end the others
            _complain(error)
            statuses.append(error.exit_status)
        if several and statuses[-1] >= 128:
            raise KeyboardInterrupt

    os.environ["HYDRA_FULL_ERROR"] = "1"  # so that Hydra raises errors, which are explained below
    if {"-h", "--help"} & set(argv):
        print(TRAIN.replace("OPTIONS", usage.options(schema.conf_dir() / "train.yaml")))
    config_dir = ["--config-dir", str(conf_files.user_conf())] if conf_files.user_conf() and not _has_dir(argv) else []
    several = [argument for argument in argv if argument in ("-m", "--multirun")]
    rest = _prepared([argument for argument in argv if argument not in several], several=bool(several))
    # `hydra.main`, the one public entrance to -m, --cfg, --info, --help and completion, reads sys.argv.
    before, sys.argv = sys.argv, ["train.py", *several, *config_dir, *sorted(rest, key=_is_override), *FOLDERLESS]
    try:
        with tempfile.TemporaryDirectory() as scratch:  # the sweeper requires a folder for its multirun.yaml
            sys.argv += [f"hydra.sweep.dir='{scratch}'"] if several else []
            hydra.main(config_path=str(schema.conf_dir()), config_name="train", version_base="1.3")(job)()
    except hydra_errors.CAUGHT as error:
        if began and not isinstance(error, HydraException):
            raise  # the error of a run, not of its composition
        raise hydra_errors.explained(error, argv) from error
    finally:
        sys.argv = before
    if several and not statuses and not any(argument.startswith("-") for argument in rest):
        msg = f"{' '.join(rest)}: no run comes out of this; a range or list is empty."
        raise ConfigError(msg)
    if len(statuses) > 1:
        print(f"{statuses.count(0)} of {len(statuses)} runs succeeded")
        from restorelab.compare import multirun

        print(multirun.compared(list(dict.fromkeys(finished)), runs_dir))
    return next((status for status in statuses if status), 0)


def _is_override(argument: str) -> bool:
    """Return whether an argument changes the config; argparse requires flags and their values before these."""
    return argument.startswith("~") or ("=" in argument and not argument.startswith("-"))


def _prepared(arguments: list[str], *, several: bool) -> list[str]:
    """Overrides with paths quoted and with those of an evaluated checkpoint's run, but for where flags are among them.

    several: whether a comma separates several values.
    """
    from restorelab import quoting
    from restorelab.config import composition
    from restorelab.training import process_group

    if several:
        process_group.refuse("train.py -m", process_group.current())
    arguments = quoting.paths(arguments, several=several)
    return composition.prepared(arguments) if all(map(_is_override, arguments)) else arguments


def _has_dir(argv: Sequence[str]) -> bool:
    return any(argument.startswith(("--config-dir", "-cd")) for argument in argv)


def run_one(
    settings: dict[str, Any],
    overrides: Sequence[str],
    finished: list[Path] | None = None,
    watch: "RunStatus | None" = None,
) -> int:
    """Execute one composed config and print how it ended; the folder of a finished run is added to `finished`.

    watch: is kept up to date with the run's progress.
    """
    from restorelab.training import process_group

    group = process_group.current()
    logs.set_up_for(settings, group.rank)
    from restorelab.config import build, schema
    from restorelab.training import checks, resumption

    try:
        if settings["resume"]:
            settings = resumption.settings(settings, overrides)
            schema.check_names(settings)
        built = build.parts(process_group.joined(settings, group))
        checks.check_fit(built)  # before the slow import of Lightning
    except ConfigError as error:
        if group.local_rank == 0:  # the other ranks of a machine have the same error
            raise
        return error.exit_status
    from restorelab.training import execute

    gc_tuning.settle()
    outcome = execute.execute_parts(built, watch)
    if outcome.status == "done":
        if outcome.message:
            print(outcome.message)
        if finished is not None and outcome.run_dir is not None:
            finished.append(outcome.run_dir)
        return 0
    if outcome.trace:
        print(outcome.trace, file=sys.stderr)
    if outcome.message:  # the first rank reports the errors that all ranks found
        print(f"error{f' of rank {group.rank}' if group.rank else ''}: {outcome.message}", file=sys.stderr)
    if outcome.run_dir is not None and group.rank == 0:
        print(f"run: {outcome.run_dir}", file=sys.stderr)
    return outcome.exit_status
