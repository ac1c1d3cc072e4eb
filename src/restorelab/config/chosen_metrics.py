"""Turn a metric that a config names into one with a value for each image."""

from typing import Any

from torchmetrics import Metric

from restorelab.errors import ConfigError
from restorelab.metrics.one_by_one import OneByOne
from restorelab.metrics.per_image import PerImage


def per_image(name: str, target: str, metric: Any) -> PerImage:
    """Build the target of `metrics.<name>`: the project's metrics unchanged, others applied to each image.

    Raises:
        ConfigError: for what is no metric of a restored and a clean image.
    """
    if isinstance(metric, PerImage):
        return metric
    if not isinstance(metric, Metric):
        msg = f"metrics.{name}: {target} builds a {type(metric).__name__}; expected a torchmetrics.Metric."
        raise ConfigError(msg)
    try:
        return OneByOne(metric)
    except ValueError as error:
        msg = f"metrics.{name}: {target} cannot measure restored images: {error}."
        raise ConfigError(msg) from error
