"""Windows of attention and of local means, against definitions by hand and torch's own operations."""

import pytest
import torch
import torch.nn.functional as F

from restorelab.models import window_attention as windows
from restorelab.models.local_mean import local_mean
from restorelab.models.nafnet import NAFNet


def test_windows_are_cut_and_joined():
    image = torch.arange(2 * 4 * 6 * 3).view(2, 4, 6, 3)
    cut = windows.to_windows(image, 2)
    assert torch.equal(cut[1, 4], image[1, 2:4, 2:4].reshape(4, 3))  # the fifth of 2 x 3 windows, row by row
    assert torch.equal(windows.from_windows(cut, 2, 4, 6), image)


def test_relative_positions_by_pairs():
    positions = windows.relative_positions(3)
    for p in range(9):
        for q in range(9):
            down, right = p // 3 - q // 3, p % 3 - q % 3
            assert positions[p, q] == (down + 2) * 5 + right + 2


def test_only_neighbors_see_each_other_after_a_shift():
    height, width, side, by = 8, 12, 4, 2
    where = torch.stack(torch.meshgrid(torch.arange(height), torch.arange(width), indexing="ij"), dim=-1)
    cut = windows.to_windows(windows.shift(where[None], by), side)[0]  # (windows, N, 2): where each pixel comes from
    apart = (cut[:, :, None] - cut[:, None, :]).abs().amax(-1) >= side
    assert torch.equal(windows.hidden_after_shift(height, width, side, by, torch.device("cpu")), apart)


def test_attention_is_torchs_own():
    torch.manual_seed(0)
    query, key, value = torch.randn(3, 2, 4, 6, 9, 5).unbind(0)  # (B, heads, windows, N, d)
    bias, hidden = torch.randn(4, 9, 9), torch.rand(6, 9, 9) < 0.3
    mask = bias[None, :, None].masked_fill(hidden, -torch.inf)
    expected = F.scaled_dot_product_attention(query, key, value, attn_mask=mask)
    torch.testing.assert_close(windows.attend(query, key, value, bias, hidden), expected)


@pytest.mark.parametrize(("height", "width", "window"), [(9, 14, 4), (9, 14, 5), (5, 14, 7)])
def test_local_means_are_those_of_average_pooling(height, width, window):
    image = torch.rand(2, 3, height, width)
    pooled = F.avg_pool2d(image, (min(window, height), min(window, width)), 1)
    down, right = height - pooled.shape[2], width - pooled.shape[3]
    padded = F.pad(pooled, (right // 2, right - right // 2, down // 2, down - down // 2), mode="replicate")
    torch.testing.assert_close(local_mean(image, window), padded)
    assert torch.equal(local_mean(image, 14), image.mean((2, 3), keepdim=True))


def test_tlc_is_for_large_images_in_evaluation_mode():
    torch.manual_seed(0)
    plain, local = NAFNet(1, 4, (1, 1), 1, (1, 1)), NAFNet(1, 4, (1, 1), 1, (1, 1), tlc=16)
    with torch.no_grad():
        for parameter in plain.parameters():
            parameter.add_(torch.randn(parameter.shape), alpha=0.1)
    local.load_state_dict(plain.state_dict())
    large, small = torch.rand(1, 1, 32, 48), torch.rand(1, 1, 24, 24)
    assert torch.equal(local(large), plain(large))  # in training mode
    assert (local.eval()(large) - plain.eval()(large)).abs().max() > 1e-4
    torch.testing.assert_close(local(small), plain(small))  # the windows of 24 hold all of it
    assert local.protocol_note == "local means over 24x24 pixels in the network's channel attention (TLC)"
    assert plain.protocol_note is None
