"""Finished runs, read from their folders: the input of tables, figures and claims."""

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from torch import nn

from restorelab.config import build
from restorelab.config.run_config import read_config
from restorelab.data.frozen import FrozenSet
from restorelab.data.set_names import degradation_of, set_of
from restorelab.errors import ConfigError, DataError, nearest
from restorelab.runs import history, metric, run_folder

TEXT = ("id", "group", "evaluation")
"""The columns of per_image.csv that are not numbers."""

CROSS = "cross"
"""The folder inside a run's folder that holds the results of evaluations added by crossing."""


@dataclass(frozen=True)
class PerImageValues:
    """One evaluation of one run, image by image: `ids` and `groups` (N), and `columns` by name, each (N) float64."""

    ids: list[str]
    groups: list[str]
    columns: dict[str, np.ndarray]


class Record:
    """One finished run.

    Attributes:
        name: the run's in its study, such as `dual_ae_skip`.
        seed: the run's seed.
        path: its folder.
        config: resolved, plain data.
        shown_config: the config that names and tables show; see `differences.label`.
        result: the content of result.json.
        run: the folder that holds its weights and its curve: `path`, but for what `crossed` gives.
    """

    def __init__(self, name: str, path: Path, run: Path | None = None) -> None:
        self.name, self.path, self.run = name, path, run or path
        self.folder = run_folder.RunFolder(path)
        if not self.folder.result.is_file():
            msg = f"{path} is not a finished run: it has no result.json."
            raise DataError(msg)
        self.config = read_config(path)
        self.result: dict[str, Any] = json.loads(self.folder.result.read_text())
        self.shown_config = self.config
        metric.learn(self.result.get("higher_is_better", {}))
        self.seed = int(self.config["seed"])

    @property
    def evaluations(self) -> list[str]:
        """Names of the degradations the run was measured under, in order; `set12/gaussian_25` on a named test set."""
        return [entry["degradation"] for entry in self.result["evaluations"]]

    @property
    def trained_noise(self) -> dict[str, Any] | None:
        """The config node of the noise that its weights were trained on; None where that is not known.

        An evaluation of a checkpoint (`train=false`) keeps that of the checkpoint's run in result.json.
        """
        if self.config.get("external"):
            return None
        own = self.config.get("noise") if self.config.get("train", True) or not self.config.get("ckpt") else None
        noise: dict[str, Any] | None = self.result.get("trained_noise", own)
        return noise

    @cached_property
    def crossed(self) -> "Record | None":
        """The same run under the evaluations that crossing added (see `restorelab.compare.cross`); None without any.

        Its `result["skipped"]` says, by evaluation, why the network could not be measured under it.
        """
        folder = run_folder.RunFolder(self.path / CROSS)
        return Record(self.name, folder.path, self.path) if folder.result.is_file() else None

    def under(self, evaluation: str) -> "Record":
        """The record that holds an evaluation: this one, or `crossed`.

        Raises:
            ConfigError: where neither was measured under it.
        """
        beside = self.crossed
        if evaluation not in self.evaluations and beside is not None and evaluation in beside.evaluations:
            return beside
        self.evaluation(evaluation)
        return self

    def evaluation(self, name: str) -> dict[str, Any]:
        """The entry of result.json: spec, bits, images, metrics (`test/psnr`, ..., `input/ssim`)."""
        for entry in self.result["evaluations"]:
            if entry["degradation"] == name:
                return entry
        msg = f"run {self.name}: not measured under {name!r}. {nearest(name, self.evaluations)}"
        raise ConfigError(msg)

    def metric(self, evaluation: str, name: str) -> float:
        """One number, such as `metric("impulse_30", "psnr")` of the test set; `input_psnr` is the input's own."""
        key = name.replace("_", "/", 1) if name.startswith("input_") else f"test/{name}"
        metrics = self.evaluation(evaluation)["metrics"]
        if key not in metrics:
            msg = f"run {self.name}: {evaluation} has no {name!r}. {nearest(name, [k.split('/')[1] for k in metrics])}"
            raise ConfigError(msg)
        value = metrics[key]
        return float("nan") if value is None else float(value)

    @cached_property
    def _per_image(self) -> dict[str, PerImageValues]:
        try:
            with self.folder.per_image.open(newline="") as stream:
                head, *rows = csv.reader(stream)
            # By column: a mapping a row takes twice as long, which counts where hundreds of runs are compared.
            columns = dict(zip(head, zip(*rows, strict=True), strict=True)) if rows else {}
            numbers = {name: np.array(list(map(float, texts))) for name, texts in columns.items() if name not in TEXT}
        except (OSError, ValueError) as error:
            msg = f"run {self.name} (seed {self.seed}): {self.folder.per_image} cannot be read ({error})."
            raise DataError(msg) from error
        ids, groups, shown = (np.array(columns.get(name, ()), dtype=object) for name in TEXT)
        by_evaluation = {}
        for name in dict.fromkeys(shown):
            rows_of_name = shown == name
            by_evaluation[name] = PerImageValues(
                list(ids[rows_of_name]), list(groups[rows_of_name]), {c: v[rows_of_name] for c, v in numbers.items()}
            )
        return by_evaluation

    def per_image(self, evaluation: str) -> PerImageValues:
        """The test images of an evaluation."""
        self.evaluation(evaluation)
        if evaluation not in self._per_image:
            msg = f"run {self.name} (seed {self.seed}): per_image.csv has no row of {evaluation}."
            raise DataError(msg)
        return self._per_image[evaluation]

    @cached_property
    def history(self) -> dict[str, list[float]]:
        """Columns of metrics.csv by name, with NaN for empty cells; empty for a run that did not train."""
        file = run_folder.RunFolder(self.run).metrics
        return history.read(file) if file.is_file() else {}

    @property
    def trained(self) -> bool:
        """Return whether the run trained."""
        return bool(self.history)

    def curve(self, column: str) -> tuple[np.ndarray, np.ndarray]:
        """The steps at which a column of metrics.csv was measured, and its values there.

        Raises:
            ConfigError: for a column that is not there.
            DataError: for a run that did not train, or never measured it.
        """
        title = f"run {self.name} (seed {self.seed})"
        if not self.trained:
            msg = f"{title}: it did not train."
            raise DataError(msg)
        if column not in self.history:
            msg = f"{title}: metrics.csv has no {column!r}. {nearest(column, set(self.history) - {'step', 'epoch'})}"
            raise ConfigError(msg)
        steps, measured = np.array(self.history["step"]), np.array(self.history[column])
        kept = np.isfinite(measured)
        if not kept.any():
            msg = f"{title}: {column} was never measured, or never a number."
            raise DataError(msg)
        return steps[kept], measured[kept]

    def net(self, evaluation: str) -> nn.Module:
        """The network, in evaluation mode; with the values that were tuned for this evaluation, where there are any."""
        from restorelab.runs import loading

        net: nn.Module = loading.load(self.run, "cpu", model=None, clamp=False, packages=())
        tuned = self.evaluation(evaluation).get("tuned")
        if tuned:
            net.settings.use(**tuned)  # type: ignore[union-attr, operator]
        return net

    @property
    def external(self) -> bool:
        """Return whether this is an external method: it has outputs but no network (see `restorelab.exchange`)."""
        return bool(self.config.get("external"))

    def frozen(self, evaluation: str) -> FrozenSet:
        """The test images the run was measured on; needs the dataset (or its cache).

        Raises:
            DataError: where the dataset is not there any more, or is another one now.
        """
        from restorelab.runs import split_file

        built, name = build.parts(self.config), degradation_of(evaluation)
        tests = {key: test for key, test in built.tests.items() if key == set_of(evaluation)}
        data = built.data({name: built.evaluations[name]}, tests, kept=split_file.read(self.run))
        frozen = data.frozen("test")[0]
        self.require_unchanged(frozen)
        return frozen

    def require_unchanged(self, frozen: FrozenSet) -> None:
        """Raise DataError if the run was measured on another set than this one under its evaluation."""
        name = frozen.evaluation.name
        if frozen.spec != self.evaluation(name)["spec"]:
            msg = f"{name}: the dataset has changed since run {self.name} was measured on it, or how it is evaluated."
            raise DataError(msg)


class Runs(Mapping[str, Sequence[Record]]):
    """The finished runs of a study: by name, one record a seed, ascending. Names keep the study's order.

    Attributes:
        absent: why other runs of the study are not there, by name: "it was left out", "it failed: ...".
        stand_in: why numbers of the report do not belong to these runs, a sentence each; none where they do.
    """

    def __init__(
        self, records: Sequence[Record], absent: Mapping[str, str] | None = None, stand_in: Sequence[str] = ()
    ) -> None:
        self.absent, self.stand_in = dict(absent or {}), list(stand_in)
        self._by_name: dict[str, list[Record]] = {}
        for record in records:
            self._by_name.setdefault(record.name, []).append(record)
        for own_records in self._by_name.values():
            own_records.sort(key=lambda record: record.seed)

    def __getitem__(self, name: str) -> list[Record]:
        if name in self.absent:
            msg = f"run {name}: {self.absent[name]}."
            raise DataError(msg)
        if name not in self._by_name:
            msg = f"no finished run is called {name!r}. {nearest(name, list(self._by_name))}"
            raise ConfigError(msg)
        return self._by_name[name]

    def __contains__(self, name: object) -> bool:
        return name in self._by_name

    def __iter__(self) -> Iterator[str]:
        return iter(self._by_name)

    def __len__(self) -> int:
        return len(self._by_name)

    def mean(self, name: str, evaluation: str, metric: str) -> float:
        """A test metric, averaged over the seeds."""
        return float(np.mean([record.metric(evaluation, metric) for record in self[name]]))
