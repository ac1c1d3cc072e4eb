"""From a resolved config to the parts of a run."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from torch import nn

from restorelab import config as configs
from restorelab.data import pairing
from restorelab.data.dataset import Dataset, refuse_degrading
from restorelab.data.frozen import Evaluation
from restorelab.degradations.labels import STAGES, essence
from restorelab.degradations.pipeline import Degradation
from restorelab.engine import Engine
from restorelab.errors import ConfigError, UserError
from restorelab.metrics import Protocol
from restorelab.objectives.objective import Objective


def make(path: str, node: Any, **extra: Any) -> Any:
    """Build what a config node names.

    Raises:
        ConfigError: naming the node, where its target refuses the values.
    """
    from hydra.errors import InstantiationException
    from hydra.utils import instantiate

    try:
        return instantiate(node, _convert_="all", **extra)
    except InstantiationException as error:
        cause = error.__cause__
        while cause is not None:
            if isinstance(cause, UserError):
                said = str(cause)
                raise type(cause)(said if said.startswith(path) else f"{path}: {said}") from cause
            if cause.__cause__ is None:
                break
            cause = cause.__cause__
        reason = f"{type(cause).__name__}: {cause}" if cause else str(error).splitlines()[0]
        msg = f"{path}: {node.get('_target_', node)} refuses these values ({reason})."
        raise ConfigError(msg) from error


@dataclass
class Parts:
    """What a run is made of, before the network: cheap to build, no data read."""

    config: Mapping[str, Any]
    dataset: Dataset
    degradation: Degradation
    evaluations: dict[str, Evaluation]
    objective: Objective
    protocol: Protocol
    engine: Engine

    def net(self) -> nn.Module:
        """The bare network with fresh weights from torch's global generator."""
        return make("model", self.config["model"])


def parts(config: Mapping[str, Any]) -> Parts:
    """Build everything but the network.

    Raises:
        ConfigError: for values that a part refuses.
    """
    configs.check_values(config)
    stages = {stage: config[stage] for stage in STAGES}
    objective: Objective = make("objective", config["objective"])
    protocol: Protocol = make("protocol", config["protocol"])
    dataset: Dataset = make("data", config["data"], least=protocol.least if objective.restores else 1)
    training = Degradation(**{stage: make(stage, node) for stage, node in stages.items()})
    pairing.check(training.noise, dataset.split_by)
    evaluations = {}
    for name, entry in config["evaluation"].items():
        chosen = {stage: entry.get(stage) or stages[stage] for stage in STAGES}
        degradation = Degradation(**{s: make(f"evaluation.{name}.{s}", node) for s, node in chosen.items()})
        if degradation.variants > 1:
            msg = (
                f"evaluation.{name}: it would show each image with {degradation.variants} noises, which is not one "
                f"fixed degradation. Name evaluations instead, such as evaluation=four_noises."
            )
            raise ConfigError(msg)
        of = pairing.variant_of(name, entry.get("of"), training.noise, dataset.split_by)
        evaluations[name] = Evaluation(name, degradation, {s: essence(node) for s, node in chosen.items()}, of)
    if not evaluations:
        msg = "evaluation: it is empty; a run needs at least one, such as evaluation=own."
        raise ConfigError(msg)
    if getattr(dataset.make_source(), "paired", False):  # said before anything is decoded
        optional = "pairs" in config["data"]["source"]
        refuse_degrading(training, advice="Or data.source.pairs=false: the clean images alone." if optional else "")
        for name, evaluation in evaluations.items():
            refuse_degrading(evaluation.degradation, name)
    return Parts(
        config=config,
        dataset=dataset,
        degradation=training,
        evaluations=evaluations,
        objective=objective,
        protocol=protocol,
        engine=make("trainer", config["trainer"]),
    )
