"""Expand combinations to planned runs: all are composed, checked and named before the first one starts."""

import glob
import hashlib
import json
import logging
import time
from collections.abc import Iterable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from restorelab import file_names
from restorelab.config import composition
from restorelab.config.dotted import within
from restorelab.errors import ConfigError, UserError, nearest
from restorelab.runs.inputs import Inputs
from restorelab.runs.run_identity import NOT_IDENTITY, identity, scientific
from restorelab.sweep import grid
from restorelab.sweep.composer import Composer
from restorelab.sweep.grid import Combination
from restorelab.sweep.keys import Sweep
from restorelab.sweep.planned import Planned

if TYPE_CHECKING:
    from restorelab.sweep.checker import Checker

log = logging.getLogger(__name__)

TELL = 5.0
"""Seconds between two messages about the progress of planning; a thousand different networks take a minute."""


def plan(
    combinations: Sequence[Combination],
    folder: Path,
    *,
    only: Sequence[str] = (),
    composer: Composer | None = None,
    checker: "Checker | None" = None,
    inputs: Inputs | None = None,
) -> list[Planned]:
    """Compose and check every run: an error in the last one is found before the first one starts.

    Combinations that come to the same run after all are one run, and the log says so.

    folder: of the sweep, see `sweep_folder`. only: names of runs; empty: all. composer, checker, inputs: to be used
    again for the next trial of a search; `Composer(threads)` gives each run its share of the CPU's threads.

    Raises:
        ConfigError: naming the combination.
    """
    from restorelab.sweep.checker import Checker  # brings torch

    composer, checker, inputs = composer or Composer(), checker or Checker(), inputs or Inputs()
    planned: dict[str, Planned] = {}
    logged = time.monotonic()
    for number, combination in enumerate(combinations, start=1):
        if time.monotonic() - logged > TELL:
            logged = time.monotonic()
            log.info("%d of %d runs are composed and checked", number - 1, len(combinations))
        try:
            settings = composer.compose(combination.overrides)
            checker.check(settings)
        except UserError as error:
            if len(combinations) == 1:
                raise
            msg = f"run {number:,} of {len(combinations):,} ({_said(combination)}): {error}"
            raise type(error)(msg) from error
        name = combination.label or grid.UNSAFE.sub("-", settings["name"])
        run = Planned(name, settings["seed"], placed(settings, folder, name, inputs), swept=dict(combination.swept))
        mark = run.id.rpartition("-")[2]
        if mark in planned:
            log.info(
                "%s (%s): the same run as %s, which is executed once", run.id, _said(combination), planned[mark].id
            )
        planned.setdefault(mark, run)
    if len(combinations) > 1:
        log.info("%d runs are composed and checked", len(combinations))
    _begun(planned, folder, inputs)
    require("only", only, (run.name for run in planned.values()))
    return [run for run in planned.values() if not only or run.name in only]


def _begun(planned: dict[str, Planned], folder: Path, inputs: Inputs) -> None:
    """Keep the names of runs that the folder already holds, also when the grid has other axes."""
    known = {file.stem[-8:]: file.stem for file in (folder / "queue").glob("*.json")}
    for mark, run in planned.items():
        earlier = [] if mark in known else (folder / "queue").glob(f"{glob.escape(run.id[:-8])}????????.json")
        for file in earlier:  # a run of the same name: what it reads has changed, if nothing else has
            if scientific(json.loads(file.read_text())) == scientific(run.settings):
                log.info("%s: images or weights have changed since %s, so it is another run", run.id, file.stem)
        if (before := known.get(mark)) not in (None, run.id):
            name = before.removesuffix(f"-s{run.seed}-{mark}")
            for logger in run.settings["logger"].values():
                logger |= {key: None for key in ("name", "run_name") if logger.get(key) == run.id}
            planned[mark] = replace(run, name=name, settings=placed(run.settings, folder, name, inputs))


def _said(combination: Combination) -> str:
    """Return the overrides that differ between combinations, as they were typed."""
    keys = (*combination.swept, "seed")
    differing = [line for line in combination.overrides if line.lstrip("+~").partition("=")[0] in keys]
    return " ".join(differing or combination.overrides)


def require(key: str, wanted: Sequence[str], names: Iterable[str]) -> None:
    """Refuse names of runs that do not exist. key: of sweep.yaml, `only` or `baseline`."""
    there = set(names)
    for name in wanted:
        if name not in there:
            msg = f"{key}={name}: the sweep has no such run. {nearest(name, there)}"
            raise ConfigError(msg)


def placed(settings: dict[str, Any], folder: Path, name: str, inputs: Inputs | None = None) -> dict[str, Any]:
    """A run's config with its name and its place in a sweep; a logger's group is the sweep, unless the user named one.

    settings: resolved; changed in place, and given back. inputs: see `identity`.
    """
    run, sweep = f"{name}-s{settings['seed']}-{identity(settings, inputs)}", folder.resolve().name
    settings["name"], settings["run_dir"] = f"{sweep}/{name}", str(folder / run)
    for logger in settings["logger"].values():
        named = {"group": sweep, "name": run, "run_name": run}
        logger |= {key: value for key, value in named.items() if key in logger and logger[key] is None}
    return settings


def sweep_folder(sweep: Sweep, overrides: Sequence[str]) -> Path:
    """Where a sweep lies: `sweep_dir`, or `<runs_dir>/<study>`, or `<runs_dir>/sweeps/<what is swept>-<hash>`.

    The hash is of what was asked, but for the seeds and for what changes no result: with more seeds, other workers or
    another logger the same sweep goes on. `name=NAME`, if said, stands in place of what is swept and the hash.

    overrides: all that go to the runs, with their several values.
    """
    if sweep.sweep_dir:
        return Path(sweep.sweep_dir).expanduser()
    by_key = {override.get_key_element(): override for override in grid.parse(overrides)}
    base = Path(composition.compose([str(by_key["runs_dir"].input_line)] if "runs_dir" in by_key else [])["runs_dir"])
    if sweep.study:
        return base / sweep.study
    if "name" in by_key and not by_key["name"].is_sweep_override() and by_key["name"].value() is not None:
        name = str(by_key["name"].value())
        for part in name.split("/"):
            file_names.require("name", part)
        return base / "sweeps" / name
    idle = {"seed", *NOT_IDENTITY} - {"length"}  # what does not tell sweeps apart: seeds, and keys without effect
    lines = sorted(_text(key, override) for key, override in by_key.items() if not within(key.lstrip("+~"), idle))
    if sweep.search:
        lines += [str(part) for part in (sweep.search, sweep.search_seed, sweep.metric, sweep.pruner)]
    mark = hashlib.sha256("\n".join(lines).encode()).hexdigest()[:6]
    swept = list(grid.dimensions(overrides))
    words = [grid.short_key(key, swept) for key in swept if key != "seed"] or ["run"]
    return base / "sweeps" / f"{grid.UNSAFE.sub('-', '-'.join(words))[:60]}-{mark}"


def _text(key: str, override: Any) -> str:
    """Return an override in a normalized form, so that different spellings are equal."""
    if not override.is_sweep_override():
        return f"{key}={override.get_value_element_as_str()}"
    if override.is_interval_sweep():
        return f"{key}={override.get_value_string().replace(' ', '')}"
    return f"{key}={','.join(sorted(grid.values(override)))}"
