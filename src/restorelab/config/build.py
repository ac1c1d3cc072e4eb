"""Build the parts of a run from its resolved config."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cached_property, partial
from importlib import import_module
from typing import TYPE_CHECKING, Any

import torch
from torch import nn

from restorelab import file_names
from restorelab.config import metric_names, trainer_arguments, trust
from restorelab.config import schema as configs
from restorelab.data import pairing
from restorelab.data.dataset import Dataset, Opened, refuse_degrading
from restorelab.data.evaluation import Evaluation
from restorelab.degradations.labels import STAGES, essences
from restorelab.degradations.pipeline import Degradation
from restorelab.errors import ConfigError, UserError

if TYPE_CHECKING:  # to build a network takes none of the training, nor Lightning and torchmetrics
    from restorelab.data.datamodule import DataModule
    from restorelab.data.split_record import Kept
    from restorelab.metrics.measures import Measures
    from restorelab.metrics.protocol import Protocol
    from restorelab.objectives.objective import Objective
    from restorelab.training.trainer_config import TrainerConfig

SPECIAL: dict[str, Any] = {"_target_": "", "_args_": (), "_partial_": False}
"""Keys of a node that determine how its target is called, as in Hydra, and their defaults."""


def make(path: str, node: Any, **extra: Any) -> Any:
    """Build a config node: every mapping with a `_target_`, at any depth, is replaced by the target's result.

    Values are literal, `${...}` included: a composed config is resolved already, and interpolations in a config that
    was read from a file are not evaluated.

    path: of the node, for messages. extra: further arguments of the outermost target.

    Raises:
        ConfigError: naming the node, if a target is not allowed (see `trust`) or refuses the values.
    """
    trust.check(path, node)
    return _built(path, node, extra)


def _built(path: str, node: Any, extra: Mapping[str, Any]) -> Any:
    if isinstance(node, list | tuple):
        return [_built(f"{path}[{place}]", value, {}) for place, value in enumerate(node)]
    if not isinstance(node, Mapping):
        return node
    recursive = node.get("_recursive_", True)
    values = {key: _built(f"{path}.{key}", value, {}) if recursive else value for key, value in node.items()}
    if "_target_" not in node:
        return values
    target, args, as_partial = (values.pop(key, default) for key, default in SPECIAL.items())
    kwargs = {key: value for key, value in values.items() if key not in configs.HYDRA_KEYS} | dict(extra)
    try:
        module, _, name = target.rpartition(".")
        callable_ = getattr(import_module(module), name)
        return partial(callable_, *args, **kwargs) if as_partial else callable_(*args, **kwargs)
    except UserError as error:
        message = str(error)
        raise type(error)(message if message.startswith(path) else f"{path}: {message}") from error
    except ImportError as error:
        raise ConfigError(f"{path}: {target} requires a package that is not installed: {error}") from error
    except Exception as error:
        raise ConfigError(f"{path}: {target} refuses these values ({type(error).__name__}: {error}).") from error


@dataclass
class Parts:
    """The parts of a run, except the network. They are cheap to build and read no data."""

    config: Mapping[str, Any]
    dataset: Dataset
    degradation: Degradation
    evaluations: dict[str, Evaluation]
    objective: "Objective"
    protocol: "Protocol"
    trainer: "TrainerConfig"
    tests: dict[str, Dataset] = field(default_factory=dict)
    val: Dataset | None = None

    @cached_property
    def measures(self) -> "Measures":
        """What is measured of the network's outputs.

        Raises:
            ConfigError: for what is no metric of a restored and a clean image, and for a package that is not installed.
        """
        from restorelab.config.chosen_metrics import per_image

        nodes = metric_names.whole(self.config.get("metrics"))
        added = sorted(nodes.keys() - metric_names.PROTOCOL)
        if added and not self.objective.restores:
            msg = f"metrics.{added[0]}: {type(self.objective).__name__} trains no network that restores images; "
            raise ConfigError(f"{msg}leave it out.")
        metrics = {
            name: per_image(name, node["_target_"], make(f"metrics.{name}", node)) for name, node in nodes.items()
        }
        return self.objective.measures(self.protocol, metrics)

    def net(self) -> nn.Module:
        """Build the network, with initial weights from torch's global generator."""
        return make("model", self.config["model"])

    @cached_property
    def outline(self) -> nn.Module:
        """The network on the meta device: shapes and no weights, for what is found out before it is built."""
        with torch.device("meta"):
            return self.net()

    def data(
        self,
        evaluations: Mapping[str, Evaluation] | None = None,
        tests: Mapping[str, Dataset] | None = None,
        *,
        rank: int = 0,
        world: int = 1,
        opened: Opened | None = None,
        kept: "Kept | None" = None,
        needs: Callable[[], Mapping[str, int] | None] = lambda: None,
    ) -> "DataModule":
        """Make the run's data module; see `DataModule` for the arguments. evaluations, tests: in place of its own."""
        from restorelab.data.datamodule import DataModule

        return DataModule(
            self.dataset,
            self.degradation,
            self.evaluations if evaluations is None else evaluations,
            seed=self.config["seed"],
            split_seed=self.config["split_seed"],
            eval_seed=self.config["eval_seed"],
            protocol=self.protocol.spec(),
            device=self.trainer.device,
            rank=rank,
            world=world,
            smoke=self.config["debug"],
            opened=opened,
            kept=kept,
            tests=self.tests if tests is None else tests,
            val=self.val,
            needs=needs,
        )


def parts(config: Mapping[str, Any]) -> Parts:
    """Build all parts of a run, except the network.

    Raises:
        ConfigError: for values that a part refuses.
    """
    for group in configs.GROUPS:
        trust.check(group, config.get(group))
    configs.check_values(config)
    stages = {stage: config[stage] for stage in STAGES}
    objective: Objective = make("objective", config["objective"])
    protocol: Protocol = make("protocol", config["protocol"])
    dataset: Dataset = make("data", config["data"], least=protocol.least if objective.restores else 1)
    training = Degradation(**{stage: make(stage, node) for stage, node in stages.items()})
    if lacks := [name for name in ("parameters", "variants", "fixed") if not hasattr(training.noise, name)]:
        raise ConfigError(f"noise: {config['noise']['_target_']} lacks {', '.join(lacks)}; see degradations/noise.py.")
    pairing.check(training.noise, dataset.split_by)
    training.jpeg.check_channels(dataset.channels, "jpeg")
    trainer: TrainerConfig = make("trainer", trainer_arguments.grouped(config["trainer"]))
    trainer.check(config, training.noise)
    evaluations = {}
    for name, entry in config["evaluation"].items():
        file_names.require("evaluation", name)  # the config may come from a file
        chosen = {stage: entry.get(stage) or stages[stage] for stage in STAGES}
        degradation = Degradation(**{s: make(f"evaluation.{name}.{s}", node) for s, node in chosen.items()})
        degradation.jpeg.check_channels(dataset.channels, f"evaluation.{name}")
        if degradation.variants > 1:
            raise ConfigError(
                f"evaluation.{name}: it applies {degradation.variants} noises to each image, which is not one fixed "
                "degradation. Choose an evaluation per noise instead, such as evaluation=four_noises."
            )
        of = pairing.variant_of(name, entry.get("of"), training.noise, dataset.split_by)
        evaluations[name] = Evaluation(name, degradation, essences(chosen), of)
    if not evaluations:
        raise ConfigError("evaluation: it is empty; a run needs at least one, such as evaluation=own.")
    if getattr(dataset.make_source(), "paired", False):  # checked before anything is decoded
        optional = "pairs" in config["data"]["source"]
        advice = "Or set data.source.pairs=false to use the clean images alone." if optional else ""
        refuse_degrading(training, advice=advice)
        for name, evaluation in evaluations.items():
            refuse_degrading(evaluation.degradation, name)
    tests, val = (_sets(group, config, dataset, evaluations, objective) for group in ("test", "val"))
    return Parts(
        config, dataset, training, evaluations, objective, protocol, trainer, tests, next(iter(val.values()), None)
    )


def _sets(
    group: str,
    config: Mapping[str, Any],
    dataset: Dataset,
    evaluations: Mapping[str, Evaluation],
    objective: "Objective",
) -> dict[str, Dataset]:
    """Build the sets of the group `test` or `val`; none where a part of the dataset itself is measured."""
    sets = {}
    for name, node in (config.get(group) or {}).items():
        file_names.require(group, name)
        if not objective.restores:
            raise ConfigError(f"{group}.{name}: {type(objective).__name__} restores no images; leave it out.")
        source = make(f"{group}.{name}", node)
        if getattr(source, "paired", False):
            for evaluation in evaluations.values():
                refuse_degrading(evaluation.degradation, evaluation.name, holder=f"{group}.{name}")
        sets[name] = dataset.whole(source)
    return sets
