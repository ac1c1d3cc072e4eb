"""The metric that a search may use: one of validation. Test images never choose anything."""

from collections.abc import Iterable, Sequence

from restorelab.config import composition, metric_names
from restorelab.errors import ConfigError, nearest
from restorelab.runs.metric import METRICS, Metric, learn

DEFAULT = "val/psnr"


def checked(name: str | None, overrides: Sequence[str] = ()) -> tuple[str, Metric]:
    """The name of the metric to search by, and how it is compared.

    name: `val/psnr`, or `val/psnr/impulse_30` for one evaluation of several; None for the default. overrides: of the
    command line, which may add metrics.

    Raises:
        ConfigError: for a metric of the test images, and for one that no validation measures.
    """
    name = DEFAULT if name is None else name
    part, _, rest = name.partition("/")
    if rest.partition("/")[0] not in METRICS:
        learn(_added(overrides))
    allowed = {f"val/{known}": metric for known, metric in METRICS.items() if _validated(known, metric)}
    if part == "test":
        msg = (
            f"metric={name}: values chosen by the test images would make their own result look better than it is. "
            f"A search looks at the validation images only: {', '.join(allowed)}."
        )
        raise ConfigError(msg)
    plain = f"{part}/{rest.partition('/')[0]}"
    if plain not in allowed:
        msg = f"metric={name}: no validation measures that. {nearest(name, allowed)}"
        raise ConfigError(msg)
    return name, allowed[plain]


def _added(overrides: Sequence[str]) -> dict[str, bool]:
    """Return the metrics that overrides add to the protocol's, by name, with whether more is better."""
    chosen = [override for override in overrides if override.lstrip("+~").startswith("metrics")]
    if not chosen:
        return {}
    from restorelab.config import build
    from restorelab.config.chosen_metrics import per_image  # brings torchmetrics

    nodes = composition.compose(chosen)["metrics"]
    metrics = {
        name: per_image(name, node["_target_"], build.make(f"metrics.{name}", node))
        for name, node in nodes.items()
        if name not in metric_names.PROTOCOL
    }
    return {name: bool(metric.higher_is_better) for name, metric in metrics.items()}


def check_comparable(name: str, keys: Iterable[str]) -> None:
    """Refuse to search keys of the loss by the value of the loss: the values of two losses have different units.

    Raises:
        ConfigError: where the metric is the loss and a searched key belongs to it.
    """
    if name.split("/")[1] != "loss":
        return
    for key in keys:
        if key.split(".")[0] == "loss":
            msg = f"metric={name}: {key} changes what the loss means, so its values cannot be compared. metric=val/psnr"
            raise ConfigError(f"{msg} can.")


def _validated(name: str, metric: Metric) -> bool:
    return metric.source == "image" or name == "loss"
