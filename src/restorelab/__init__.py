"""restorelab: compose, train, measure and compare image restoration networks.

`restorelab.load(run_dir)` gives a trained network back. Importing this package imports nothing heavy.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any

__version__ = "0.2.0"


def compose(*overrides: str) -> Any:
    """A run's config from the same words as on the command line, as an `Experiment`.

    Its `task()` and `data()` are for Lightning's own Trainer; `restorelab.train` runs it as `train.py` does.

    Raises:
        ConfigError: for a wrong word; says what is allowed.
    """
    from restorelab.config import composition
    from restorelab.training.experiment import Experiment

    return Experiment(composition.compose(overrides))


def train(experiment: Any = (), *overrides: str) -> Any:
    """Run an experiment, or what overrides compose, as `train.py` does: with its folder, checkpoints and result.json.

    experiment: of `compose`; or an override, or a list of them. Gives the outcome: `status`, `message`, `run_dir`.
    """
    from restorelab.training.execute import execute

    words = [experiment] if isinstance(experiment, str) else experiment
    if not hasattr(words, "config"):
        words = compose(*words, *overrides)
    return execute(words.config)


def load(
    source: str | PathLike[str],
    device: str = "cpu",
    *,
    model: Any = None,
    clamp: bool = True,
    trust: Sequence[str] = (),
) -> Any:
    """The trained network of a run, in evaluation mode, on `device`: a `torch.nn.Module`.

    It takes degraded images (B, C, h, w) and returns restored ones (B, C, H, W), clamped to [0, 1] as the protocol
    measures them. `clamp=False` leaves the network's own output, which may lie outside; train on with that.

    source: a run's folder, for the weights that it evaluated (its best ones, or those of its `ckpt`); a checkpoint in
    a run's folder; the name of a network that comes with the package; or any other file of weights, which then needs
    `model`: a module to load them into, or the overrides that compose one, such as
    `["model=dncnn", "data.channels=3"]`.

    Neither code in the folder nor code that its config.yaml names is run, except that of the packages in `trust`:
    `trust=["my_package"]` for a network of your own. Nothing but tensors and plain containers is unpickled.

    Raises:
        ConfigError: where there is no run, no weights yet, weights of another network, or code that is not trusted.
        DataError: for a file of weights that is damaged.
    """
    from restorelab.runs import loading

    return loading.load(source, device, model=model, clamp=clamp, packages=trust)
