"""The request of a command line: the sweep's folder, its runs, and the source of further runs."""

import json
import logging
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import restorelab
from restorelab.config import composition, paths
from restorelab.errors import ConfigError
from restorelab.runs.inputs import Inputs
from restorelab.runs.run_folder import write_json
from restorelab.sweep import expand, grid
from restorelab.sweep.composer import Composer
from restorelab.sweep.keys import Sweep
from restorelab.sweep.planned import Planned
from restorelab.sweep.searching import Searching

log = logging.getLogger(__name__)

FILE = "sweep.json"
"""The file in a sweep's folder that records the command lines and the runs."""


class Study(Protocol):
    """The interface of a named set of runs: see `restorelab.study.plan.Study`."""

    @property
    def title(self) -> str:
        """The title of its page."""

    @property
    def images(self) -> str:
        """Describe the images that `data.root` should hold; empty where the dataset itself describes them."""

    def planned(
        self, arguments: Sequence[str], only: Sequence[str], *, folder: Path, threads: int | None, listed: bool
    ) -> list[Planned]:
        """Its runs, composed and checked. arguments: what the command line gives to each run, `seed` included."""


@dataclass(frozen=True)
class SweepPlan:
    """A sweep, ready to be done.

    Attributes:
        folder: where it lies.
        planned: its runs; of a search those that are done, and its first where nothing is to be done.
        study: where the sweep is one.
        source: of a search: gives its runs one by one.
    """

    folder: Path
    planned: list[Planned]
    study: Study | None = None
    source: Searching | None = None


def plan(
    sweep: Sweep, overrides: Sequence[str], threads: int | None, load_study: Callable[[str], Study] | None = None
) -> SweepPlan:
    """Expand, compose and check all runs; nothing is written but a search's journal.

    threads: of a run whose config does not say; None: all that there are. load_study: reads a study of a name.

    Raises:
        ConfigError: for the first thing that is wrong, in whichever run.
    """
    folder = expand.sweep_folder(sweep, overrides)
    if isinstance(sweep.cross, list):
        composition.compose([f"evaluation=[{','.join(sweep.cross)}]"])
    if sweep.study is not None:
        assert load_study is not None
        study = load_study(sweep.study)
        planned = study.planned(overrides, sweep.only, folder=folder, threads=threads, listed=sweep.dry)
        _check_baseline(sweep, planned)
        return SweepPlan(folder, planned, study)
    composer = Composer(threads, listed=sweep.dry)
    if sweep.search is None:
        planned = expand.plan(grid.expand(overrides), folder, only=sweep.only, composer=composer)
        _check_baseline(sweep, planned)
        return SweepPlan(folder, planned)
    if sweep.only:
        msg = f"only={','.join(sweep.only)}: a search has no names to choose from."
        raise ConfigError(msg)
    _check_baseline(sweep, [])
    from restorelab.sweep.search.search import Search

    with tempfile.TemporaryDirectory() as scratch:  # a dry search leaves no journal
        search = Search(Path(scratch) if sweep.dry else folder, sweep, overrides, _content(composer, overrides))
        source = Searching(search, folder, composer)
        first = source.ask() if sweep.dry else None
    return SweepPlan(folder, [first] if first else source.done(), source=source)


def _content(composer: Composer, overrides: Sequence[str]) -> dict[str, str]:
    """Return hashes of what the trials read: a dataset or weights of the same name may have changed."""
    fixed = [str(override.input_line) for override in grid.parse(overrides) if not override.is_sweep_override()]
    try:
        config = composer.compose(fixed)
    except ConfigError:  # it lacks what is searched
        return {}
    read = Inputs()
    content = {f"content of {dotted}": read.weights(node[key]) for node, key, dotted in paths.weights(config)}
    return content | {"content of data": read.data(config["data"])}


def _check_baseline(sweep: Sweep, planned: Sequence[Planned]) -> None:
    if sweep.baseline is not None:
        expand.require("baseline", [sweep.baseline], {"input", *(run.name for run in planned)})


def _noted(file: Path) -> dict[str, Any]:
    """Return what earlier sessions recorded."""
    nothing: dict[str, Any] = {"sessions": [], "runs": {}}
    if not file.is_file():
        return nothing
    try:
        before: dict[str, Any] = json.loads(file.read_text())
        return {"sessions": list(before["sessions"]), "runs": dict(before["runs"])}
    except (ValueError, KeyError, TypeError):
        log.warning("%s is damaged and is written anew; no run depends on it", file)
        return nothing


def check_fresh(sweep_plan: SweepPlan) -> None:
    """Refuse a folder that holds runs already, for `resume=false`.

    Raises:
        ConfigError: naming the folder.
    """
    if (sweep_plan.folder / "ledger").is_dir() and any((sweep_plan.folder / "ledger").iterdir()):
        msg = f"resume=false: {sweep_plan.folder} holds a sweep already. Leave resume out to go on with it, or name "
        raise ConfigError(msg + "another sweep_dir.")


def note(sweep_plan: SweepPlan, arguments: Sequence[str] = ()) -> None:
    """Write down what was asked: SWEEP/sweep.json keeps every session's command line and all runs so far.

    arguments: of a session that begins; without any, only runs are added.
    """
    file = sweep_plan.folder / FILE
    sweep_plan.folder.mkdir(parents=True, exist_ok=True)
    before = _noted(file)
    session = {"arguments": list(arguments), "time": time.strftime("%Y-%m-%d %H:%M:%S"),
               "version": restorelab.__version__}  # fmt: skip
    new = {run.id: {"name": run.name, "seed": run.seed, "swept": run.swept} for run in sweep_plan.planned}
    runs: dict[str, Any] = {**before["runs"], **new}
    study = sweep_plan.study.title if sweep_plan.study else None
    sessions = [*before["sessions"], *([session] if arguments else [])]
    search = sweep_plan.source.told({name: run["swept"] for name, run in runs.items()}) if sweep_plan.source else None
    write_json(file, {"schema": 1, "study": study, "sessions": sessions, "runs": runs, "search": search})
