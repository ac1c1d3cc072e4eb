"""Make a packaged network from a finished run: `python -m restorelab.exchange.package RUN NAME`.

It writes NAME.safetensors and NAME.json (the model card); see `restorelab.config.packaged`. The weights are stored
in half precision if no restored test image changes by more than `LOSS` dB by that.
"""

import copy
import hashlib
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

from torch import nn

from restorelab import file_names
from restorelab.config import build, own_keys, packaged
from restorelab.data.frozen import FrozenSet
from restorelab.degradations.strength import stretches
from restorelab.errors import ConfigError, UserError
from restorelab.exchange.export_check import Check, compare, in_torch
from restorelab.exchange.export_source import ExportSource
from restorelab.exchange.model_card import card_of
from restorelab.models import weights
from restorelab.noise_level import takes_sigma
from restorelab.runs import run_folder
from restorelab.runs.record import Record

USAGE = """\
python -m restorelab.exchange.package RUN NAME [key=value ...]: a packaged network from a finished run.

  summary=TEXT    one line that says what the network is for
  data=TEXT       what it was trained on
  licence=TEXT    the licence of that data, and of the weights
  command=TEXT    the command that trained it
  measured=RUNS   runs of `restorelab evaluate` with these weights, separated by commas: their numbers go into the
                  card in place of the run's own
  precision=auto  of the stored weights: auto, half or float
  out=FOLDER      where both files go, by default into the package
"""

OWN = ("summary", "data", "licence", "command", "measured", "precision", "out")
REQUIRED = ("summary", "data", "licence", "command")

LOSS = 0.005
"""dB that half precision may change the PSNR of any compared test image: half of the last digit that tables print."""

COMPARED = 12
"""Test images of each evaluation that both precisions are compared on."""


def run(argv: Sequence[str]) -> int:
    """Write both files and print where they are; gives the exit status.

    Raises:
        ConfigError: for a missing or wrong argument.
        DataError: for a run that is not finished.
    """
    if {"-h", "--help"} & set(argv):
        print(USAGE, end="")
        return 0
    plain = [word for word in argv if "=" not in word]
    options, _ = own_keys.split("package", [word for word in argv if "=" in word], OWN, of_run=False)
    missing = [f"{key}=TEXT" for key in REQUIRED if key not in options]
    if len(plain) != 2 or missing:
        raise ConfigError(f"package {' '.join(plain)}: expected RUN NAME {' '.join(missing)}".rstrip())
    precision = options.get("precision", "auto")
    if precision not in ("auto", "half", "float"):
        raise ConfigError(f"precision={precision}: expected auto, half or float.")
    out = Path(options["out"]).expanduser() if "out" in options else packaged.FOLDER
    texts = {key: value for key, value in options.items() if key in REQUIRED}
    measured = [Path(path).expanduser() for path in options["measured"].split(",")] if "measured" in options else []
    print(package(Path(plain[0]).expanduser(), plain[1], texts, out, measured=measured, precision=precision))
    return 0


def package(
    run: Path,
    name: str,
    texts: Mapping[str, str],
    out: Path,
    *,
    measured: Sequence[Path] = (),
    precision: str = "auto",
) -> str:
    """Write NAME.safetensors and NAME.json into a folder; return a summary.

    texts: `summary`, `data`, `licence` and `command`. measured: runs that measured these weights, for the card.

    Raises:
        ConfigError, DataError: as `run`.
    """
    from safetensors.torch import save

    file_names.require("package", name)
    record = Record(name, run)
    measurements = [Record(name, path) for path in measured] or [record]
    for measurement in measurements:
        _require_same_weights(measurement, record.folder.best)
    net: nn.Module = build.make("model", record.config["model"])
    weights.load_into(net, record.folder.best)
    if takes_sigma(net) and not stretches(record.config["noise"].get("sigma")):
        raise ConfigError("package: the network takes the noise level, but the run's noise has no `sigma`.")
    state = weights.state_of(net.eval())
    half = {key: value.half() if value.is_floating_point() else value for key, value in state.items()}
    if precision == "half":
        weights.refuse_not_finite(net, half, "precision=half: the network")
    rounded = copy.deepcopy(net)
    rounded.load_state_dict(half)
    check = None if precision == "float" else _compared(net, rounded, measurements)
    stored_half = precision == "half" or (precision == "auto" and check is not None and check.decibels <= LOSS)
    data = save(half if stored_half else state)
    card = card_of(record, net, texts, measurements) | {
        "name": name,
        "precision": _precision(stored_half, check),
        "sha256": hashlib.sha256(data).hexdigest(),
    }
    out.mkdir(parents=True, exist_ok=True)
    run_folder.write_bytes(out / f"{name}{packaged.WEIGHTS}", data)
    run_folder.write_json(out / f"{name}{packaged.CARD}", card)
    return f"{out / name}{packaged.WEIGHTS}: {len(data):,} bytes, {card['precision']}"


def _require_same_weights(measurement: Record, best: Path) -> None:
    """Raise ConfigError for a run whose numbers are those of other weights."""
    own = weights.find(Path(measurement.config.get("ckpt") or measurement.folder.best), "measured")
    if own.resolve() != best.resolve() and own.read_bytes() != best.read_bytes():
        raise ConfigError(f"measured={measurement.path}: it measured the weights {own}, which are not those of {best}.")


def _compared(net: nn.Module, rounded: nn.Module, measurements: Sequence[Record]) -> Check | None:
    """Compare the network with its copy in half precision; None if the test images are not there."""
    protocol = build.make("protocol", measurements[0].config["protocol"])

    def sets() -> list[FrozenSet]:
        return [record.frozen(name) for record in measurements for name in record.evaluations]

    try:
        return compare(ExportSource(net, {}, sets, protocol), in_torch(rounded), None, COMPARED)
    except UserError as error:
        print(f"package: the precisions were not compared: {error}", file=sys.stderr)
        return None


def _precision(stored_half: bool, check: Check | None) -> str:
    words = "float16" if stored_half else "float32"
    if check is None:
        return words
    return (
        f"{words}; float16 changes the PSNR of {check.images} test images by at most {check.decibels:.4f} dB "
        f"and a pixel by at most {check.pixel:.3f} of 255"
    )


if __name__ == "__main__":
    try:
        sys.exit(run(sys.argv[1:]))
    except UserError as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(error.exit_status)
