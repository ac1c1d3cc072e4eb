"""Whether the parts of many runs fit each other; what is equal is checked once."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from restorelab.config import build, schema
from restorelab.config.build import Parts
from restorelab.training import checks, process_group, training_checks
from restorelab.training.process_group import ProcessGroup

TRAINING = ("optimizer", "scheduler")
"""Checked by themselves: nothing else of a run reads them."""

UNREAD = (
    *TRAINING, "name", "run_dir", "runs_dir", "data_dir", "resume", "length", "short", "seed", "split_seed",
    "eval_seed", "threads", "max_steps", "max_time", "clip", "debug", "trust",
)  # fmt: skip
"""Keys that `checks.check_fit` does not look at, but for `TRAINING`; the names' check has held them against limits."""


class Checker:
    """`checks.check_fit` for many configs. Seeds and learning rates make no other network: that is tried once."""

    def __init__(self) -> None:
        self._parts: dict[str, Parts] = {}
        self._training: set[str] = set()

    def check(self, settings: Mapping[str, Any]) -> None:
        """Build and try the parts of a resolved config, as far as no equal ones have been.

        Raises:
            ConfigError: naming the parts that do not fit, and what would.
        """
        choices = {key: value for key, value in settings["choices"].items() if key not in TRAINING}
        key = _key({k: v for k, v in settings.items() if k not in UNREAD} | {"choices": choices})
        training = _key({k: settings[k] for k in TRAINING})
        if key not in self._parts:
            built = build.parts(process_group.joined(settings, ProcessGroup()))
            checks.check_fit(built)
            self._parts[key] = built
        elif training not in self._training:
            for name in TRAINING:
                schema.check_node(name, settings[name])
            training_checks.check_training(replace(self._parts[key], config=settings))
        self._training.add(training)


def _key(value: Any) -> str:
    return json.dumps(value, sort_keys=True)
