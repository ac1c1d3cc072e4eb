"""From conf/study/NAME.yaml to a list of runs, each composed and checked before the first one starts."""

import hashlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

import yaml
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException

from restorelab import build, checks, composition, config
from restorelab.errors import ConfigError, nearest

REFERENCE = re.compile(r"=@(\w+)$")
"""`ckpt=@gated` in the overrides of a run: the folder of the study's run `gated` of the same seed."""

UNSCIENTIFIC = (
    "name", "run_dir", "runs_dir", "data_dir", "resume", "threads", "max_time", "logger", "callbacks.panels",
    "data.root", "data.residency", "data.eval_batch_size", "trainer.bar", "trainer.log_every",
    "trainer.checkpoint_every", "trainer.keep_memory", "trainer.accelerator", "trainer.deterministic",
    "choices", "short", "length",
)  # fmt: skip
"""What does not change what a run finds out: places, how it is shown, how it is computed."""


@dataclass(frozen=True)
class Study:
    """A file of conf/study/.

    `like: OTHER` takes over all of another study but the keys that are given anew; `overrides` then go to each of its
    runs, and entries of `runs` to those alone. So a stand-in on other images is a file of its own.

    Attributes:
        name: of the file.
        title: of the page.
        report: the paper: `name` and `source`.
        data: the dataset of the report; runs on another one are a stand-in, and the page says so.
        seeds: each run is done once with each.
        runs: by name, the overrides of one run as on the command line of train.py.
        tables, figures, claims: by name, config nodes; see the modules of those names.
        notes: what a reader should know: what is open in the report, where it errs.
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
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class Planned:
    """One run of a study, resolved; `waits_for` names the runs whose weights it needs."""

    name: str
    seed: int
    settings: dict[str, Any]
    waits_for: tuple[str, ...]

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return Path(self.settings["run_dir"])


def names() -> list[str]:
    """The studies that there are."""
    folders = [folder for folder in (config.conf_dir(), composition.user_conf()) if folder]
    return sorted(file.stem for folder in folders for file in (folder / "study").glob("*.yaml"))


def load(name: str) -> Study:
    """Read conf/study/NAME.yaml and check every key of it.

    Raises:
        ConfigError: for a study that is not there, an unknown key, or a target that does not take a value.
    """
    file, content = _read(name)
    missing = {"title", "report", "data", "runs"} - content.keys()
    if missing:
        msg = f"{file}: it lacks {', '.join(sorted(missing))}."
        raise ConfigError(msg)
    study = Study(name=name, **content)
    for part in ("tables", "figures", "claims"):
        for entry, node in getattr(study, part).items():
            config.check_node(f"{part}.{entry}", node)
    return study


def _read(name: str) -> tuple[Path, dict[str, Any]]:
    """A study's file, with what it takes from the study that it is `like`."""
    folders = [folder for folder in (composition.user_conf(), config.conf_dir()) if folder]
    file = next((f for folder in folders if (f := folder / "study" / f"{name}.yaml").is_file()), None)
    if file is None:
        msg = f"study={name}: there is no study/{name}.yaml in {' or '.join(map(str, folders))}."
        raise ConfigError(f"{msg} {nearest(name, names())}")
    try:
        content = yaml.safe_load(file.read_text())
    except yaml.YAMLError as error:
        msg = f"{file}: is no YAML ({' '.join(str(error).split())})."
        raise ConfigError(msg) from error
    allowed = {f.name for f in fields(Study)} - {"name"} | {"like", "overrides"}
    for key in content if isinstance(content, dict) else [content]:
        if key not in allowed:
            msg = f"{file}: unknown key {key!r}. {nearest(str(key), sorted(allowed))}"
            raise ConfigError(msg)
    like, own = content.pop("like", None), content.pop("overrides", [])
    if like is None:
        return file, content
    _, base = _read(like)
    more = content.pop("runs", {})
    for run in more:
        if run not in base["runs"]:
            msg = f"{file}: runs.{run}: the study {like} has no such run. {nearest(run, list(base['runs']))}"
            raise ConfigError(msg)
    runs = {run: [*said, *own, *more.get(run, [])] for run, said in base["runs"].items()}
    return file, {**base, **content, "runs": runs}


def split(arguments: Sequence[str]) -> tuple[dict[str, str], list[str], list[int] | None]:
    """Divide a command line into the sweep's own keys (study, dry, only), overrides of every run, and the seeds.

    Raises:
        ConfigError: for what is no key=value, and for several values of any other key than seed.
    """
    own: dict[str, str] = {}
    overrides: list[str] = []
    seeds: list[int] | None = None
    for argument in arguments:
        key, _, value = argument.partition("=")
        if key in ("study", "dry", "only"):
            own[key] = value
            continue
        try:
            override = OverridesParser.create().parse_override(argument)
        except HydraException as error:
            msg = f"{argument}: not of the form key=value ({' '.join(str(error).split())})."
            raise ConfigError(msg) from error
        if key == "seed":
            values = list(override.sweep_iterator()) if override.is_sweep_override() else [override.value()]
            if not all(str(v).isdigit() for v in values):
                msg = f"seed={value}: whole numbers are wanted, such as seed=0,1,2 or seed=range(3)."
                raise ConfigError(msg)
            seeds = [int(str(v)) for v in values]
        elif override.is_sweep_override():
            msg = f"{argument}: several values. A study takes several of seed only; its runs are in its file."
            raise ConfigError(msg)
        else:
            overrides.append(argument)
    return own, overrides, seeds


def plan(
    study: Study, overrides: Sequence[str], seeds: Sequence[int] | None, only: Sequence[str] = ()
) -> list[Planned]:
    """Compose and check every run: a typo in the last one is found before the first one starts.

    overrides: for every run, behind its own. seeds: in place of the study's. only: names of runs; with them come those
    that they wait for.

    Raises:
        ConfigError: naming the run.
    """
    for name in only:
        if name not in study.runs:
            msg = f"only={name}: the study {study.name} has no such run. {nearest(name, list(study.runs))}"
            raise ConfigError(msg)
    wanted = set(only) or set(study.runs)
    for name in reversed(study.runs):
        if name in wanted:
            wanted |= set(_references(study.runs[name]))
    planned: dict[tuple[str, int], Planned] = {}
    for seed in seeds if seeds is not None else study.seeds:
        for name, own in study.runs.items():
            if name not in wanted:
                continue
            try:
                planned[name, seed] = _one(study, name, seed, [*own, *overrides], planned)
            except ConfigError as error:
                msg = f"run {name}: {error}"
                raise ConfigError(msg) from error
    return list(planned.values())


def _references(overrides: Sequence[str]) -> tuple[str, ...]:
    return tuple(found.group(1) for override in overrides if (found := REFERENCE.search(override)))


def _one(
    study: Study, name: str, seed: int, overrides: Sequence[str], before: Mapping[tuple[str, int], Planned]
) -> Planned:
    waits_for = _references(overrides)
    for other in waits_for:
        if (other, seed) not in before:
            msg = f"@{other}: no run before it has that name. {nearest(other, list(study.runs))}"
            raise ConfigError(msg)
    folders = {other: before[other, seed].folder for other in waits_for}
    said = [REFERENCE.sub(lambda found: f"='{folders[found.group(1)]}'", override) for override in overrides]
    settings = composition.compose([*said, f"seed={seed}"])
    identity = _identity(settings)
    folder = Path(settings["runs_dir"]) / study.name / f"{name}-s{seed}-{identity}"
    settings |= {"name": f"{study.name}/{name}", "run_dir": str(folder)}
    if all((path / "result.json").is_file() for path in folders.values()):
        checks.check_fit(build.parts(settings))
    return Planned(name, seed, settings, waits_for)


def _identity(settings: Mapping[str, Any]) -> str:
    """Hash what is scientific in a config. A path to weights counts by the name of their run's folder."""
    plain = json.loads(json.dumps(settings))
    for key in UNSCIENTIFIC:
        *path, last = key.split(".")
        node = plain
        for part in path:
            node = node.get(part) or {}
        node.pop(last, None)
    for weights in ("ckpt", "transfer"):
        if plain.get(weights):
            plain[weights] = Path(plain[weights]).name
    if plain.get("loss", {}).get("ckpt"):
        plain["loss"]["ckpt"] = Path(plain["loss"]["ckpt"]).name
    return hashlib.sha256(json.dumps(plain, sort_keys=True).encode()).hexdigest()[:8]
