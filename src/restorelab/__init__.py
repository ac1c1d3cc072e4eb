"""restorelab: compose, train, measure and compare image restoration networks.

`restorelab.load(run_dir)` gives a trained network back. Importing this package imports nothing heavy.
"""

from os import PathLike
from typing import Any

__version__ = "0.1.0"


def load(run_dir: str | PathLike[str], device: str = "cpu") -> Any:
    """The trained network of a run, in evaluation mode: its best weights, or those it evaluated, on `device`.

    Returns a `torch.nn.Module`, degraded (B, C, h, w) to restored (B, C, H, W), in [0, 1]. Never unpickles code.
    Raises ConfigError where the folder holds no run, or a run that has no weights yet.
    """
    from pathlib import Path

    from restorelab import build, run_folder, weights

    folder = run_folder.RunFolder(Path(run_dir))
    config = run_folder.read_config(folder.path)
    net = build.make("model", config["model"])
    if any(True for _ in net.parameters()):
        only_evaluated = config["ckpt"] and not config["train"]
        weights.load_into(net, Path(config["ckpt"]) if only_evaluated else folder.best)
    return net.to(device).eval()
