"""restorelab: compose, train, measure and compare image restoration networks.

`restorelab.load(run_dir)` returns a trained network, and `restorelab.restore(image, model)` uses one.
Importing this package imports nothing heavy.
"""

from collections.abc import Sequence
from os import PathLike
from typing import Any, Literal

__version__ = "0.2.0"


def compose(*overrides: str) -> Any:
    """Compose a run's config from the same words as on the command line; return an `Experiment`.

    Its `task()` and `data()` are for Lightning's own Trainer; `restorelab.train` runs it as `train.py` does.

    Raises:
        ConfigError: for an invalid word; the message names what is allowed.
    """
    from restorelab.config import composition
    from restorelab.training.experiment import Experiment

    return Experiment(composition.compose(overrides))


def train(experiment: Any = (), *overrides: str) -> Any:
    """Run an experiment, as `train.py` does: with its folder, checkpoints and result.json.

    experiment: the result of `compose`; or one override, or a list of them, which are composed. Returns the outcome,
    with `status`, `message` and `run_dir`.
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
    """Return the trained network of a run, in evaluation mode, on `device`: a `torch.nn.Module`.

    It takes degraded images (B, C, h, w) in [0, 1] and returns restored ones (B, C, H, W), clamped to [0, 1] as the
    protocol measures them. With `clamp=False` the output may be outside [0, 1]; use this to continue training.

    source: a run's folder, for the weights that it evaluated (its best ones, or those of its `ckpt`); a checkpoint in
    a run's folder; the name of a network that comes with the package; or any other file of weights, which then needs
    `model`: a module to load them into, or the overrides that compose one, such as
    `["model=dncnn", "data.channels=3"]`. With the extra [spandrel], a network that it recognizes needs none.

    Neither code in the folder nor code that its config.yaml names is run, except that of the packages in `trust`:
    `trust=["my_package"]` for a network of your own. Nothing but tensors and plain containers is unpickled.

    Raises:
        ConfigError: for a missing run, a run without weights, weights of another network, and code that is not trusted.
        DataError: for a file of weights that is damaged.
    """
    from restorelab.runs import loading

    return loading.load(source, device, model=model, clamp=clamp, packages=trust)


def restore(
    image: Any,
    model: Any,
    sigma: float | Literal["auto"] = "auto",
    *,
    strength: float = 1.0,
    x8: bool = False,
    color: str = "each",
    precision: str = "32-true",
    tile: int | Literal["auto"] = "auto",
    force: bool = False,
    device: str = "cpu",
    trust: Sequence[str] = (),
) -> Any:
    """Restore one image, or a batch of tensors; return the same kind.

    image: a NumPy array (H, W), (H, W, 1) or (H, W, 3) of uint8, uint16, or floating-point numbers in [0, 1]; a Pillow
    image of mode L, LA, RGB, RGBA or I;16; or a tensor (C, H, W) or (B, C, H, W) of floating-point numbers in [0, 1].
    The result is clamped to that range. Transparency is kept, and colors below transparent pixels change nothing.

    model: the name of a network that comes with the package, a run's folder, a checkpoint, an exported file, or a
    `torch.nn.Module`. A name or a path is loaded at each call; to restore many images, pass the module of `load`.

    sigma: the noise level in 8-bit units (25 is 25 / 255), for networks that take it; `"auto"` estimates it from the
    image. An image whose noise is below what the network was trained for, which is known of networks by name or path,
    is returned unchanged, unless `force` is true. strength: 0 is the image, 1 the network's output. x8: return the mean
    over eight flips and rotations. color: what a gray network restores of a color image, `"each"` channel or the
    `"luma"`.
    precision: `"bf16-mixed"` computes convolutions in bfloat16, several times as fast on recent processors and GPUs; as
    a rule values change by less than 1 / 255. tile: pixels of the sides of tiles, or `"auto"` for what the free memory
    allows. device: as torch names it, or `"auto"` for a GPU if there is one.

    Raises:
        ConfigError: for an invalid option, or a network that cannot be loaded.
        DataError: for an image that cannot be restored.
        TypeError: for another kind of image.
        ValueError: for an image of another shape or range.
    """
    from restorelab.restoring import arrays
    from restorelab.restoring.restorer import Options, Restorer
    from restorelab.runs import for_restoring

    made = for_restoring.network(model, for_restoring.device_of(device), trust)
    options = Options(
        sigma=sigma if sigma == "auto" else float(sigma),
        strength=float(strength),
        x8=x8,
        color=color,
        precision=precision,
        tile=tile if tile == "auto" else int(tile),
        force=force,
    )
    return arrays.restored(image, Restorer(made.net, options, made.sigma))
