"""`restorelab score`: measure the outputs of any method by the protocol, into a folder like that of a run."""

import math
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from restorelab.config import own_keys, trust
from restorelab.errors import ConfigError, DataError, nearest
from restorelab.exchange.method import Method

if TYPE_CHECKING:
    from restorelab.data.frozen import FrozenSet
    from restorelab.exchange.manifest import ExportedEvaluation, Manifest

USAGE = """\
restorelab score DIR set=FOLDER name=METHOD [key=value ...]: measure any method's outputs by the protocol.

  DIR/<evaluation>/<image>.npy|png|tif   what the method made of the inputs of an exported set (restorelab export-set)
  set=FOLDER      that set
  name=METHOD     what tables call it
  out=RUN_FOLDER  where the result goes; else runs_dir=runs: <runs_dir>/<METHOD>/<date>-<time>
  copy=false      true: the outputs are copied there too; else pictures need them where they are
  root=FOLDER     where the dataset lies here, for its true images, if not where it did for the set
  parameters=N macs=N seconds=S   what is known of the method: trainable parameters (0: it learns nothing, and needs no
                  seeds to be called better), multiply-accumulates for an image, what its training took
  trust=PACKAGE,...   packages whose code the set may name, for images or noise of your own; else only restorelab's
  seed=0          which of several trainings this is: each is scored by itself, under one name

  restorelab score mine set=set name=mine && restorelab compare runs/mine runs/dncnn-photos-gaussian
"""

OWN = ("set", "name", "out", "runs_dir", "copy", "root", "parameters", "macs", "seconds", "seed", "trust")


def run(argv: Sequence[str]) -> int:
    """Check the set, measure and write; print the table and return the exit status.

    Raises:
        ConfigError: for a wrong key or value, or an `out` that holds something.
        DataError: for a set that is not that of the dataset at hand, and for outputs that cannot be measured.
    """
    if not argv or {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    first, *rest = argv
    folder = Path(first).expanduser()
    if "=" in first and not folder.is_dir():
        raise ConfigError(f"score {first}: first comes the folder of the outputs, score DIR set=FOLDER name=METHOD.")
    options, _ = own_keys.split("score", rest, OWN, of_run=False)
    for key in ("set", "name"):
        if key not in options:
            raise ConfigError(f"score: {key}= is missing; score DIR set=FOLDER name=METHOD.")
    if not folder.is_dir():
        raise ConfigError(f"score {first}: there is no such folder.")
    out = Path(options["out"]).expanduser() if "out" in options else None
    copy, root = own_keys.truth("copy", options.get("copy", "false")), options.get("root")
    runs_dir, exported = options.get("runs_dir", "runs"), Path(options["set"]).expanduser()
    with trust.trusting(own_keys.listed(options.get("trust", ""))):
        print(score(folder, exported, _method(options), out, runs_dir=runs_dir, copy=copy, root=root))
    return 0


def _method(options: Mapping[str, str]) -> Method:
    counts = {key: own_keys.whole(key, options[key]) for key in ("parameters", "macs", "seed") if key in options}
    seconds = None
    if "seconds" in options:
        try:
            seconds = float(options["seconds"])
        except ValueError:
            seconds = -1.0
        if not (math.isfinite(seconds) and seconds >= 0):
            raise ConfigError(f"seconds={options['seconds']}: expected a number of seconds, at least 0.")
    return Method(options["name"], seconds=seconds, **counts)


def score(
    folder: Path,
    exported: Path,
    method: Method,
    out: Path | None = None,
    *,
    runs_dir: str = "runs",
    copy: bool = False,
    root: str | None = None,
) -> str:
    """Measure the outputs in `folder` for the set in `exported` and write a run's folder; gives the text to print.

    out: None for a new one in runs_dir. root: of the dataset, where it lies elsewhere now. A `val` set, which methods
    are tuned on, is measured and nothing is written.

    Raises:
        ConfigError, DataError: as `run`.
    """
    if out is not None and out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise ConfigError(f"out={out}: it holds something already; name a new folder.")
    from restorelab.config import build
    from restorelab.exchange import manifest, measuring, scored_run, sets
    from restorelab.report.evaluations import table

    read = manifest.read(exported)
    there = _there(folder, read)
    settings = dict(read.config)
    if root is not None:
        settings["data"] = {**settings["data"], "root": root}
    of = {name: evaluation.of for name, evaluation in build.parts(settings).evaluations.items()}
    division = read.division(of)
    built, frozen = sets.open_sets(settings, read.part, division)
    by_name = {fixed_set.evaluation.name: fixed_set for fixed_set in frozen}
    scored_sets = []
    for entry in read.evaluations:
        if entry.name not in by_name:
            raise DataError(f"{exported}: its config has no evaluation {entry.name}. {nearest(entry.name, by_name)}")
        if entry.name in there:
            _check(read, entry, by_name[entry.name])
            scored_sets.append(measuring.measure(there[entry.name], entry, by_name[entry.name], built.protocol))
    lines = [table([scored.measured.row for scored in scored_sets], title=f"{method.name}, {read.part} set")]
    lines += ["", *(note for scored in scored_sets for note in scored.notes())]
    left = [entry.name for entry in read.evaluations if entry.name not in there]
    if left:
        lines.append(f"not scored, as {folder} has no such folder: {', '.join(left)}")
    lines.append(f"protocol: {built.protocol.describe(frozen[0].channels)}")
    if read.part == "test":
        place = scored_run.write(
            built, scored_sets, method, exported, out, division=division, runs_dir=runs_dir, copy=copy
        )
        lines.append(f"run:      {place}")
    else:
        lines.append(f"{read.part} images are for tuning: no run is written, and nothing is compared on them.")
    return "\n".join(lines)


def _there(folder: Path, read: "Manifest") -> dict[str, Path]:
    """The folders of outputs by evaluation; that of a single evaluation may be `folder` itself.

    Raises:
        DataError: where there is none.
    """
    there = {entry.name: folder / entry.folder for entry in read.evaluations if (folder / entry.folder).is_dir()}
    if not there and len(read.evaluations) == 1 and not any(path.is_dir() for path in folder.iterdir()):
        there = {read.evaluations[0].name: folder}
    if not there:
        wanted = [entry.folder for entry in read.evaluations]
        inside = sorted(path.name for path in folder.iterdir() if path.is_dir())
        hint = nearest(inside[0], wanted) if inside else f"Allowed: {', '.join(wanted)}."
        raise DataError(f"{folder} holds no folder of outputs, named as the set's evaluations are. {hint}")
    return there


def _check(read: "Manifest", entry: "ExportedEvaluation", here: "FrozenSet") -> None:
    """Raise DataError, with the reason, unless the set is that which is made here now."""
    import restorelab

    if (entry.spec, entry.bits) == (here.spec, here.bits):
        return
    ids = [image.id for image in entry.images]
    if ids != here.ids:
        lost = sorted(set(ids) - set(here.ids))
        why = f"the dataset at hand gives {len(here.ids)} {read.part} images, not {len(ids)}"
        why += f", and {lost[0]} is none of them" if lost else " of the same order"
    elif entry.spec != here.spec:
        why = (
            f"its spec is {entry.spec} and here {here.spec}: the true images, the protocol or the recipe are others "
            f"(the set is of version {read.version}, this is {restorelab.__version__})"
        )
    else:
        why = (
            f"the set is the same (spec {entry.spec}) and its degraded images have other bits ({entry.bits}, here "
            f"{here.bits})"
        )
    raise DataError(f"{entry.name}: the outputs cannot be measured: {why}. Export the set anew and restore that.")
