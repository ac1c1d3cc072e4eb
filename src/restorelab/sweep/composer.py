"""Composing many runs: Hydra is asked once for each distinct choice of config groups, values are applied to a copy.

Hydra takes a tenth of a second to compose a run, nearly all of it for the defaults list and its files, which depend on
nothing but the choice of groups. It applies values afterwards, one by one, and so does this; what does not apply goes
to Hydra, which says why.
"""

import copy
import pickle
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hydra import compose, initialize_config_dir
from hydra.core.override_parser.types import Override, OverrideType
from omegaconf import DictConfig, OmegaConf, open_dict
from omegaconf.errors import OmegaConfBaseException

from restorelab import quoting
from restorelab.config import composition, conf_files, hydra_errors
from restorelab.config.overrides import parse
from restorelab.config.schema import conf_dir

UNSAID = "<FOLDER>"
"""Stands for a `data.root` that was not given, where the runs are only listed."""

READS_SEED = re.compile(r"\$\{[^}]*(\bseed\b|\$\{)")
"""An interpolation that takes its value from the seed, or whose value cannot be known from its text."""


@dataclass(frozen=True)
class _Base:
    """The config that Hydra composes for a choice of groups.

    `frozen` is the config, pickled: loading that copies it in a tenth of the time of a deep copy.
    """

    frozen: bytes
    choices: Mapping[str, Any]
    reads_seed: bool


class Composer:
    """Gives what `composition.compose` gives, for many lists of overrides that have much in common.

    threads: what `threads` is where neither the overrides nor a config say; None: all that this process may use.
    listed: the runs are only listed, so that a missing `data.root` becomes `UNSAID` and is no error.
    `planned` holds the configs of runs that are still to be done, by their folder, for those that evaluate them.
    """

    def __init__(self, threads: int | None = None, *, listed: bool = False) -> None:
        self.threads, self.listed = threads, listed
        self.planned: dict[str, dict[str, Any]] = {}
        self._parsed: dict[str, tuple[Override, bool]] = {}
        self._bases: dict[tuple[str, ...], _Base] = {}
        self._but_seed: dict[tuple[str, ...], dict[str, Any]] = {}
        self._seeds: set[int] = set()

    def compose(self, overrides: Sequence[str]) -> dict[str, Any]:
        """Compose one run's config, resolved, with its names checked: plain data that the caller may change.

        Raises:
            ConfigError: as `composition.compose` does.
        """
        overrides = quoting.paths(overrides)
        try:
            parsed = [self._parse(override) for override in composition.prepared(overrides, self.planned)]
            base = self._base([override for override, for_hydra in parsed if for_hydra])
            applied = [override for override, for_hydra in parsed if not for_hydra]
            return self._with_seed(base, applied, overrides)
        except hydra_errors.CAUGHT as error:
            raise hydra_errors.explained(error, overrides) from error

    def _parse(self, override: str) -> tuple[Override, bool]:
        """An override, and whether Hydra has to apply it."""
        if override not in self._parsed:
            (parsed,) = parse([override])
            # a choice from a group, and what only Hydra can apply or refuse
            special = parsed.is_hydra_override() or parsed.is_sweep_override() or parsed.package is not None
            group = conf_files.is_group(parsed.key_or_group)
            self._parsed[override] = parsed, special or (group and not isinstance(parsed.value(), dict))
        return self._parsed[override]

    def _base(self, chosen: Sequence[Override]) -> _Base:
        key = tuple(str(override.input_line) for override in chosen)
        if key not in self._bases:
            with initialize_config_dir(str(conf_dir()), version_base="1.3"):
                composed = compose("train", [*key, *conf_files.searched()], return_hydra_config=True)
            choices = composed.hydra.runtime.choices
            masked = OmegaConf.masked_copy(composed, [str(name) for name in composed if name != "hydra"])
            OmegaConf.set_struct(masked, value=True)  # as Hydra does before it applies values
            reads_seed = bool(READS_SEED.search(OmegaConf.to_yaml(masked)))
            self._bases[key] = _Base(pickle.dumps(masked), choices, reads_seed)
        return self._bases[key]

    def _with_seed(self, base: _Base, applied: Sequence[Override], overrides: Sequence[str]) -> dict[str, Any]:
        """Resolve; for runs that differ in nothing but a seed that nothing else reads, once."""
        seeds = [override for override in applied if override.key_or_group == "seed"]
        key = tuple(line for line in overrides if not line.startswith("seed="))
        seed = seeds[0].value() if len(seeds) == 1 and seeds[0].type is OverrideType.CHANGE else None
        alone = type(seed) is int and not base.reads_seed and not any(map(READS_SEED.search, key))
        if alone and seed in self._seeds and key in self._but_seed:
            return {**copy.deepcopy(self._but_seed[key]), "seed": seed}
        config: DictConfig = pickle.loads(base.frozen)
        if not all(_apply(override, config) for override in applied):
            return composition.compose(overrides)  # Hydra raises the error with its own message
        if config.get("threads", "") is None:
            config.threads = self.threads
        unsaid = self.listed and OmegaConf.is_missing(config.data, "root")
        if unsaid:
            config.data.root = UNSAID
        settings = composition.resolve(config, base.choices, overrides, self.planned)
        if unsaid:
            settings["data"]["root"] = UNSAID  # which was made a path, as every root is
        if alone and isinstance(seed, int):
            self._seeds.add(seed)  # it is within its limits
            self._but_seed[key] = copy.deepcopy(settings)
        return settings


def _apply(override: Override, config: DictConfig) -> bool:
    """Change a value of a config as Hydra does; gives whether it could be."""
    key, value = override.key_or_group, override.value()
    try:
        if override.is_delete():
            present = OmegaConf.select(config, key, throw_on_missing=False)
            if present is None or value not in (None, present):
                return False
            node, _, last = key.rpartition(".")
            with open_dict(config):
                del (OmegaConf.select(config, node) if node else config)[last]
            return True
        new = override.type is not OverrideType.ADD or isinstance(value, dict | list)
        if not new and OmegaConf.select(config, key, throw_on_missing=False) is not None:
            return False
        added = override.type in (OverrideType.ADD, OverrideType.FORCE_ADD)
        OmegaConf.update(config, key, value, merge=True, force_add=added)
    except OmegaConfBaseException:
        return False
    return True
