"""A search by Optuna's ask and tell, kept in a journal that survives a kill at any moment."""

import contextlib
import logging
import math
import warnings
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from restorelab.sweep.keys import Sweep
from restorelab.sweep.search import space, target
from restorelab.sweep.search.settings import check_packages, check_same, count, described

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler
    from optuna.study import Study
    from optuna.trial import FrozenTrial

log = logging.getLogger(__name__)

STUDY = "search"
"""Name of the study in the journal. Hyperband divides trials by it: it must not change when a folder is renamed."""

STATES: dict[str, Any] = {"RUNNING": "open", "COMPLETE": "done", "PRUNED": "pruned", "FAIL": "failed"}
"""Optuna's names of a trial's states, and those of restorelab."""

ASKED, VERDICT = "asked", "pruned at"
"""Names of the attributes that are kept with the study, and with a trial that the pruner has stopped."""


State = Literal["done", "failed", "pruned"]
"""How a trial ended."""


@dataclass(frozen=True)
class Trial:
    """Values to train with.

    Attributes:
        number: from 0, in the order of asking; what `Search.report` and `Search.tell` want.
        overrides: all of the command line, each with one value, as Hydra's grammar takes them.
        swept: plain values of what is searched, by key: `{"model": "ae", "optimizer.lr": 0.00123}`.
    """

    number: int
    overrides: list[str]
    swept: dict[str, Any]


@dataclass(frozen=True)
class Row:
    """A line of the search's table.

    Attributes:
        number: of the trial.
        state: `open`: given out, without a result yet.
        value: of the metric; of a pruned trial its last one. None where there is none.
        swept: the searched values, by key.
    """

    number: int
    state: Literal["open", "done", "failed", "pruned"]
    value: float | None
    swept: dict[str, Any] = field(default_factory=dict)


class Search:
    """Gives out trials and keeps what became of them in `FOLDER/optuna.journal`; runs nothing. For one thread.

    A proposal depends on the search's seed, the trial's number, the results so far and the trials that are open,
    and on nothing else: not on restarts. Equal values are given out once: a later trial with the same ones takes over
    the result, and counts as one of `trials`.

    folder: of the sweep. settings: `search`, `trials`, `metric`, `pruner`, `search_seed`. overrides: of the command
    line, without the sweep's own keys. content: what tells the dataset and the weights that the trials read, by key.

    Raises:
        ConfigError: for what cannot be searched, an unknown name, a missing package, or a journal of another search.
        DataError: for a journal that cannot be read.
    """

    def __init__(
        self, folder: Path, settings: Sweep, overrides: Sequence[str], content: Mapping[str, str] | None = None
    ) -> None:
        self.metric, compared = target.checked(settings.metric, overrides)
        self.higher = compared.higher
        self.space = space.read(overrides)
        target.check_comparable(self.metric, self.space.ranges)
        check_packages(settings.search)

        import optuna

        from restorelab.sweep.search import journal, samplers

        self._optuna, self._seed, self._seed_of = optuna, settings.search_seed, samplers.seed_of
        optuna.logging.set_verbosity(optuna.logging.WARNING)
        self._sampler = samplers.SAMPLERS[settings.search]
        self._pruner = samplers.PRUNERS[settings.pruner]
        self._points = self.space.points() if settings.search == "grid" else []
        if settings.search == "cma":
            space.check_cma(self.space)
        self.trials = count(settings.trials, len(self._points))
        folder.mkdir(parents=True, exist_ok=True)
        self.file = folder / journal.NAME
        self._storage = journal.open_journal(self.file)
        self._id = self._begin(described(settings, self.metric, self.space, content or {}))
        for trial in self._all():  # a trial that was being drawn when the process was killed
            if not trial.state.is_finished():
                self._draw(self._trial_id(trial.number))
        self._settle()

    def ask(self) -> Trial | None:
        """The next trial; None when all are given out, or all different ones of a space without intervals.

        Open trials of an earlier session are not among them; see `open_trials`.
        """
        while True:
            trials = self._all()
            if len(trials) >= self.trials:
                return None
            if len({_values(trial) for trial in trials}) == self.space.size():
                log.info("search: all %d different trials are given out", self.space.size())
                return None
            number = self._draw(self._storage.create_new_trial(self._id))
            first = self._first()[number]
            if first == number:
                return self._trial(self._all()[number])
            log.info("search: trial %d has the values of trial %d, and takes over its result", number, first)
            self._settle()

    def report(self, number: int, step: int, value: float) -> bool:
        """Note a validation of an open trial; True where the pruner says that it need not go on.

        Report every validation, in order. One that is known already, of a run that goes on from a checkpoint, changes
        nothing; one that is not finite is not kept. step: of the optimizer (or epochs, but always the same).
        """
        trial = self._all()[number]
        if trial.state.is_finished():  # another session of the search has recorded its end
            return bool(trial.state.name == "PRUNED")
        if VERDICT in trial.user_attrs:
            return True
        known = step in trial.intermediate_values
        if not math.isfinite(value) or (known and step != trial.last_step):
            return False
        if not known:
            self._storage.set_trial_intermediate_value(self._trial_id(trial.number), step, float(value))
        study = self._study()
        pruned = bool(study.pruner.prune(study, self._all()[number]))  # the median pruner gives a NumPy one
        if pruned:  # recorded, because Hyperband decides once: it would let a run that reports this step again continue
            self._storage.set_trial_user_attr(self._trial_id(trial.number), VERDICT, step)
        return pruned

    def tell(self, number: int, state: State, value: float | None = None) -> None:
        """Say how a trial ended. A second time changes nothing: what is in the journal stays.

        value: of the metric. Of a `done` trial the best validation's, which is that of the checkpoint that is kept; not
        finite, or None, makes it a failed one. Of a `pruned` one the last, by default the last reported. Of a `failed`
        one not looked at.
        """
        trial = self._all()[number]
        if trial.state.is_finished():
            return
        if state == "done" and (value is None or not math.isfinite(value)):
            log.warning("search: trial %d ended with %s=%s, so it counts as failed", number, self.metric, value)
            state = "failed"
        if state == "pruned" and value is None and trial.last_step is not None:
            value = trial.intermediate_values[trial.last_step]
        self._end(trial, state, value)
        self._settle()

    def done_trials(self) -> list[Trial]:
        """Return the trials that ran to their end, in any session; of trials with the same values the first."""
        trials = self._all()
        firsts = (trials[number] for number in dict.fromkeys(self._first()))
        return [self._trial(trial) for trial in firsts if trial.state.name == "COMPLETE"]

    def open_trials(self) -> list[Trial]:
        """Return the trials that were given out and have not ended: after a restart, those to continue."""
        first = self._first()
        open_ = [trial for trial in self._whole() if not trial.state.is_finished()]
        return [self._trial(trial) for trial in open_ if first[trial.number] == trial.number]

    def rows(self) -> list[Row]:
        """Return all trials, by number."""
        return [
            Row(
                number=trial.number,
                state=STATES[trial.state.name],
                value=trial.value,
                swept=self.space.swept(trial.params),
            )
            for trial in self._whole()
        ]

    def best(self) -> Row | None:
        """Return the best finished trial, the first of equal ones; None before one is finished."""
        done = [(row.value, row) for row in self.rows() if row.state == "done" and row.value is not None]
        sign = 1 if self.higher else -1
        return max(done, key=lambda pair: sign * pair[0])[1] if done else None

    def _begin(self, now: dict[str, str]) -> int:
        """Open the study or create it; return its id."""
        directions = self._optuna.study.StudyDirection
        if STUDY not in [study.study_name for study in self._storage.get_all_studies()]:
            self._storage.create_new_study([directions.MAXIMIZE if self.higher else directions.MINIMIZE], STUDY)
        number = self._storage.get_study_id_from_name(STUDY)
        before = self._storage.get_study_user_attrs(number).get(ASKED)
        if before is None:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")  # it is marked experimental; only the dashboard looks at it
                self._study().set_metric_names([self.metric])
            self._storage.set_study_user_attr(number, ASKED, now)
        else:
            check_same(before, now, self.file)
        return number

    def _all(self) -> "list[FrozenTrial]":
        """Return the trials by number; they belong to the storage and must not be changed."""
        return self._storage.get_all_trials(self._id, deepcopy=False)

    def _whole(self) -> "list[FrozenTrial]":
        """Return the trials without those that another process is drawing at this moment."""
        return [trial for trial in self._all() if trial.params.keys() == self.space.ranges.keys()]

    def _trial_id(self, number: int) -> int:
        return self._storage.get_trial_id_from_study_id_trial_number(self._id, number)

    def _study(self, sampler: "BaseSampler | None" = None) -> "Study":
        """Return a new study for each use, because a study caches the trials, and its pruner its first decision."""
        study = self._optuna.load_study(study_name=STUDY, storage=self._storage, sampler=sampler)
        study.pruner = self._pruner(study.get_trials(deepcopy=False))
        return study

    def _draw(self, trial_id: int) -> int:
        """Draw the values of a trial that do not exist yet; return its number."""
        trial = self._storage.get_trial(trial_id)
        if trial.params.keys() == self.space.ranges.keys():
            return trial.number
        seeds = [self._seed_of(self._seed, trial.number, part) for part in range(1 + len(self.space.ranges))]
        together, *single = [self._sampler(seed, self._points, self._seed) for seed in seeds]
        study = self._study(together)
        drawn = self._optuna.trial.Trial(study, trial_id)
        drawn.relative_params  # noqa: B018  drawn by reading it: now, by the first sampler, whatever is there already
        for sampler, (key, values) in zip(single, self.space.ranges.items(), strict=True):
            study.sampler = sampler
            values.suggest(drawn, key)
        return trial.number

    def _first(self) -> list[int]:
        """Return by a trial's number the number of the first trial with the same values."""
        first: dict[Any, int] = {}
        return [first.setdefault(_values(trial), trial.number) for trial in self._all()]

    def _settle(self) -> None:
        """Give the open trials that have the values of an ended trial its result."""
        trials = self._all()
        for trial, number in zip(trials, self._first(), strict=True):
            like = trials[number]
            if trial.state.is_finished() or not like.state.is_finished():
                continue
            if like.state.name == "PRUNED" and like.last_step is not None:  # samplers rank pruned trials by that step
                last = like.intermediate_values[like.last_step]
                self._storage.set_trial_intermediate_value(self._trial_id(trial.number), like.last_step, last)
            self._end(trial, STATES[like.state.name], like.value)

    def _end(self, trial: "FrozenTrial", state: State, value: float | None) -> None:
        name = next(name for name, known in STATES.items() if known == state)
        values = [float(value)] if state != "failed" and value is not None and math.isfinite(value) else None
        with contextlib.suppress(self._optuna.exceptions.UpdateFinishedTrialError):  # another session was faster
            self._storage.set_trial_state_values(
                self._trial_id(trial.number), self._optuna.trial.TrialState[name], values
            )

    def _trial(self, trial: "FrozenTrial") -> Trial:
        return Trial(trial.number, self.space.overrides(trial.params), self.space.swept(trial.params))


def _values(trial: "FrozenTrial") -> Any:
    """Return what two equal trials have in common."""
    return tuple(sorted(trial.params.items()))
