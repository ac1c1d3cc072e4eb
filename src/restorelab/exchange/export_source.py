"""The network that `restorelab export` writes, its model card, and the test images that the file is checked on."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from restorelab.config import build, composition, packaged
from restorelab.config.conf_files import options
from restorelab.data.frozen import FrozenSet
from restorelab.errors import ConfigError, DataError
from restorelab.exchange import package, sets
from restorelab.metrics.protocol import Protocol
from restorelab.runs import loading
from restorelab.runs.record import Record
from restorelab.runs.run_folder import RunFolder

USUAL = "gaussian_25"
"""The evaluation of a packaged network whose own is not shipped."""


@dataclass(frozen=True)
class ExportSource:
    """A network to export.

    Attributes:
        net: in evaluation mode on the CPU; its output is not clamped.
        card: the model card, see `package.card_of`.
        test_sets: opens the fixed test images.
        protocol: how they are measured.
    """

    net: nn.Module
    card: Mapping[str, Any]
    test_sets: Callable[[], list[FrozenSet]]
    protocol: Protocol


def open_source(source: str, texts: Mapping[str, str]) -> ExportSource:
    """Open a finished run, a checkpoint in one, or a packaged network. texts: what the card says beside what is known.

    Raises:
        ConfigError: for weights from elsewhere, and networks that restore no images.
        DataError: for a run that is not finished.
    """
    path = Path(source).expanduser()
    network = packaged.of(path)
    if network is not None:
        return _of_package(network, texts)
    run = path if path.is_dir() else next((p for p in path.parents[:2] if RunFolder(p).config.is_file()), None)
    net: nn.Module = loading.load(path, "cpu", model=None, clamp=False, packages=())
    assert run is not None  # otherwise `load` raises
    if not RunFolder(run).done:
        raise DataError(f"export: {run} is not finished, so its card would have no numbers. Finish it: resume=true.")
    record = Record(run.name, run)
    if not build.make("objective", record.config["objective"]).restores:
        raise ConfigError(f"export: {run} trained a network that restores no images.")
    protocol: Protocol = build.make("protocol", record.config["protocol"])
    card = package.card_of(record, net, texts, [record])
    return ExportSource(net, card, lambda: [record.frozen(name) for name in record.evaluations], protocol)


def _of_package(network: packaged.Packaged, texts: Mapping[str, str]) -> ExportSource:
    """The photographs of scikit-image stand in for test images, under the evaluations that the card names."""
    named = [row.get("evaluation") for row in network.card.get("numbers") or []]
    evaluations = [name for name in dict.fromkeys(named) if name in options("evaluation")] or [USUAL]
    settings = composition.compose([
        "model=identity", "data=photos", f"data.channels={network.card['channels']}", "data.test=all", "data.val=0",
        f"evaluation=[{','.join(evaluations)}]",
    ])  # fmt: skip
    protocol: Protocol = build.make("protocol", settings["protocol"])
    net = packaged.load(network)
    return ExportSource(net, {**network.card, **texts}, lambda: sets.open_sets(settings, "test")[1], protocol)
