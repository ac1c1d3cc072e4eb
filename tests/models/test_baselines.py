"""The two networks that learn nothing."""

import numpy as np
import pytest
import torch
from PIL import Image
from scipy.ndimage import median_filter

from restorelab.errors import ConfigError
from restorelab.models.identity import Identity
from restorelab.models.median import Median


@pytest.mark.parametrize("kernel", [1, 3, 5, 7])
def test_median_is_scipys(kernel):
    image = torch.rand(2, 3, 17, 12, generator=torch.Generator().manual_seed(0))
    image[0] = (image[0] * 4).round() / 4  # ties
    expected = median_filter(image.numpy(), size=(1, 1, kernel, kernel), mode="mirror")
    np.testing.assert_array_equal(Median(kernel)(image).numpy(), expected)


def test_median_errors():
    for kernel in (0, 4, -3):
        with pytest.raises(ConfigError, match=f"model.kernel={kernel}: expected an odd number"):
            Median(kernel)
    with pytest.raises(ValueError, match="needs 4 pixels, got 3x9"):
        Median(7)(torch.rand(1, 1, 3, 9))


def test_identity_returns_its_input():
    image = torch.rand(2, 1, 7, 9)
    assert Identity()(image) is image


def test_identity_enlarges_as_pillow():
    image = torch.rand(1, 1, 7, 9, generator=torch.Generator().manual_seed(0))
    expected = Image.fromarray(image[0, 0].numpy()).resize((18, 14), Image.Resampling.BICUBIC)
    np.testing.assert_allclose(Identity(scale=2)(image)[0, 0].numpy(), np.array(expected), atol=1e-5)
    with pytest.raises(ConfigError, match=r"model.scale=0"):
        Identity(scale=0)
