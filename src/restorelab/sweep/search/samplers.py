"""The samplers of a search. Each draw has its own seed, so that a restart changes nothing."""

import io
import pickle
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import numpy as np
import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import Study
from optuna.trial import FrozenTrial, TrialState

from restorelab.errors import DataError

Points = Sequence[Mapping[str, Any]]


def seed_of(search_seed: int, number: int, part: int) -> int:
    """The seed of one draw: `part` 0 is what a trial's values have in common, 1 and on are its single values.

    A sampler that went on drawing from one stream would draw anew after each restart.
    """
    return int(np.random.SeedSequence([search_seed, number, part]).generate_state(1)[0])


class Grid(BaseSampler):
    """Every point once, in an order drawn from the search's seed, so that a grid cut short still covers the space.

    Optuna's own GridSampler stops its study after the last point, which outside of `optimize` is an error.

    points: values by name.
    """

    def __init__(self, points: Points, search_seed: int) -> None:
        self.points = points
        self.order = np.random.default_rng(search_seed).permutation(len(points))

    def infer_relative_search_space(self, study: Study, trial: FrozenTrial) -> dict[str, BaseDistribution]:
        """Return nothing: the values of a point are looked up one by one."""
        return {}

    def sample_relative(
        self, study: Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return nothing; see `infer_relative_search_space`."""
        return {}

    def sample_independent(
        self, study: Study, trial: FrozenTrial, param_name: str, param_distribution: BaseDistribution
    ) -> Any:
        """Return one value of the point that has the trial's number."""
        return self.points[self.order[trial.number]][param_name]


CMA_STATE = frozenset({
    ("cmaes._cma", "CMA"), ("numpy", "dtype"), ("numpy", "ndarray"), ("numpy._core.numeric", "_frombuffer"),
    ("numpy._core.multiarray", "_reconstruct"), ("numpy._core.multiarray", "scalar"),
})  # fmt: skip
"""The classes and functions in the state of CMA-ES, as Optuna pickles it into the journal."""


class _StateReader(pickle.Unpickler):
    """Unpickles the state of CMA-ES and nothing else: a journal may come from another person."""

    def find_class(self, module: str, name: str) -> Any:
        """Return a class or function of the state."""
        if (module, name) not in CMA_STATE:
            msg = f"search=cma: the journal's state of CMA-ES names {module}.{name}, which is not a part of one. It is "
            raise DataError(f"{msg}not run; search in a new sweep_dir.")
        return super().find_class(module, name)


class Cma(optuna.samplers.CmaEsSampler):
    """Optuna's CMA-ES, without unpickling whatever the journal contains."""

    # Private: Optuna has no public place to replace its unpickling.
    def _restore_optimizer(self, completed_trials: list[FrozenTrial]) -> Any:
        for trial in reversed(completed_trials):
            state = {
                key: value for key, value in trial.system_attrs.items() if key.startswith(self._attr_key_optimizer)
            }
            if state:
                return _StateReader(io.BytesIO(bytes.fromhex(self._concat_optimizer_attrs(state)))).load()
        return None


Make = Callable[[int, Points, int], BaseSampler]
"""Return the sampler for the seed of a draw, the grid's points and the seed of the search."""

SAMPLERS: dict[str | None, Make] = {
    "tpe": lambda seed, points, search_seed: optuna.samplers.TPESampler(seed=seed),
    "random": lambda seed, points, search_seed: optuna.samplers.RandomSampler(seed=seed),
    "cma": lambda seed, points, search_seed: Cma(seed=seed, warn_independent_sampling=False),
    "grid": lambda seed, points, search_seed: Grid(points, search_seed),
}


def hyperband(trials: Sequence[FrozenTrial]) -> optuna.pruners.BasePruner:
    """Hyperband between the first and the last validation of the trials that are done; it prunes nothing before one is.

    Unlike Optuna's automatic choice, which takes 1 step for the least (with validations at 500, 1000 ... 20000 steps
    that makes 10 brackets of which 6 compare nothing), and depends on when the process was started.
    """
    steps = [step for trial in trials if trial.state == TrialState.COMPLETE for step in trial.intermediate_values]
    least = max(1, min(steps, default=0))
    if max(steps, default=0) <= least:
        return optuna.pruners.NopPruner()
    return optuna.pruners.HyperbandPruner(min_resource=least, max_resource=max(steps))


PRUNERS: dict[str | None, Callable[[Sequence[FrozenTrial]], optuna.pruners.BasePruner]] = {
    None: lambda trials: optuna.pruners.NopPruner(),
    "median": lambda trials: optuna.pruners.MedianPruner(),
    "hyperband": hyperband,
}
