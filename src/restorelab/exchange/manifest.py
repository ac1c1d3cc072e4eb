"""manifest.json of an exported set: which image lies in which file, and what names the set."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import restorelab
from restorelab.config.run_config import accepted
from restorelab.config.schema import require_whole
from restorelab.errors import DataError
from restorelab.file_names import refusal

if TYPE_CHECKING:
    from restorelab.data.split_record import Kept

SCHEMA = 1
FILE = "manifest.json"

EXPECTED = (
    "For each image one file of the same name in METHOD/<folder of the evaluation>/, of the size and channels that "
    "`shape` says (channels, height, width): .npy with floats in [0, 1], uint8 or uint16, (H, W) or (H, W, C); or .png "
    "or .tif with 8 or 16 bits, .tif also with floats in [0, 1]. Floats are measured as they are, without rounding."
)
"""What `restorelab score` takes."""

EXACT = (
    "input_exact/*.npy are exact: float32, (H, W) gray, else (H, W, C), what every network of a run is given. "
    "input/*.png are rounded to 8 bits and clipped to [0, 1]: only to be looked at, or for a method that reads nothing "
    "else, which then has another input than the networks (`outside` counts the values that were clipped)."
)


@dataclass(frozen=True)
class ExportedImage:
    """One image: `file` is its name without ending; `shape` (C, H, W) is the output's, `input_shape` the input's."""

    id: str
    group: str
    file: str
    shape: tuple[int, int, int]
    input_shape: tuple[int, int, int]


@dataclass(frozen=True)
class ExportedEvaluation:
    """One evaluation of the set.

    Attributes:
        name: as in the config.
        folder: where its images lie in the set, and a method's outputs in the method's folder.
        spec, bits: of the frozen set; see `restorelab.data.frozen`.
        degradation: the config of it.
        outside: values of the inputs that lie outside [0, 1].
        images: in the set's order.
    """

    name: str
    folder: str
    spec: str
    bits: str
    degradation: Mapping[str, Any]
    outside: int
    images: list[ExportedImage]


@dataclass(frozen=True)
class Manifest:
    """An exported set.

    Attributes:
        part: of the dataset: `test`, or `val` to tune on.
        clean: whether the true images lie in the set.
        protocol: the options that decide the numbers.
        config: resolved; from it the set is made again.
        evaluations: of the set.
        table: the decoded dataset that the images are from; another one means that the dataset changed.
        version: of restorelab that wrote it.
    """

    part: str
    clean: bool
    protocol: Mapping[str, Any]
    config: Mapping[str, Any]
    evaluations: list[ExportedEvaluation]
    table: str = ""
    version: str = restorelab.__version__

    def content(self, protocol: str) -> dict[str, Any]:
        """As manifest.json holds it. protocol: in words."""
        told = {"schema": SCHEMA, "restorelab": self.version, "inputs": EXACT, "expected_outputs": EXPECTED}
        plain = asdict(self)
        plain.pop("version")
        return {**told, "protocol_in_words": protocol, **plain}

    def division(self, variants: Mapping[str, str | None]) -> "Kept":
        """The images of the set, whatever else the dataset has got since, as their part of it.

        variants: by evaluation, the noise of `noise=each` whose images it takes.
        """
        from restorelab.data.split import PARTS
        from restorelab.data.split_record import Kept

        shown = {entry.name: {image.id for image in entry.images} for entry in self.evaluations}
        ids = sorted(set().union(*shown.values()))
        alike = all(len(ids_shown) == len(ids) for ids_shown in shown.values())
        under = {} if alike else {name: of for name, of in variants.items() if of is not None and name in shown}
        images = {image_id: tuple(of for name, of in under.items() if image_id in shown[name]) for image_id in ids}
        return Kept(self.table, {part: images if part == self.part else {} for part in PARTS}, contents={})

    def same_images(self, other: "Manifest") -> bool:
        """Whether two sets hold the same files with the same content."""
        sides = [[m.part, m.clean, [asdict(e) for e in m.evaluations]] for m in (self, other)]
        return json.dumps(sides[0], sort_keys=True) == json.dumps(sides[1], sort_keys=True)


def read(folder: Path) -> Manifest:
    """The manifest of an exported set, which may come from anyone.

    Raises:
        ConfigError: where its config is not that of a run.
        DataError: where the folder is none, or was written by a version that this one does not know.
    """
    file = folder / FILE
    if not file.is_file():
        raise DataError(f"{folder} is not an exported set: it has no {FILE}. restorelab export-set makes one.")
    try:
        content = json.loads(file.read_text())
        if content["schema"] != SCHEMA:
            msg = f"{file}: schema {content['schema']}, and this version reads {SCHEMA}. Export the set anew."
            raise DataError(msg)
        evaluations = [
            ExportedEvaluation(**{**entry, "images": [_image(image) for image in entry["images"]]})
            for entry in content["evaluations"]
        ]
        part, clean, protocol, version = (content[key] for key in ("part", "clean", "protocol", "restorelab"))
        if len({entry.name for entry in evaluations}) != max(len(evaluations), 1) or part not in ("test", "val"):
            raise ValueError(f"evaluations {', '.join(str(entry.name) for entry in evaluations)} of the part {part!r}")
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        msg = f"{file}: cannot be read ({type(error).__name__}: {error}). Export the set anew."
        raise DataError(msg) from error
    _check_names(file, evaluations)
    config = accepted(content.get("config"), file)
    require_whole(config, file)
    return Manifest(part, clean, protocol, config, evaluations, str(content.get("table", "")), version)


def _check_names(file: Path, evaluations: Sequence[ExportedEvaluation]) -> None:
    """Refuse names that lead out of the folder of a method's outputs: the set may come from anyone."""
    # An evaluation of a named test set is SET/EVALUATION.
    whole = [name for entry in evaluations for name in (entry.name, entry.folder)]
    named = [part for name in whole for part in (name.split("/", 1) if isinstance(name, str) else [name])]
    for name in [*named, *(image.file for entry in evaluations for image in entry.images)]:
        if reason := refusal(name):
            msg = f"{file}: the name {str(name)[:60]!r} {reason}, so it can be no file of the set. It is not used."
            raise DataError(msg)


def _image(entry: Mapping[str, Any]) -> ExportedImage:
    shapes = {key: tuple(entry[key]) for key in ("shape", "input_shape")}
    return ExportedImage(**{**entry, **shapes, "id": str(entry["id"])})
