"""`restorelab export-set`: the frozen inputs of a configuration's evaluations as files, for methods of others."""

import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from restorelab.config import composition, own_keys, trust
from restorelab.config.run_config import read_config
from restorelab.config.schema import require_whole
from restorelab.errors import ConfigError, UserError, listed, nearest
from restorelab.runs import run_folder

USAGE = """\
restorelab export-set out=FOLDER [key=value ...]: the frozen inputs of every evaluation, for any other method.

  data=photos noise=impulse ...   the configuration, as for train: its data, evaluations and protocol count
  run=RUN_DIR     that of a run instead; trust=PACKAGE,... for code of your own that it names
  part=test       test, or val to tune a method on: nothing is ever chosen on test images
  clean=false     true: the true images too
  out=FOLDER      a new folder; what it holds, README.md in it says

  restorelab export-set data=photos noise=impulse out=set
  ... your method reads set/impulse_30/input_exact/*.npy and writes mine/impulse_30/*.npy ...
  restorelab score mine set=set name=mine
"""

OWN = ("out", "part", "clean", "run", "trust")
PARTS = ("test", "val")


def run(argv: Sequence[str]) -> int:
    """Compose, freeze, write; prints where it lies and gives the exit status.

    Raises:
        ConfigError: for a wrong key or value, or an `out` that holds something else.
        DataError: for a dataset that is missing.
    """
    if {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    options, overrides = own_keys.split("export-set", argv, OWN)
    if "out" not in options:
        raise ConfigError("export-set: say where to, out=FOLDER.")
    part, clean = options.get("part", "test"), own_keys.truth("clean", options.get("clean", "false"))
    if part not in PARTS:
        raise ConfigError(f"part={part}: {nearest(part, PARTS)} Nothing is measured on training images.")
    run = Path(options["run"]).expanduser() if "run" in options else None
    with trust.trusting(own_keys.listed(options.get("trust", ""))):
        print(export(_settings(run, overrides), Path(options["out"]).expanduser(), part=part, clean=clean, run=run))
    return 0


def _settings(run: Path | None, overrides: Sequence[str]) -> dict[str, Any]:
    if run is None:
        return composition.compose(overrides)
    if overrides:
        raise ConfigError(f"export-set run={run}: the run's own configuration counts; leave out {' '.join(overrides)}.")
    settings = read_config(run)
    require_whole(settings, run_folder.RunFolder(run).config)
    return settings


def export(
    settings: Mapping[str, Any], out: Path, *, part: str = "test", clean: bool = False, run: Path | None = None
) -> str:
    """Write the set, whole or not at all; gives a summary. One that is there already, with equal images, is left.

    run: whose division of the images counts; None for a new one.

    Raises:
        ConfigError, DataError: as `run`.
    """
    from restorelab.config import build
    from restorelab.exchange import manifest, sets
    from restorelab.exchange.write_set import described, missing, write
    from restorelab.runs import split_file

    if out.exists() and not out.is_dir():
        raise ConfigError(f"out={out}: it is a file; name a new folder.")
    taken = out.is_dir() and any(out.iterdir())
    other = ConfigError(f"out={out}: it holds something else already. Name a new folder, or remove that one.")
    if taken and not (out / manifest.FILE).is_file():
        raise other
    if not build.make("objective", settings["objective"]).restores:
        chosen = settings["choices"].get("objective", "?")
        raise ConfigError(f"objective={chosen}: it restores no images, so none can be exported.")
    plain = sets.without_training(settings)
    built, frozen = sets.open_sets(plain, part, split_file.read(run) if run else None)
    new = described(frozen, built.protocol, plain, part=part, clean=clean)
    if taken:
        if not new.same_images(manifest.read(out)):
            raise other
        if lost := missing(new, out):
            raise ConfigError(f"out={out}: it holds this set without {listed(lost, 3)}. Remove the folder first.")
        return f"{out} holds this set already: {_words(new)}"
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
            place = Path(scratch) / "set"
            write(new, frozen, built.protocol, place)
            place.rename(out)  # onto nothing, or onto an empty folder
    except OSError as error:
        raise UserError(f"out={out}: cannot be written ({error.strerror or error}).") from error
    return f"{_words(new)}\nset: {out.resolve()}"


def _words(new: Any) -> str:
    parts = [f"{entry.name} ({len(entry.images)} images, spec {entry.spec}, bits {entry.bits})"
             for entry in new.evaluations]  # fmt: skip
    return f"{new.part} images under {', '.join(parts)}{', with the true images' if new.clean else ''}"
