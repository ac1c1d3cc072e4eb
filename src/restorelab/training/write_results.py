"""The results of a finished run: numbers by image and by evaluation, pictures, and result.json last of all."""

import csv
import io
import logging
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn
from tqdm import tqdm

from restorelab.config import from_checkpoint
from restorelab.config.build import Parts
from restorelab.data.datamodule import DataModule
from restorelab.data.frozen import FrozenSet
from restorelab.degradations.rng import PhiloxDraws
from restorelab.metrics import cost
from restorelab.report.detail import places
from restorelab.report.evaluations import table
from restorelab.report.panels import PanelRow, panel
from restorelab.report.pixels import rendered
from restorelab.report.png import encoded
from restorelab.report.run_curves import curves
from restorelab.report.run_page import UNTESTED, degradation, page
from restorelab.report.trained import trained
from restorelab.restoring.inference import restore
from restorelab.runs import history
from restorelab.runs.run_folder import RunFolder, write_bytes, write_json, write_text
from restorelab.training import checks, machine, tuning
from restorelab.training.evaluation import Measured, evaluate
from restorelab.training.loggers.run_loggers import RunLoggers
from restorelab.training.run_status import RunStatus

log = logging.getLogger(__name__)

SCHEMA = 1
"""Version of result.json."""

PICTURES = 4
"""Test images in the panel of each evaluation, where the config does not say (`pictures`)."""

COSTS = ("parameters", "macs", "seconds", "images_per_second", "peak_memory")
"""The final values of the run that the loggers get besides its metrics."""


def write(
    built: Parts,
    net: nn.Module,
    data: DataModule,
    folder: RunFolder,
    loggers: RunLoggers,
    *,
    channels_last: bool,
    images_per_second: float | None,
    began: float,
    watch: RunStatus,
) -> str:
    """Evaluate on the test set under every evaluation and write all that a run leaves; gives the summary to print.

    began: the run's start, on the monotonic clock; of a resumed run earlier by what was trained before. watch: is told
    how far the evaluation is.
    """
    watch.enter("evaluating")
    device = built.trainer.device
    net = net.to(device)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    draws = PhiloxDraws("objective", data.eval_seed)
    objective = built.objective
    sets, pictures = data.frozen("test"), built.config.get("pictures", PICTURES)
    tuned = [tuning.tuned(net, val, built.protocol) for val in data.frozen("val")] if tuning.wanted(net) else []
    measured = []
    total = sum(map(len, sets))
    with tqdm(total=total, desc="evaluating", unit="image", leave=False, disable=None) as bar:

        def progress(images: int) -> None:
            bar.update(images)
            watch.done += images / total

        for number, frozen in enumerate(sets):
            if tuned:
                net.settings.use(**tuned[number % len(tuned)].values)  # type: ignore[union-attr, operator]
            outputs = partial(watch.restored, folder.path, frozen)
            result = evaluated(built, net, frozen, draws, layout, progress, outputs)
            measured.append(result)
            if objective.restores and pictures:
                _write_panel(folder, net, result, built, loggers, pictures)
            if result.dead is not None and result.dead.any():
                _write_array(folder.images / f"{result.name}_dead.npy", result.dead)
    watch.enter("writing")
    data.verify()
    if measured:
        write_per_image(folder.per_image, measured)
    title = str(built.config["name"])
    if pictures and folder.metrics.is_file() and (rows := history.read(folder.metrics)):
        picture = rendered(curves(rows, title))
        write_bytes(folder.curves, encoded(picture))
        loggers.image("curves", picture)
    facts = describe(
        built, net, measured, [chosen.values for chosen in tuned], None if measured else _input_shape(data),
        images_per_second=images_per_second, seconds=time.monotonic() - began,
    )  # fmt: skip
    panels = {
        result.name: folder.images / f"{result.name}.png" for result in measured if objective.restores and pictures
    }
    protocol = built.protocol.describe(facts["macs_of"][0])
    if note := facts.get("network_note"):
        protocol = f"{protocol} {note[0].upper()}{note[1:]}."
    degradations = {result.name: degradation(result.frozen.evaluation.config) for result in measured}
    learned = trained(built.config, facts, folder)
    write_text(folder.page, page(built.config, facts, protocol, degradations, learned, folder.curves, panels))
    costs = {key: facts[key] for key in COSTS}
    loggers.finish(_summary(measured) | costs | {"status": "done"}, failed=False)
    write_json(folder.result, facts)
    places = {"run": folder.path, **({"pictures": folder.images} if pictures else {}), "report": folder.page}
    lines = [table([result.row for result in measured], title=f"{title}, test set") if measured else UNTESTED]
    if capped := sum(result.capped for result in measured):
        lines.append(f"{capped} PSNR values are at the cap")
    lines += [line for result in measured for line in _undefined(result)]
    lines += [
        "",
        f"protocol: {protocol}",
        *(f"{name + ':':<9} {path}" for name, path in places.items()),
    ]
    return "\n".join(lines)


def _undefined(result: Measured) -> Iterator[str]:
    """Warn of metrics that are not finite for some image, as their means are then not finite either."""
    for name, values in result.values.items():
        if (bad := np.flatnonzero(np.isnan(values))).size:
            first = result.frozen.ids[bad[0]]
            yield f"{name} under {result.name}: NaN for {bad.size} of {len(values)} images ({first}), so it has no mean"


def _summary(measured: Sequence[Measured]) -> dict[str, float]:
    """Return metrics for the loggers: the first evaluation's by name, all with their evaluation's name appended."""
    values = dict(measured[0].metrics()) if measured else {}
    if len(measured) > 1:
        for result in measured:
            values |= {f"{name}/{result.name}": value for name, value in result.metrics().items()}
    return values


def evaluated(
    built: Parts,
    net: nn.Module,
    frozen: FrozenSet,
    draws: PhiloxDraws,
    layout: torch.memory_format,
    progress: Callable[[int], object] = lambda images: None,
    outputs: Callable[[Tensor, Tensor], object] = lambda places, output: None,
) -> Measured:
    """Measure a network on a frozen set by the run's own protocol, metrics and objective.

    progress, outputs: see `evaluate`.
    """
    return evaluate(
        net,
        frozen,
        built.protocol,
        batch_size=built.dataset.eval_batch_size,
        loss=lambda net, sample: built.objective(net, sample, built.degradation, draws),
        measures=built.measures,
        memory_format=layout,
        progress=progress,
        outputs=outputs,
    )


def write_per_image(file: Path, measured: Sequence[Measured]) -> None:
    """per_image.csv: `id, group, evaluation` and the measured columns, one row an image and evaluation."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    columns = list(measured[0].values)
    writer.writerow(["id", "group", "evaluation", *columns])
    for result in measured:
        for i, (name, group) in enumerate(zip(result.frozen.ids, result.frozen.groups, strict=True)):
            writer.writerow([name, group, result.name, *(f"{result.values[c][i]:.9g}" for c in columns)])
    write_text(file, text.getvalue())


@torch.no_grad()
def _write_panel(
    folder: RunFolder, net: nn.Module, result: Measured, built: Parts, loggers: RunLoggers, pictures: int
) -> None:
    rows, frozen = [], result.frozen
    for place in places(len(frozen), frozen.clean, pictures):
        degraded = frozen.image(place)
        prepared = built.protocol.prepare(degraded[None]).to(built.trainer.device)
        ensemble = built.protocol.self_ensemble
        restored = restore(net, prepared, frozen.sigma(place), self_ensemble=ensemble)[0].float().cpu()
        rows.append(PanelRow(frozen.ids[place], degraded, restored, frozen.clean(place)))
    picture = rendered(panel(rows, built.protocol, f"{built.config['name']}: {result.name}"))
    file = folder.images / f"{result.name}.png"
    file.parent.mkdir(exist_ok=True)  # of a test set
    write_bytes(file, encoded(picture))
    loggers.image(f"test/{result.name}", picture)


def _write_array(file: Path, array: np.ndarray) -> None:
    buffer = io.BytesIO()
    np.save(buffer, array)
    file.parent.mkdir(exist_ok=True)
    write_bytes(file, buffer.getvalue())


def describe(
    built: Parts,
    net: nn.Module,
    measured: Sequence[Measured],
    tuned: Sequence[Mapping[str, Any]],
    shape: tuple[int, ...] | None = None,
    *,
    images_per_second: float | None,
    seconds: float,
) -> dict[str, Any]:
    """The content of result.json.

    shape: (C, h, w) of the input whose multiply-accumulates are counted; None for that of the first test image.
    """
    channels, height, width = shape or measured[0].frozen.image(0).shape
    evaluations = [
        {
            "set": result.frozen.part,
            "degradation": result.name,
            "spec": result.frozen.spec,
            "bits": result.frozen.bits,
            "protocol": built.protocol.spec(),
            "images": len(result.frozen),
            "capped": result.capped,
            "seconds": result.seconds,
            "image_seconds": result.image_seconds,
            "dead_pixels": None if result.dead is None else int(result.dead.sum()),
            "tuned": dict(tuned[number % len(tuned)]) if tuned else None,
            "metrics": result.metrics(),
        }
        for number, result in enumerate(measured)
    ]
    return {
        "schema": SCHEMA,
        "model": built.config["choices"].get("model", type(net).__name__),
        "objective": built.config["choices"].get("objective", type(built.objective).__name__),
        "trained_noise": from_checkpoint.trained_noise(built.config),
        "parameters": cost.parameters(net),
        "macs": cost.macs(built.outline, (channels, height, width)) if checks.learnable(built.outline) else None,
        "macs_of": [channels, height, width],
        "higher_is_better": {name: bool(metric.higher_is_better) for name, metric in built.measures.items()},
        "evaluations": evaluations,
        "metrics": measured[0].metrics() if measured else {},
        "seconds": seconds,
        "images_per_second": images_per_second,
        **machine.facts(built.trainer.device),
        **({"network_note": note} if (note := getattr(net, "protocol_note", None)) else {}),
    }


def _input_shape(data: DataModule) -> tuple[int, ...]:
    """Channels, height and width of a training input."""
    batch = data.prepare(next(iter(data.train_dataloader())).to(data.device))
    assert batch.degraded is not None
    return tuple(batch.degraded.shape[1:])
