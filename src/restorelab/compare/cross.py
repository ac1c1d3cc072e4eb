"""Crossing: every network under every degradation of its sweep. Where does a model stop working?

What a run was not measured under itself goes into `<run>/cross/`, which reads as a run's folder does (`config.yaml`,
`per_image.csv`, and `result.json` last of all); `Record.crossed` gives it. The run's own result.json stays as it is.
"""

import logging
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch

import restorelab
from restorelab.compare.cross_folder import kept_of, write
from restorelab.compare.crossable import Entry, content, filled, fitting, union
from restorelab.config import build, composition
from restorelab.config.run_config import read_config
from restorelab.data.set_names import degradation_of
from restorelab.degradations.labels import corrected
from restorelab.degradations.rng import PhiloxDraws
from restorelab.errors import DataError, UserError
from restorelab.runs import inputs, split_file
from restorelab.runs.record import Record
from restorelab.runs.run_folder import RunFolder
from restorelab.training import tuning, write_results
from restorelab.training.evaluation import Measured, NotFiniteError

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Crossed:
    """The result of crossing one run.

    Attributes:
        measured: the evaluations that were new.
        skipped: those that its network cannot be measured under, and why.
    """

    measured: list[str]
    skipped: dict[str, str] = field(default_factory=dict)


def cross(folders: Sequence[Path], names: Sequence[str] = ()) -> dict[Path, str]:
    """Measure every run under the evaluations of all runs on its dataset, one run after another.

    folders: of runs; unfinished ones, and methods of others, are passed over. names: further evaluations, files of
    conf/evaluation. Gives the runs that could not be crossed, and why; what is there already is not measured again.

    Raises:
        ConfigError: for an evaluation that is not there.
    """
    failed = {}
    for folder, evaluations in plan(folders, names).items():
        try:
            cross_one(folder, evaluations)
        except (UserError, RuntimeError, OSError) as error:
            failed[folder] = str(error)
            log.warning("%s cannot be evaluated across the sweep: %s", folder, error)
    return failed


def plan(folders: Sequence[Path], names: Sequence[str] = ()) -> dict[Path, dict[str, Entry]]:
    """The evaluations of each run that are not its own: those of all runs that share its test images, and `names`.

    Two different degradations of one name, such as `own`, are told apart by the run that they come from: `own@ae`.

    Raises:
        ConfigError: for an evaluation that is not there.
    """
    further: dict[str, Entry] = {}
    if names:
        further = composition.compose([f"evaluation=[{','.join(names)}]"])["evaluation"]
    configs = {folder: read_config(folder) for folder in folders if RunFolder(folder).done}
    configs = {folder: _with_content(folder, config) for folder, config in configs.items()
               if not config.get("external")}  # fmt: skip
    planned = {}
    for folder, evaluations in union(configs).items():
        config = configs[folder]
        here = {corrected(name, filled(entry, config)): entry for name, entry in further.items()}
        planned[folder] = {
            name: entry for name, entry in {**here, **evaluations}.items() if name not in config["evaluation"]
        }
    return planned


def _with_content(folder: Path, config: Mapping[str, Any]) -> dict[str, Any]:
    """A run's config with the hash of its dataset, which tells whether runs share their images."""
    return {**config, "data": {**config["data"], "content": inputs.read(RunFolder(folder)).get("data")}}


def cross_one(run_dir: Path, evaluations: Mapping[str, Entry]) -> Crossed:
    """Measure one run's network under evaluations that it lacks, and keep that in `<run>/cross/`.

    evaluations: as in a config; a stage that an entry leaves out is the run's own. Those that were measured before,
    with the same degradation and protocol, are left as they are. A network with open parameters is tuned on the
    validation images of each. Runs on the device, and with the threads, of the run's config.

    Raises:
        ConfigError: where the run's weights are not there.
        DataError: where it is no finished run, or where its dataset is missing or another one now.
    """
    record = Record(run_dir.name, run_dir)
    if record.external:
        msg = f"{run_dir}: an external method has outputs and no network, so it cannot be crossed."
        raise DataError(msg)
    requested = {name: filled(entry, record.config) for name, entry in evaluations.items()}
    skipped = _of_other_meaning(record, requested)
    measured_under = {degradation_of(name) for name in record.evaluations}
    requested = {name: entry for name, entry in requested.items() if name not in measured_under}
    stored = kept_of(record, requested)
    done = {degradation_of(name) for name in stored}
    missing = {name: entry for name, entry in requested.items() if name not in done}
    if missing:
        missing, refused = fitting(record.config, missing)
        skipped |= refused
    if not missing and (not skipped or _told(record, skipped)):
        return Crossed([], skipped)
    with _threads(record.config["threads"]):
        measured, entries, without_images = _measure(record, missing) if missing else ([], [], {})
    skipped |= without_images
    write(
        record,
        stored,
        {name: entry for name, entry in missing.items() if name not in map(degradation_of, without_images)},
        measured,
        entries,
        skipped,
    )
    log.info("%s: measured under %s", run_dir.name, ", ".join(result.name for result in measured) or "nothing new")
    return Crossed([result.name for result in measured], skipped)


def _of_other_meaning(record: Record, asked: Mapping[str, Entry]) -> dict[str, str]:
    """Return evaluations with the name of one of the run's own and another degradation."""
    evaluations, measured = record.config["evaluation"], {degradation_of(name) for name in record.evaluations}
    return {
        name: "the run itself was measured under another degradation of this name"
        for name, entry in asked.items()
        if name in measured and content(entry) != content(filled(evaluations[name], record.config))
    }


def _told(record: Record, skipped: Mapping[str, str]) -> bool:
    return record.crossed is not None and record.crossed.result["skipped"].items() >= skipped.items()


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _measure(
    record: Record, evaluations: Mapping[str, Entry]
) -> tuple[list[Measured], list[dict[str, Any]], dict[str, str]]:
    """Measure; return the results, their entries of result.json, and why other evaluations have no images."""
    first = degradation_of(record.evaluations[0])
    config = {**record.config, "evaluation": {first: record.config["evaluation"][first], **evaluations}}
    built = build.parts(config)
    data = built.data(kept=split_file.read(record.path))
    own_set = data.frozen("test")[0]
    sets = [frozen for frozen in data.frozen("test") if degradation_of(frozen.evaluation.name) != first]
    record.require_unchanged(own_set)
    net = restorelab.load(record.path, device=str(built.trainer.device), clamp=False)
    net, channels_last = replace(built.trainer, compile=False).lay_out(net)
    built.objective.to(built.trainer.device)
    draws = PhiloxDraws("objective", data.eval_seed)
    layout = torch.channels_last if channels_last else torch.contiguous_format
    measured, tuned, unmeasured = [], [], {}
    for frozen in sets:
        if not len(frozen):
            unmeasured[frozen.evaluation.name] = "no test image is shown under it"
            continue
        if tuning.wanted(net):
            number = list(built.evaluations).index(degradation_of(frozen.evaluation.name))
            chosen = tuning.tuned(net, data.frozen("val")[number], built.protocol).values
        try:
            result = write_results.evaluated(built, net, frozen, draws, layout)
        except NotFiniteError as error:
            unmeasured[frozen.evaluation.name] = str(error)
            continue
        if tuning.wanted(net):
            tuned.append(chosen)
        measured.append(result)
    if not measured:
        return [], [], unmeasured
    facts = write_results.describe(built, net, measured, tuned, images_per_second=None, seconds=0.0)
    return measured, facts["evaluations"], unmeasured
