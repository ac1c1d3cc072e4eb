"""A weighted sum of losses."""

from collections.abc import Mapping

from torch import Tensor, nn

from restorelab.errors import ConfigError, nearest


class Sum(nn.Module):
    """The weighted sum of several losses: `losses` by name, `weights` by the same names.

    Raises ConfigError for an empty sum, a loss without a weight (which would be 1 unintentionally), and a weight
    without a loss.
    """

    def __init__(self, losses: Mapping[str, nn.Module], weights: Mapping[str, float]) -> None:
        super().__init__()
        if not losses:
            raise ConfigError("loss.losses is empty; expected at least one loss")
        for name in weights:
            if name not in losses:
                raise ConfigError(f"loss.weights.{name} has no loss of that name. {nearest(name, losses)}")
        for name in losses:
            if name not in weights:
                raise ConfigError(f"loss.losses.{name} has no weight. {nearest(name, weights)}")
        self.losses = nn.ModuleDict(dict(losses))
        self.weights = {name: float(weights[name]) for name in losses}

    def forward(self, restored: Tensor, clean: Tensor) -> Tensor:
        """Return the weighted sum for `restored` and `clean`, both `(B, C, H, W)`, as a scalar."""
        terms = [weight * self.losses[name](restored, clean) for name, weight in self.weights.items()]
        return sum(terms[1:], start=terms[0])
