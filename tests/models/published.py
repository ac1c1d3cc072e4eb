"""What is known of the published networks: tiny ones for tests, and the names and shapes of the authors' weights."""

from collections.abc import Callable
from pathlib import Path

from torch import nn

from restorelab.models.drunet import DRUNet
from restorelab.models.edsr import EDSR
from restorelab.models.ffdnet import FFDNet
from restorelab.models.ircnn import IRCNN
from restorelab.models.nafnet import NAFNet
from restorelab.models.restormer import Restormer
from restorelab.models.scunet import SCUNet
from restorelab.models.span import SPAN
from restorelab.models.swinir import SwinIR

TINY: dict[str, Callable[..., nn.Module]] = {
    "ircnn": lambda: IRCNN(1, 4),
    "ffdnet": lambda: FFDNet(1, 5, 4),
    "drunet": lambda **more: DRUNet(1, (2, 3, 4, 5), 2, **more),
    "nafnet": lambda **more: NAFNet(3, 4, (1, 2), 1, (1, 1), **more),
    "restormer": lambda **more: Restormer(3, 8, (1, 1, 1, 1), 1, **more),
    "scunet": lambda **more: SCUNet(1, 64, (2, 1, 1, 1, 1, 1, 1), **more),
    "swinir": lambda **more: SwinIR(1, 12, (2, 1), 3, **more),
    "edsr": lambda: EDSR(3, 4, 4, 2),
    "span": lambda: SPAN(3, 2, 4),
}


def names() -> dict[str, list[str]]:
    """Names and shapes of the weights of `TINY`, sorted, from the authors' definitions (see published_names.txt)."""
    sections: dict[str, list[str]] = {}
    for line in (Path(__file__).parent / "published_names.txt").read_text().splitlines():
        if line.startswith("["):
            current = sections.setdefault(line.strip("[]"), [])
        elif line and not line.startswith("#"):
            current.append(line)
    return sections


def listed(net: nn.Module) -> list[str]:
    """Names and shapes of a network's weights, as `names` gives them."""
    return sorted(f"{name} {'x'.join(map(str, value.shape)) or 'scalar'}" for name, value in net.state_dict().items())
