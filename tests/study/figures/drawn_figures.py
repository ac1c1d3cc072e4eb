"""What lies in a figure and its PNG."""

import io

import numpy as np
from matplotlib.figure import Figure
from PIL import Image

from restorelab.report.png import png

TWO = ("evaluation=[gaussian_25,impulse_30]", "noise=mixture", "data.size=32", "trainer.max_epochs=2")


RUNS = {
    "net-0": ("model=dncnn", "model.depth=3", "model.features=4", *TWO),
    "net-1": ("model=dncnn", "model.depth=3", "model.features=4", *TWO, "seed=1"),
    "dual-0": ("model=dual_ae", *TWO, "loss=bce"),
    "median-0": ("model=median", *TWO),
    "open-0": ("model=median", "model.kernel=null", *TWO),
    "small-0": ("model=identity", "model.scale=2", "downsample=avg_pool", "evaluation=own", "data.size=32"),
}


def picture(figure: Figure, number: int, side: int = 32) -> np.ndarray:
    """The gray pixels of a sheet's picture, which shows an image of `side` x `side` pixels enlarged."""
    array = np.asarray(figure.images[number].get_array())
    assert (array == array[..., :1]).all()
    zoom = len(array) // side
    assert np.array_equal(array, array[::zoom, ::zoom].repeat(zoom, 0).repeat(zoom, 1))
    return array[::zoom, ::zoom, 0]


def size(figure: Figure) -> tuple[int, int]:
    """Width and height of the PNG, of a size that a page can show."""
    content = png(figure)
    picture = Image.open(io.BytesIO(content))
    assert picture.format == "PNG"
    assert 200 < picture.width <= 1400
    assert 100 < picture.height <= 2500
    assert len(content) < 1_500_000
    return picture.size
