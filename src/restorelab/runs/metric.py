"""The metrics that runs are compared by: which direction is better, difference or ratio, and relevant differences."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np

from restorelab.errors import ConfigError, nearest


@dataclass(frozen=True)
class Metric:
    """How a metric is compared.

    Attributes:
        label: in a sentence.
        source: `image`: a column of per_image.csv; `evaluation`: one number of a run's evaluation; `run`: one number of
            a run; `picture`: measured on the restored images when it is asked for.
        higher: whether more is better.
        relative: compared by ratio rather than by difference.
        threshold: differences within it do not matter: in the metric's unit, or a share where `relative`.
        form, unit: of a number.
        fixed: a property of the architecture, the same for every seed.
        machine: a property of the machine as well, such as a time.
    """

    label: str
    source: Literal["image", "evaluation", "run", "picture"]
    higher: bool
    relative: bool
    threshold: float
    form: str
    unit: str = ""
    fixed: bool = False
    machine: bool = False

    def text(self, value: float) -> str:
        """A value with its unit."""
        return self.form.format(value) + self.unit

    def difference(self, value: float, low: float, high: float) -> str:
        """A difference with sign and unit, and its interval where it has a width.

        For a relative metric the three are logarithms of a ratio.
        """
        if self.relative:
            text, *ends = (f"x{ratio:.3g}" for ratio in np.exp([value, low, high]))
        else:
            text, *ends = ("+" * (number >= 0) + self.form.format(number) for number in (value, low, high))
            text += self.unit
        return text if low == high else f"{text} [{', '.join(ends)}]"

    def limit(self, value: float) -> str:
        """A threshold: with its unit, or as a percentage."""
        return f"{100 * value:.3g}%" if self.relative else self.text(value)


METRICS: dict[str, Metric] = {
    # 0.05 dB is the protocol's; the other thresholds are this project's: what its tables show as the same number.
    "psnr": Metric("PSNR", "image", True, False, 0.05, "{:.2f}", " dB"),
    "ssim": Metric("SSIM", "image", True, False, 0.001, "{:.4f}"),
    "mse": Metric("MSE", "image", False, True, 0.01, "{:.3g}"),
    "ms_ssim": Metric("MS-SSIM", "image", True, False, 0.001, "{:.4f}"),
    "vif": Metric("VIF", "image", True, False, 0.001, "{:.4f}"),
    "uqi": Metric("UQI", "image", True, False, 0.001, "{:.4f}"),
    "scc": Metric("SCC", "image", True, False, 0.001, "{:.4f}"),
    "lpips": Metric("LPIPS", "image", False, False, 0.001, "{:.4f}"),
    "dists": Metric("DISTS", "image", False, False, 0.001, "{:.4f}"),
    "accuracy": Metric("accuracy", "image", True, False, 0.001, "{:.1%}"),
    "entropy": Metric("cross-entropy", "image", False, True, 0.01, "{:.4g}"),
    "loss": Metric("loss", "evaluation", False, True, 0.01, "{:.4g}"),
    "brightness": Metric(
        "brightness of the output above the truth's (500 images)", "picture", True, False, 0.001, "{:.4f}"
    ),
    "detail": Metric("share of the truth's detail kept (500 images)", "picture", True, False, 0.001, "{:.3f}"),
    "beyond": Metric(
        "share of values off by 1 or more before clamping (500 images)", "picture", False, False, 0.0, "{:.4%}"
    ),
    "images_per_second": Metric("training rate", "run", True, True, 0.05, "{:,.0f}", " images/s", machine=True),
    "seconds": Metric("time of the whole run", "run", False, True, 0.05, "{:,.0f}", " s", machine=True),
    "inference_seconds": Metric(
        "time to restore the test set", "evaluation", False, True, 0.05, "{:,.1f}", " s", machine=True
    ),
    "peak_memory": Metric("peak memory", "run", False, True, 0.05, "{:,.0f}", " bytes", machine=True),
    "parameters": Metric("number of parameters", "run", False, True, 0.0, "{:,.0f}", fixed=True),
    "macs": Metric("multiply-accumulates of an image", "run", False, True, 0.0, "{:,.0f}", fixed=True),
}

LOWER = {name for name, metric in METRICS.items() if not metric.higher}
"""Metrics of which less is better."""


def learn(higher: Mapping[str, bool]) -> None:
    """Register metrics that configs added, by name, with whether more is better. Their threshold is 0.

    Raises:
        ConfigError: for two metrics of one name that differ in that.
    """
    for name, more in higher.items():
        if METRICS.setdefault(name, Metric(name, "image", more, False, 0.0, "{:.4g}")).higher != more:
            raise ConfigError(
                f"metrics.{name}: more of it is better in one config and less in another, so two metrics have this "
                "name. Give one of them another name."
            )
        if not more:
            LOWER.add(name)


def heading(name: str) -> str:
    """Return a metric of images as the head of a column or an axis names it: `PSNR (dB)`; others by their key."""
    metric = METRICS.get(name)
    if metric is None or metric.machine or metric.fixed or metric.source == "picture":
        return name
    return f"{metric.label} ({metric.unit.strip()})" if metric.unit else metric.label


def metric_of(name: str, key: str = "metric") -> Metric:
    """The metric of a name.

    Raises:
        ConfigError: for one that is not there; `key` is the option that named it.
    """
    if name not in METRICS:
        msg = f"{key}={name!r}. {nearest(name, METRICS)}"
        raise ConfigError(msg)
    return METRICS[name]
