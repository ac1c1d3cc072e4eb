"""`restorelab evaluate`: measure trained weights, on the test images of their run or on others."""

from collections.abc import Sequence
from pathlib import Path

from restorelab.config import conf_files, own_keys, packaged
from restorelab.errors import ConfigError, nearest

USAGE = """\
restorelab evaluate WEIGHTS [key=value ...]: measure trained weights by the protocol, into a run folder of its own.

  WEIGHTS           a run's folder (its best checkpoint), a checkpoint in one, the name of a packaged network
                    (restorelab restore --help lists them), or a file of weights from elsewhere
  model=dncnn       the network of a file from elsewhere, with data.channels=3 for RGB; a run's own is known.
                    Without WEIGHTS: a classical baseline, such as model=bm3d, or what WEIGHTS may be, model=runs/mine
  data=folder data.root=FOLDER    other images: a folder without train/, val/ and test/ is measured whole;
                    left out: the test images of the run, as it divided them
  evaluation=[gaussian_25,jpeg_10]    degradations to measure under; left out: those of the run
  images=all        write every restored test image, at the depth it was measured in: float32 TIFF, or 8-bit PNG with
                    protocol.quantize=true; images=none (the default) writes pictures of a few
  run_dir=FOLDER    where the results go; else a new folder under runs_dir
  trust=[PACKAGE]   for a run whose config names code of your own

Everything else is as for train; what is left out is that of the run that trained the weights.

  restorelab evaluate runs/mine data=folder data.root=set12 evaluation=gaussian_levels
  restorelab evaluate denoise_gray data=folder data.root=set12 evaluation=gaussian_25_unclipped
  restorelab evaluate model=bm3d model.sigma=25 data=folder data.root=set12 evaluation=gaussian_25_unclipped
  restorelab evaluate weights.pth model=dncnn data=folder data.root=set12 evaluation=gaussian_25_unclipped images=all
"""

OWN = ("images",)
IMAGES = ("all", "none")


def run(argv: Sequence[str]) -> int:
    """Compose, measure and write; print the table and return the exit status.

    Raises:
        ConfigError: for a wrong key or value, and weights whose network is not named.
        DataError: for a dataset that is missing.
    """
    if {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    sources = [argument for argument in argv if "=" not in argument and not argument.startswith(("-", "~", "+"))]
    options, overrides = own_keys.split("evaluate", [word for word in argv if word not in sources], OWN)
    named = [word for word in overrides if word.startswith("model=")]
    if len(sources) > 1 or not (sources or named):
        received = f"it got {len(sources)}: {', '.join(sources)}" if sources else "such as runs/mine or weights.pth"
        raise ConfigError(f"evaluate: expected one run folder or file of weights, {received}.")
    if not sources and (weights := _weights(named[-1].removeprefix("model="))):
        sources, overrides = [weights], [word for word in overrides if word not in named]
    images = options.get("images", "none")
    if images not in IMAGES:
        raise ConfigError(f"images={images}: {nearest(images, IMAGES)}")
    from restorelab.config import evaluation_base
    from restorelab.training.restored_files import RestoredFiles
    from restorelab.training.run_status import RunStatus

    settings = evaluation_base.compose(sources[0] if sources else None, overrides)
    watch = RestoredFiles(depth=8 if settings["protocol"].get("quantize") else 32) if images == "all" else RunStatus()
    from restorelab.cli import main

    status = main.run_one(settings, overrides, watch=watch)
    if isinstance(watch, RestoredFiles) and watch.folder is not None and status == 0:
        print(f"restored: {watch.written} images in {watch.folder}")
    return status


def _weights(model: str) -> str | None:
    """The source of weights that `model=` names; None where it names an option of the config group.

    Raises:
        ConfigError: for a name that is neither.
    """
    known = conf_files.options("model")
    if model in known:
        return None
    if model in packaged.names() or Path(model).expanduser().exists():
        return model
    raise ConfigError(f"model={model}: {nearest(model, [*known, *packaged.names()])}")
