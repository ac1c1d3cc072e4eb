"""Check that the parts of a run fit each other, before any data is read."""

from math import lcm
from pathlib import Path

import torch
from torch import Tensor, nn

from restorelab.config import metric_names
from restorelab.config.build import Parts
from restorelab.data.dataset import Dataset
from restorelab.data.sample import Sample
from restorelab.degradations.mixture import draws_sigma
from restorelab.degradations.pipeline import Degradation
from restorelab.degradations.rng import TorchDraws
from restorelab.errors import REFUSALS, ConfigError, first_line
from restorelab.metrics.ssim import SSIM_WINDOW
from restorelab.models import weights
from restorelab.noise_level import probe, takes_sigma
from restorelab.runs.metric import learn
from restorelab.training import memory_bounds, training_checks
from restorelab.training.loggers import logger_checks

TRIED = 128
"""Height and width, approximately, at which a network is tried where the data has mixed sizes."""

MEASURED = 256
"""The largest height and width at which a metric is tried; no known metric needs larger images."""


def check_fit(built: Parts) -> None:
    """Send a batch of the data's shape through network, objective and metrics, on the meta device where possible.

    Raises:
        ConfigError: naming the parts that do not fit, and what would.
    """
    device = built.trainer.device
    with memory_bounds.bounded(device):
        net = built.outline
    if not isinstance(net, nn.Module):
        msg = f"model: {built.config['model']['_target_']} builds a {type(net).__name__}, not a torch.nn.Module."
        raise ConfigError(msg)
    _check_memory(built, device)
    check_network(built, net)
    _check_measure(built)
    _check_weights(built, net)
    training_checks.check_training(built)
    training_checks.check_callbacks(built)
    logger_checks.check(built.config["logger"])


def _check_memory(built: Parts, device: torch.device) -> None:
    dataset = built.dataset
    if dataset.size is not None:
        sides = [dataset.size] * 2 if isinstance(dataset.size, int) else dataset.size
        memory_bounds.check_batch("data.size", 1, (dataset.channels, sides[0], sides[1]), device)
    height, width = dataset.train_shape or (TRIED, TRIED)
    for key in ("batch_size", "eval_batch_size"):
        images = getattr(dataset, key)
        memory_bounds.check_batch(
            f"data.{key}", 1 if images == "auto" else images, (dataset.channels, height, width), device
        )


def learnable(net: nn.Module) -> bool:
    """Whether there is anything to train: `fit = False` declares that a network learns nothing."""
    return any(p.requires_grad for p in net.parameters()) and getattr(net, "fit", True)


def check_network(built: Parts, net: nn.Module) -> None:
    """Check that the network accepts the data's degraded images and returns images of the clean size."""
    shape, size = built.dataset.train_shape, getattr(net, "size", None)
    if size and built.dataset.size is None:
        verb = "gives" if getattr(net, "scale", 1) > 1 else "takes"
        msg = f"{_name(built)} {verb} {size[0]}x{size[1]} only, and data.size=null leaves the sizes as they are: "
        msg += f"data.size=[{size[0]},{size[1]}]."
        raise ConfigError(msg)
    check_noise_level(built, net)
    (height, width), degraded_size = sizes(built.dataset, built.degradation, net)
    channels = built.dataset.channels
    what = f"{_name(built)} with {channels}x{height}x{width} images" + (
        "" if degraded_size == (height, width) else f" degraded to {degraded_size[0]}x{degraded_size[1]}"
    )
    clean = torch.zeros(2, channels, height, width, device="meta")
    restores = built.objective.restores
    try:
        with torch.no_grad():
            restored = probe(net.train(), torch.zeros(2, channels, *degraded_size, device="meta"))
    except NotImplementedError:
        return  # an operator without a meta kernel; an error would appear at the first batch
    except REFUSALS as error:
        own = getattr(net, "channels", channels)
        advice = _advice(net, known=bool(shape))
        if own != channels:
            advice = f"Set data.channels={own}, or model.channels={channels}."
        msg = f"{what}: the network does not take them ({first_line(error)}). {advice}"
        raise ConfigError(msg) from error
    if not restores and isinstance(restored, Tensor) and restored.ndim == 2:
        return  # the objective's result depends on the labels of the data
    if not isinstance(restored, Tensor) or not restores or restored.shape != clean.shape:
        got = "x".join(map(str, restored.shape[1:])) if isinstance(restored, Tensor) else f"a {type(restored).__name__}"
        kind = "" if restores else f", and objective={built.config['choices'].get('objective', '?')} wants (B, classes)"
        advice = _advice_on_scale(built, net, height // degraded_size[0]) or _advice(net, known=bool(shape))
        msg = f"{what}: the network gives {got} back{kind}. {advice}"
        raise ConfigError(msg)
    check_objective(built, (channels, height, width), degraded_size)


def check_noise_level(built: Parts, net: nn.Module) -> None:
    """Raise ConfigError if a network takes the noise level and one of its noises does not report any."""
    if not takes_sigma(net):
        return
    met = {f"evaluation.{name}": evaluation.degradation for name, evaluation in built.evaluations.items()}
    if built.config["train"]:
        met[f"noise={built.config['choices'].get('noise', '?')}"] = built.degradation
    for where, degradation in met.items():
        if not draws_sigma(degradation.noise):
            msg = f"{_name(built)} takes the noise level, and {where} draws no sigma. Use noise=gaussian, or a network "
            raise ConfigError(msg + "that does not take it.")


def sizes(dataset: Dataset, degradation: Degradation, net: nn.Module) -> tuple[tuple[int, int], tuple[int, int]]:
    """Height and width of a training image and of its degraded version.

    Where the data says none, those of about `TRIED` pixels that the downsampling and the network can divide.

    Raises:
        ConfigError: for a size or a crop that the degradation, or the factor of real pairs, does not divide.
    """
    factor = dataset.factor
    unit = max(int(getattr(degradation.downsample, "factor", 1)), factor) * int(getattr(net, "multiple", 1))
    side = -(-TRIED // lcm(unit, dataset.multiple)) * lcm(unit, dataset.multiple)
    height, width = dataset.train_shape or (side, side)
    if factor == 1:
        return (height, width), degradation.output_size((height, width))
    if dataset.size:
        msg = f"data.size: the degraded images of the pairs are smaller by {factor} and keep their own size: "
        raise ConfigError(f"{msg}data.size=null data.resize=none, with data.crop for the clean images.")
    if height % factor or width % factor:
        msg = f"data.crop: {height}x{width} is not a multiple of the pairs' factor {factor}."
        raise ConfigError(msg)
    return (height, width), (height // factor, width // factor)


def check_objective(built: Parts, shape: tuple[int, int, int], degraded_size: tuple[int, int]) -> None:
    """Try the objective on one image for real: autocast, which it leaves, knows no meta device."""
    clean = torch.zeros(1, *shape)
    sample = Sample(torch.zeros(1, dtype=torch.int64), clean, clean.new_zeros(1, shape[0], *degraded_size))
    try:
        built.objective(lambda degraded: clean, sample, built.degradation, TorchDraws())
    except REFUSALS as error:
        size = "x".join(map(str, shape))
        msg = f"loss={built.config['choices'].get('loss', '?')} with {size} images: {first_line(error)}"
        raise ConfigError(msg) from error


def _check_measure(built: Parts) -> None:
    if built.protocol.color == "y" and built.dataset.channels not in (1, 3):
        msg = (
            f"protocol.color=y is the luma of RGB, and data.channels={built.dataset.channels}. "
            "Set protocol.color=rgb, which measures all channels together."
        )
        raise ConfigError(msg)
    shape = built.dataset.train_shape if built.dataset.size else None
    if shape and min(shape) - 2 * built.protocol.border < SSIM_WINDOW:
        msg = (
            f"data.size={list(shape)} with protocol.border={built.protocol.border}: SSIM needs at least "
            f"{SSIM_WINDOW}x{SSIM_WINDOW} pixels inside the border."
        )
        raise ConfigError(msg)
    learn({name: bool(metric.higher_is_better) for name, metric in built.measures.items()})
    if built.objective.restores:
        size = built.dataset.size or MEASURED
        check_metrics(built, (size, size) if isinstance(size, int) else (size[0], size[1]))


def check_metrics(built: Parts, size: tuple[int, int]) -> None:
    """Try the metrics that a config adds to the protocol's on an image of a size, or on as much of it as tells.

    Raises:
        ConfigError: naming the metric and what it does not take.
    """
    height, width = (min(side, MEASURED) for side in size)
    channels = built.dataset.channels
    clean = torch.arange(channels * height * width, dtype=torch.float64).mul(0.618034).frac()
    clean = clean.view(1, channels, height, width)
    pair = built.protocol.pair(0.9 * clean, clean)
    for name, metric in built.measures.items():
        if name in metric_names.PROTOCOL:
            continue
        try:
            metric.each(*pair)
        except ImportError as error:
            msg = f"metrics.{name} requires a package that is not installed: {first_line(error)}"
            raise ConfigError(msg) from error
        except REFUSALS as error:
            inside = f", protocol.border={built.protocol.border} inside them," if built.protocol.border else ""
            msg = f"metrics.{name} does not take {channels}x{size[0]}x{size[1]} images{inside}: {first_line(error)}"
            raise ConfigError(msg) from error


def _check_weights(built: Parts, net: nn.Module) -> None:
    ckpt = built.config["ckpt"]
    if built.config["transfer"] is not None:
        weights.transferable(net, Path(built.config["transfer"]))
    if ckpt is not None:
        weights.fitted(net, Path(ckpt))
    elif learnable(net) and not built.config["train"]:
        msg = f"train=false: {_name(built)} has weights to learn. Name them: restorelab evaluate WEIGHTS, or ckpt=FILE."
        raise ConfigError(msg)


def _name(built: Parts) -> str:
    return f"model={built.config['choices'].get('model') or built.config['model']['_target_']}"


def _advice_on_scale(built: Parts, net: nn.Module, smaller: int) -> str | None:
    """What to do about a network that enlarges by another factor than images are smaller by; None if it does not."""
    scale = getattr(net, "scale", 1)
    if scale == smaller or getattr(net, "size", None):
        return None
    enlarges = f"It enlarges by {scale}" if scale > 1 else "It does not enlarge"
    if getattr(built.dataset.make_source(), "paired", False):
        pairs = "as large as the clean ones" if smaller == 1 else f"smaller by {smaller}"
        return f"{enlarges}, and the degraded images of the pairs are {pairs}: choose a network that fits."
    if smaller == 1:
        return f"{enlarges}, and nothing makes images smaller: downsample=bicubic downsample.factor={scale}."
    network = f"model.scale={smaller}" if scale > 1 else f"choose a network that enlarges by {smaller}"
    other = f"downsample.factor={scale}" if scale > 1 else "downsample=none"
    return f"{enlarges}, and downsample.factor={smaller} makes images smaller by {smaller}: {network}, or {other}."


def _advice(net: nn.Module, *, known: bool) -> str:
    size, multiple, scale = getattr(net, "size", None), getattr(net, "multiple", 1), getattr(net, "scale", 1)
    if size and scale > 1:
        input_size = f"{size[0] // scale}x{size[1] // scale}"
        return (
            f"It gives {size[0]}x{size[1]} from {input_size}: data.size=[{size[0]},{size[1]}] downsample=avg_pool "
            f"downsample.factor={scale}."
        )
    if size:
        return f"It takes {size[0]}x{size[1]} only: data.size=[{size[0]},{size[1]}]."
    if multiple > 1:
        return f"Height and width must be multiples of {multiple}: set data.size or data.crop so."
    return "Set data.channels, data.size or data.crop, or choose another model." if known else "Set data.size."
