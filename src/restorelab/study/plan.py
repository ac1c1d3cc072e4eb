"""Read conf/study/NAME.yaml and plan its runs: each is composed and checked before the first one starts."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from restorelab import file_names, quoting
from restorelab.config import conf_files, schema, trust
from restorelab.errors import ConfigError, UserError, nearest
from restorelab.runs import hardware
from restorelab.runs.inputs import Inputs
from restorelab.sweep import grid
from restorelab.sweep.composer import Composer
from restorelab.sweep.expand import placed, require
from restorelab.sweep.planned import Planned

REFERENCE = re.compile(r"=@(\w+)$")
"""`ckpt=@gated` in the overrides of a run: the folder of the study's run `gated` of the same seed."""


@dataclass(frozen=True)
class Study:
    """A file of conf/study/.

    `like: OTHER` takes over all of another study but the keys that are given anew; `overrides` then go to each of its
    runs, and entries of `runs` to those alone. So a stand-in on other images is a file of its own.

    Attributes:
        name: of the file.
        title: of the page.
        report: the paper: `name` and `source`; `images`, how many of the dataset's it used, if not all; `hardware`,
            `{kind: gpu or cpu, name: ...}`, on which its times rest.
        data: the dataset of the report; runs on another one are a stand-in, and the page says so.
        seeds: each run is done once with each.
        runs: by name, the overrides of one run as on the command line of train.py.
        tables, figures, claims: by name, config nodes; see the modules of those names.
        cost: whether the page has charts of the metric against parameters, multiply-accumulates and times.
        notes: what a reader should know: what is open in the report, where it errs.
        images: of a stand-in on images of one's own: which ones `data.root` should hold.
    """

    name: str
    title: str
    report: dict[str, Any]
    data: str
    runs: dict[str, list[str]]
    seeds: list[int] = field(default_factory=lambda: [0])
    tables: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, Any] = field(default_factory=dict)
    claims: dict[str, Any] = field(default_factory=dict)
    cost: bool = False
    notes: list[str] = field(default_factory=list)
    images: str = ""

    def planned(
        self, arguments: Sequence[str], only: Sequence[str], *, folder: Path, threads: int | None, listed: bool
    ) -> list[Planned]:
        """See `plan`. arguments: what the command line gives to each run, `seed` included."""
        overrides, seeds = divide(arguments)
        return plan(self, overrides, seeds, only, folder=folder, threads=threads, listed=listed)


def names() -> list[str]:
    """Return the names of all studies."""
    return conf_files.options("study")


def load(name: str) -> Study:
    """Read conf/study/NAME.yaml and check every key of it.

    Raises:
        ConfigError: for a study that is not there, an unknown key, or a value that its key or target does not take.
    """
    file, content = _read(name)
    missing = {"title", "report", "data", "runs"} - content.keys()
    if missing:
        msg = f"{file}: it lacks {', '.join(sorted(missing))}."
        raise ConfigError(msg)
    study = Study(name=name, **content)
    hardware.of_report(study.report)
    for part in ("runs", "tables", "figures", "claims"):
        for entry in getattr(study, part):
            file_names.require(f"{file}: {part}", entry)
    trust.note([study.tables, study.figures, study.claims])
    for part in ("tables", "figures", "claims"):
        for entry, node in getattr(study, part).items():
            schema.check_node(f"{part}.{entry}", node)
    return study


def _read(name: str) -> tuple[Path, dict[str, Any]]:
    """Return the content of a study's file, with what it takes from the study that it is `like`."""
    file = conf_files.find("study", name)
    content = conf_files.read_yaml(file)
    allowed = {f.name for f in fields(Study)} - {"name"} | {"like", "overrides"}
    for key in content:
        if key not in allowed:
            msg = f"{file}: unknown key {key!r}. {nearest(str(key), sorted(allowed))}"
            raise ConfigError(msg)
    like, own_overrides = content.pop("like", None), content.pop("overrides", [])
    if like is None:
        return file, content
    _, base = _read(like)
    more = content.pop("runs", {})
    for run in more:
        if run not in base["runs"]:
            msg = f"{file}: runs.{run}: the study {like} has no such run. {nearest(run, list(base['runs']))}"
            raise ConfigError(msg)
    runs = {run: [*overrides, *own_overrides, *more.get(run, [])] for run, overrides in base["runs"].items()}
    return file, {**base, **content, "runs": runs}


def divide(arguments: Sequence[str]) -> tuple[list[str], list[int] | None]:
    """Divide what goes to the runs of a study into the overrides of each of them, and the seeds; None: the study's.

    Raises:
        ConfigError: for what is no key=value, and for several values of any other key than seed.
    """
    overrides: list[str] = []
    seeds: list[int] | None = None
    for argument, override in zip(arguments, grid.parse(arguments), strict=True):
        if override.get_key_element() == "seed":
            values = grid.values(override) if override.is_sweep_override() else [str(override.value())]
            if not all(value.isdigit() for value in values):
                msg = f"{argument}: expected whole numbers, such as seed=0,1,2 or seed=range(3)."
                raise ConfigError(msg)
            seeds = [int(value) for value in dict.fromkeys(values)]
        elif override.is_sweep_override():
            msg = f"{argument}: several values. A study takes several of seed only; its runs are in its file."
            raise ConfigError(msg)
        else:
            overrides.append(argument)
    return overrides, seeds


def plan(
    study: Study,
    overrides: Sequence[str],
    seeds: Sequence[int] | None,
    only: Sequence[str] = (),
    *,
    folder: Path | None = None,
    threads: int | None = None,
    listed: bool = False,
) -> list[Planned]:
    """Compose and check every run: a typo in the last one is found before the first one starts.

    overrides: for every run, behind its own. seeds: in place of the study's. only: names of runs; with them come those
    that they wait for. folder: of the study; None: `<runs_dir>/<study>`. threads: of a run where nobody says; None:
    all. listed: the runs are only listed, which needs no `data.root`.

    Raises:
        ConfigError: naming the run.
    """
    from restorelab.sweep.checker import Checker  # brings torch

    require("only", only, study.runs)
    wanted = set(only) or set(study.runs)
    for name in reversed(study.runs):
        if name in wanted:
            wanted |= set(_references(study.runs[name]))
    composer, checker, inputs = Composer(threads, listed=listed), Checker(), Inputs()
    planned: dict[tuple[str, int], Planned] = {}
    for seed in seeds if seeds is not None else study.seeds:
        for name, run_overrides in study.runs.items():
            if name not in wanted:
                continue
            try:
                before = _before(study, [*run_overrides, *overrides], seed, planned)
                settings = composer.compose([*_resolved([*run_overrides, *overrides], before), f"seed={seed}"])
                settings = placed(settings, folder or Path(settings["runs_dir"]) / study.name, name, inputs)
                composer.planned[str(Path(settings["run_dir"]).absolute())] = settings
                if all((other.folder / "result.json").is_file() for other in before.values()):
                    checker.check(settings)
            except UserError as error:
                msg = f"run {name}: {error}"
                raise type(error)(msg) from error
            used = tuple(_effective([*run_overrides, *overrides]))
            planned[name, seed] = run = Planned(name, seed, settings, tuple(before), used)
            inputs.promise(run.folder, run.id.rpartition("-")[2])  # what starts from its weights is told by this
    return list(planned.values())


def _effective(overrides: Sequence[str]) -> list[str]:
    """Return the overrides that count: the last one of each key."""
    keys = [override.get_key_element() for override in grid.parse(overrides)]
    return [override for place, override in enumerate(overrides) if keys[place] not in keys[place + 1 :]]


def _references(overrides: Sequence[str]) -> tuple[str, ...]:
    return tuple(match.group(1) for override in overrides if (match := REFERENCE.search(override)))


def _before(
    study: Study, overrides: Sequence[str], seed: int, planned: Mapping[tuple[str, int], Planned]
) -> dict[str, Planned]:
    """Return the runs of the same seed whose weights are needed, by name."""
    before = {}
    for other in _references(overrides):
        if (other, seed) not in planned:
            msg = f"@{other}: no run before it has that name. {nearest(other, list(study.runs))}"
            raise ConfigError(msg)
        before[other] = planned[other, seed]
    return before


def _resolved(overrides: Sequence[str], before: Mapping[str, Planned]) -> list[str]:
    return [
        REFERENCE.sub(lambda match: f"={quoting.quoted(str(before[match.group(1)].folder))}", override)
        for override in overrides
    ]
