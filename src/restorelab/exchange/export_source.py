"""The network that `restorelab export` writes, its model card, and the test images that the file is checked on."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from restorelab.config import build, composition, packaged
from restorelab.config.conf_files import options
from restorelab.data.frozen import FrozenSet
from restorelab.errors import ConfigError, DataError
from restorelab.exchange import sets
from restorelab.exchange.model_card import card_of
from restorelab.metrics.protocol import Protocol
from restorelab.models import weights
from restorelab.runs import loading
from restorelab.runs.record import Record
from restorelab.runs.run_folder import RunFolder

USUAL = "gaussian_25"
"""The evaluation of a network whose own are not shipped, or which has none."""


@dataclass(frozen=True)
class ExportSource:
    """A network to export.

    Attributes:
        net: in evaluation mode on the CPU; its output is not clamped.
        card: the model card, see `model_card.card_of`.
        test_sets: opens the fixed test images.
        protocol: how they are measured.
    """

    net: nn.Module
    card: Mapping[str, Any]
    test_sets: Callable[[], list[FrozenSet]]
    protocol: Protocol


def open_source(source: str, texts: Mapping[str, str], measured: Sequence[Path] = ()) -> ExportSource:
    """Open a finished run, a checkpoint in one, or a packaged network.

    texts: what the card says beside what is known. measured: runs that have measured these weights, for the card and
    for its test images; left out, the run itself.

    Raises:
        ConfigError: for weights from elsewhere, networks that restore no images, and numbers of other weights.
        DataError: for a run that is not finished.
    """
    path = Path(source).expanduser()
    network = packaged.of(path)
    if network is not None:
        if measured:
            raise ConfigError(f"measured={measured[0]}: the card of {network.name} has its numbers. Leave it out.")
        card = {**network.card, **texts}
        protocol, test_sets = _photographs(card["channels"], [row["evaluation"] for row in card.get("numbers") or []])
        return ExportSource(packaged.load(network), card, test_sets, protocol)
    run = path if path.is_dir() else loading.run_of(path)
    if run is None:
        weights.find(path, "export")
        raise ConfigError(
            f"export: {path} lies in no run folder, so nothing says which network its weights belong to. Measure it, "
            f"which makes one: restorelab evaluate {path} model=NAME, and export that run."
        )
    net: nn.Module = loading.load(path, "cpu", model=None, clamp=False, packages=())
    if not RunFolder(run).done:
        raise DataError(f"export: {run} is not finished, so its card would have no numbers. Finish it: resume=true.")
    record = Record(run.name, run)
    if not build.make("objective", record.config["objective"]).restores:
        raise ConfigError(f"export: {run} trained a network that restores no images.")
    own = path.is_dir() or path.resolve() == record.folder.best.resolve()
    runs = [Record(folder.name, folder) for folder in measured]
    for other in runs:
        _require_same(other, _weights_of(record) if path.is_dir() else path)
    card = card_of(record, net, texts, runs or ([record] if own else []))
    sets_of = [(other, name) for other in runs or [record] for name in other.evaluations]
    if not sets_of:  # every image was trained on
        protocol, test_sets = _photographs(card["channels"], [])
        return ExportSource(net, card, test_sets, protocol)
    protocol = build.make("protocol", record.config["protocol"])
    return ExportSource(net, card, lambda: [other.frozen(name) for other, name in sets_of], protocol)


def _weights_of(record: Record) -> Path:
    """Return the file of the weights that a run has measured."""
    ckpt = None if record.config.get("train", True) else record.config.get("ckpt")
    return weights.find(Path(ckpt or record.folder.best), "measured")


def _require_same(measurement: Record, file: Path) -> None:
    """Raise ConfigError for a run whose numbers are those of other weights."""
    theirs = _weights_of(measurement)
    if theirs.resolve() != file.resolve() and theirs.read_bytes() != file.read_bytes():
        raise ConfigError(f"measured={measurement.path}: it measured {theirs}, which are not the weights in {file}.")


def _photographs(channels: int, evaluations: Sequence[str]) -> tuple[Protocol, Callable[[], list[FrozenSet]]]:
    """Return the photographs of scikit-image as test images, under those of the evaluations that are shipped."""
    shipped = [name for name in dict.fromkeys(evaluations) if name in options("evaluation")] or [USUAL]
    settings = composition.compose([
        "model=identity", "data=photos", f"data.channels={channels}", "data.test=all", "data.val=0",
        f"evaluation=[{','.join(shipped)}]",
    ])  # fmt: skip
    return build.make("protocol", settings["protocol"]), lambda: sets.open_sets(settings, "test")[1]
