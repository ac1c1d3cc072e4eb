"""Outputs beside those of the package spandrel (MIT), which loads the authors' weights; skipped where it is missing.

pip install spandrel, in an environment of its own: it needs torchvision.
"""

import pytest
import torch
from test_published_networks import randomize

from restorelab.models.drunet import DRUNet
from restorelab.models.nafnet import NAFNet
from restorelab.models.scunet import SCUNet
from restorelab.models.span import SPAN
from restorelab.models.swinir import SwinIR
from restorelab.noise_level import call, level_map

pytest.importorskip("spandrel", reason="the package spandrel is not installed", exc_type=ImportError)

SWINIR = {"img_size": 32, "depths": [2, 1], "num_heads": [3, 3], "window_size": 8, "mlp_ratio": 2, "upsampler": ""}

PAIRS = {
    "DRUNet": (lambda: DRUNet(3, (4, 6, 8, 10), 2), {"in_nc": 4, "out_nc": 3, "nc": [4, 6, 8, 10], "nb": 2}),
    "NAFNet": (
        lambda: NAFNet(3, 8, (1, 2), 1, (1, 1)),
        {"img_channel": 3, "width": 8, "middle_blk_num": 1, "enc_blk_nums": [1, 2], "dec_blk_nums": [1, 1]},
    ),
    "SCUNet": (lambda: SCUNet(3, 64, (2, 1, 1, 2, 1, 1, 1)), {"in_nc": 3, "config": [2, 1, 1, 2, 1, 1, 1]}),
    "SwinIR": (lambda: SwinIR(3, 12, (2, 1), 3), {"in_chans": 3, "embed_dim": 12, **SWINIR}),
    "SPAN": (lambda: SPAN(3, 3, 8), {"num_in_ch": 3, "num_out_ch": 3, "feature_channels": 8, "upscale": 3}),
}


@pytest.mark.parametrize("name", PAIRS)
def test_equal_weights_give_equal_images(name):
    from importlib import import_module

    make, values = PAIRS[name]
    torch.manual_seed(0)
    theirs, ours = getattr(import_module(f"spandrel.architectures.{name}"), name)(**values), make()
    randomize(theirs)
    derived = tuple(getattr(ours, "derived", ()))
    ours.load_state_dict({key: value for key, value in theirs.state_dict().items() if not key.endswith(derived)})
    image, sigma = torch.rand(2, 3, 64, 128), torch.tensor([0.1, 0.2])
    given = torch.cat([image, level_map(sigma, image)], 1) if name == "DRUNet" else image
    with torch.no_grad():
        expected = theirs.eval()(given)
        restored = call(ours.eval(), image, sigma)
    # Relative to the largest value: random weights give outputs far beyond [0, 1].
    torch.testing.assert_close(restored, expected, rtol=0, atol=1e-5 * max(1, expected.abs().max().item()))
