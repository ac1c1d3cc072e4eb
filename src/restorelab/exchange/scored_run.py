"""The run folder of an external method, with what a comparison needs; it is written as a whole or not at all."""

import shutil
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from restorelab.config.build import Parts
from restorelab.data.image_table import ImageTable
from restorelab.data.set_names import degradation_of, set_of
from restorelab.data.split_record import Kept, contents_of
from restorelab.errors import UserError
from restorelab.exchange import outputs, stored_outputs
from restorelab.exchange.measuring import Scored
from restorelab.exchange.method import Method
from restorelab.file_names import file_names
from restorelab.models.identity import Identity
from restorelab.report.detail import places
from restorelab.report.panels import PanelRow, panel
from restorelab.report.pixels import rendered
from restorelab.report.png import encoded
from restorelab.runs import split_file
from restorelab.runs.run_folder import RunFolder, choose, write_bytes, write_json, write_text
from restorelab.training import write_results

ABSENT = "restorelab.exchange.no_network.network"


def write(
    built: Parts,
    scored_sets: Sequence[Scored],
    method: Method,
    exported: Path,
    out: Path | None,
    *,
    division: Kept,
    runs_dir: str,
    copy: bool,
) -> Path:
    """Write config.yaml, split.csv.gz, per_image.csv, images/, outputs.json and result.json; return the folder.

    exported: the set. out: None for a new folder in runs_dir. division: of the set, by which its images are found
    again. copy: whether the outputs are copied into the folder.

    Raises:
        UserError: where it cannot be written.
    """
    place = choose(runs_dir, file_names([method.name])[0]) if out is None else out
    try:
        place.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=place.parent, prefix=f".{place.name}-") as scratch:
            new = RunFolder(Path(scratch) / "run")
            new.images.mkdir(parents=True)
            config = _config(built, scored_sets, method, place.resolve())
            write_text(new.config, yaml.safe_dump(config, sort_keys=False, allow_unicode=True))
            write_results.write_per_image(new.per_image, [scored.measured for scored in scored_sets])
            _keep(new, scored_sets[0].measured.frozen.table, division)
            for scored in scored_sets:
                _draw(new.images / f"{scored.measured.name}.png", scored, built, method)
            kept_as = {scored.measured.name: _outputs(new.path, scored, copy=copy) for scored in scored_sets}
            write_json(new.path / stored_outputs.FILE, {"evaluations": kept_as})
            write_json(new.result, _facts(built, scored_sets, method, exported))
            new.path.rename(place)  # onto nothing, or onto an empty folder
    except BaseException as error:
        if out is None:
            shutil.rmtree(place, ignore_errors=True)
        if isinstance(error, OSError):
            raise UserError(f"{place}: cannot be written ({error.strerror or error}).") from error
        raise
    return place.resolve()


def _config(built: Parts, scored_sets: Sequence[Scored], method: Method, place: Path) -> dict[str, Any]:
    evaluations = dict.fromkeys(degradation_of(scored.measured.name) for scored in scored_sets)
    return {
        **built.config,
        "external": True,
        "name": method.name,
        "seed": method.seed,
        "run_dir": str(place),
        "train": False,
        "model": {"_target_": ABSENT, "method": method.name},
        "evaluation": {name: built.config["evaluation"][name] for name in evaluations},
        "choices": {"model": method.name, **built.config["choices"]},
    }


def _keep(new: RunFolder, table: ImageTable, division: Kept) -> None:
    """Record which images were measured, as a run does."""
    contents = contents_of(table)
    parts = {part: {name: shown for name, shown in images.items() if name in contents}
             for part, images in division.parts.items()}  # fmt: skip
    split_file.write(new, replace(division, parts=parts, contents=contents))
    write_json(new.inputs, {"table": table.folder.name})


def _outputs(run: Path, scored: Scored, *, copy: bool) -> dict[str, Any]:
    """Return what outputs.json says of an evaluation, once its outputs are copied, if they are to be."""
    folder, name = scored.folder.resolve(), scored.measured.name
    if not copy:
        return {"folder": str(folder), "images": scored.files}
    inside = run / "outputs" / (name if set_of(name) else scored.folder.name)
    inside.mkdir(parents=True)
    for entry in scored.files.values():
        shutil.copyfile(folder / entry["file"], inside / entry["file"])
    return {"folder": inside.relative_to(run).as_posix(), "images": scored.files}


def _facts(built: Parts, scored_sets: Sequence[Scored], method: Method, exported: Path) -> dict[str, Any]:
    """result.json in the same schema as a run's, null where nothing is known; and how the outputs were."""
    known = write_results.describe(
        built, Identity(), [scored.measured for scored in scored_sets], [], images_per_second=None, seconds=float("nan")
    )
    known_of_method = {"model": method.name, "objective": None, "parameters": method.parameters, "macs": method.macs,
            "seconds": method.seconds, "peak_memory": None}  # fmt: skip
    how = {
        scored.measured.name: {"forms": scored.forms, "outside": scored.outside, "clamped": scored.clamped}
        for scored in scored_sets
    }
    return {**known, **known_of_method, "external": {"set": str(exported.resolve()), "outputs": how}}


def _draw(file: Path, scored: Scored, built: Parts, method: Method) -> None:
    """Make the panel that a run has: degraded, restored, clean and error of a few images."""
    frozen, rows, ids = scored.measured.frozen, [], scored.measured.frozen.ids
    for place in places(len(frozen), frozen.clean, write_results.PICTURES):
        entry = scored.files[ids[place]]
        image = outputs.read(scored.folder / entry["file"], tuple(entry["shape"])).image
        rows.append(PanelRow(ids[place], frozen.image(place), image, frozen.clean(place)))
    file.parent.mkdir(exist_ok=True)  # of a test set
    write_bytes(file, encoded(rendered(panel(rows, built.protocol, f"{method.name}: {scored.measured.name}"))))
