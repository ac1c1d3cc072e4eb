"""Check that the parts of many runs fit each other; equal parts are checked once."""

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from restorelab.config import build, schema
from restorelab.config.build import Parts
from restorelab.training import checks, process_group, training_checks
from restorelab.training.process_group import ProcessGroup

TRAINING = ("optimizer", "scheduler")
"""Nodes that are checked by themselves, as no other part of a run reads them."""

UNREAD = (
    *TRAINING, "name", "run_dir", "runs_dir", "data_dir", "resume", "length", "short", "seed", "split_seed",
    "eval_seed", "threads", "max_steps", "max_time", "clip", "debug", "trust",
)  # fmt: skip
"""Keys that `checks.check_fit` does not read, except for those of `TRAINING`; their names and limits are checked."""


class Checker:
    """`checks.check_fit` for many configs. A network is tried once for all seeds and learning rates."""

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
