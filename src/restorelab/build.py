"""From a resolved config to the parts of a run, and the check that they fit each other before any data is read."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from restorelab import config as configs
from restorelab.data.dataset import Dataset
from restorelab.data.frozen import Evaluation
from restorelab.degradations.pipeline import Degradation
from restorelab.engine import Engine
from restorelab.errors import ConfigError, UserError
from restorelab.metrics import Protocol

Objective = Callable[..., tuple[Tensor, Tensor]]
"""`(net, sample, degradation, draws)` to the loss and the restored images."""

STAGES = ("blur", "downsample", "noise")

CHECKED_SHAPE = (128, 128)
"""Height and width that a network is tried at where the data's sizes are mixed."""


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
                raise cause from None
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
        plain = {stage: {k: v for k, v in node.items() if k != "fixed"} for stage, node in chosen.items()}
        evaluations[name] = Evaluation(name, degradation, plain)
    if not evaluations:
        msg = "evaluation: it is empty; a run needs at least one, such as evaluation=own."
        raise ConfigError(msg)
    return Parts(
        config=config,
        dataset=make("data", config["data"]),
        degradation=Degradation(**{stage: make(stage, node) for stage, node in stages.items()}),
        evaluations=evaluations,
        objective=make("objective", config["objective"]),
        protocol=make("protocol", config["protocol"]),
        engine=make("trainer", config["trainer"]),
    )


def check_fit(built: Parts) -> None:
    """Send a batch of the data's shape through the network on the meta device, as training and evaluation will.

    Raises:
        ConfigError: where the network does not take the shape, or does not give the clean image's shape back.
    """
    with torch.device("meta"):
        net = built.net()
    if not isinstance(net, nn.Module):
        msg = f"model: {built.config['model']['_target_']} builds a {type(net).__name__}, not a torch.nn.Module."
        raise ConfigError(msg)
    shape = built.dataset.train_shape
    known = shape is not None
    height, width = shape or _natural(net)
    channels = built.dataset.channels
    given = built.degradation.output_size((height, width))
    what = f"model={built.config['choices'].get('model', '?')} with {channels}x{height}x{width} images" + (
        "" if given == (height, width) else f" degraded to {given[0]}x{given[1]}"
    )
    try:
        with torch.no_grad():
            restored = net.train()(torch.zeros(2, channels, *given, device="meta"))
    except NotImplementedError:
        return  # an operator without a meta kernel: the first batch will tell
    except (RuntimeError, ValueError, TypeError, UserError) as error:
        first = str(error).strip().splitlines()[0]
        msg = f"{what}: the network does not take them ({first}). {_advice(net, known=known)}"
        raise ConfigError(msg) from error
    if tuple(restored.shape) != (2, channels, height, width):
        got = "x".join(map(str, restored.shape[1:]))
        msg = f"{what}: the network gives {got} back. {_advice(net, known=known)}"
        raise ConfigError(msg)


def _natural(net: nn.Module) -> tuple[int, int]:
    size = getattr(net, "size", None)
    return (int(size[0]), int(size[1])) if size else CHECKED_SHAPE


def _advice(net: nn.Module, *, known: bool) -> str:
    size, multiple = getattr(net, "size", None), getattr(net, "multiple", 1)
    if size:
        return f"It takes {size[0]}x{size[1]} only: data.size=[{size[0]},{size[1]}]."
    if multiple > 1:
        return f"Height and width must be multiples of {multiple}: set data.size or data.crop so."
    return "Set data.channels, data.size or data.crop, or choose another model." if known else "Set data.size."
