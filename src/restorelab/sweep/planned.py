"""A run that a sweep or a study plans to execute."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from restorelab.runs.run_folder import RunFolder


@dataclass(frozen=True)
class Planned:
    """One run that is composed and checked but has not begun.

    Attributes:
        name: of the architecture or config, equal for all seeds, such as `dual_ae-impulse`; in a study the run's name.
        seed: of this run.
        settings: the resolved config, plain data; `name` and `run_dir` are those of the run in its sweep.
        waits_for: names of the runs of the same seed whose weights it needs.
        overrides: that it was composed of, the command line's included; of a study's run.
        swept: what differs between the runs of the sweep, by key: `{"model": "ae", "optimizer.lr": 0.001}`.
    """

    name: str
    seed: int
    settings: dict[str, Any]
    waits_for: tuple[str, ...] = ()
    overrides: tuple[str, ...] = ()
    swept: dict[str, Any] = field(default_factory=dict)

    @property
    def folder(self) -> Path:
        """The run's folder."""
        return Path(self.settings["run_dir"])

    @property
    def done(self) -> bool:
        """Return whether the run has its result."""
        return RunFolder(self.folder).done

    @property
    def id(self) -> str:
        """The run's id: the name of its folder, `<label>-s<seed>-<hash>`."""
        return self.folder.name
