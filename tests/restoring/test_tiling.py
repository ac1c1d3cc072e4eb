"""Tiles give what the whole image gives."""

from collections.abc import Callable

import numpy as np
import pytest
import torch
from networks import unet
from torch import Tensor, nn

from restorelab.errors import ConfigError, DataError
from restorelab.models.dncnn import DnCNN
from restorelab.restoring import tile_size, tiling
from restorelab.restoring.inference import restore
from restorelab.restoring.restorer import Options, Restorer


def _image(height: int, width: int, channels: int = 3, dtype: type = np.uint8) -> np.ndarray:
    generator = np.random.default_rng(0)
    image = generator.random((height, width, channels))
    return image.astype(np.float32) if dtype is np.float32 else (image * np.iinfo(dtype).max).astype(dtype)


@pytest.mark.parametrize("tile", [70, 96])
@pytest.mark.parametrize("size", [(101, 157), (64, 203)])
@pytest.mark.parametrize("dtype", [np.uint8, np.uint16, np.float32])
def test_tiles_are_the_whole_image_to_rounding(tile: int, size: tuple[int, int], dtype: type) -> None:
    image = _image(*size, dtype=dtype)
    tiled, whole = (Restorer(unet(3), Options(sigma=25.0, tile=side)).restore(image) for side in (tile, max(size) + 2))
    assert whole.tiles == 1 < tiled.tiles
    assert tiled.pixels.dtype == dtype
    difference = np.abs(tiled.pixels.astype(float) - whole.pixels.astype(float)).max()
    assert difference <= (1e-6 if dtype is np.float32 else 1)  # of another order of summation, rounded


def test_whole_images_are_those_of_inference() -> None:
    image, net = _image(53, 61, dtype=np.float32), unet(3)
    expected = restore(net, torch.from_numpy(image.transpose(2, 0, 1).copy())[None], torch.tensor([25 / 255]))
    given = Restorer(net, Options(sigma=25.0)).restore(image).pixels
    assert np.array_equal(given, expected[0].clamp(0, 1).permute(1, 2, 0).numpy())


@pytest.mark.parametrize(
    ("length", "side", "overlap", "multiple"), [(4000, 2048, 202, 8), (100, 60, 20, 4), (97, 40, 0, 1)]
)
def test_spans_cover_a_side_once_and_keep_away_from_the_edges_of_tiles(
    length: int, side: int, overlap: int, multiple: int
) -> None:
    spans = tiling.TileGrid(side, overlap, multiple).spans(length)
    whole = -(-length // multiple) * multiple
    assert [first for _, _, first, _ in spans] == [0, *(last for _, _, _, last in spans[:-1])]
    assert spans[-1][3] == whole
    for start, end, first, last in spans:
        assert start % multiple == 0
        assert end - start <= side
        assert start == 0 or first - start >= overlap // 2
        assert end == whole or end - last >= overlap // 2


class _Doubling(nn.Module):
    channels, receptive_field = 1, 3

    def forward(self, degraded: Tensor) -> Tensor:
        return nn.functional.interpolate(degraded, scale_factor=2, mode="nearest")


def test_networks_may_enlarge() -> None:
    image = _image(40, 30, 1)
    result = Restorer(_Doubling(), Options(tile=16)).restore(image)
    assert np.array_equal(result.pixels, image.repeat(2, 0).repeat(2, 1))


def test_x8_is_the_mean_over_flips_and_turns_and_strength_blends() -> None:
    image, net = _image(24, 24, 1, np.float32), DnCNN(1, 3, 4, batch_norm=False).eval()
    tensor = torch.from_numpy(image.transpose(2, 0, 1).copy())[None]
    with torch.inference_mode():
        turned = [
            torch.rot90(net(torch.rot90(tensor.flip(-1) if flip else tensor, k, (2, 3))), -k, (2, 3))
            for k in range(4)
            for flip in (False, True)
        ]
    mean = sum(output.flip(-1) if number % 2 else output for number, output in enumerate(turned)) / 8
    expected = mean.clamp(0, 1)[0].permute(1, 2, 0).numpy()
    assert np.allclose(Restorer(net, Options(x8=True)).restore(image).pixels, expected, atol=1e-6)
    full = Restorer(net, Options()).restore(image).pixels
    quarter = Restorer(net, Options(strength=0.25)).restore(image).pixels
    inside = (full > 0) & (full < 1)
    assert inside.mean() > 0.5
    assert np.allclose(quarter[inside], (0.75 * image + 0.25 * full)[inside], atol=1e-6)
    assert np.array_equal(Restorer(net, Options(strength=0)).restore(image).pixels, image)


def test_x8_in_tiles_is_x8_of_the_whole_image() -> None:
    image, net = _image(70, 101, 1, np.float32), DnCNN(1, 3, 4, batch_norm=False).eval()
    tiled = Restorer(net, Options(x8=True, tile=40)).restore(image)
    whole = Restorer(net, Options(x8=True, tile=101)).restore(image)
    assert whole.tiles == 1 < tiled.tiles
    assert np.allclose(tiled.pixels, whole.pixels, atol=1e-6)
    once = Restorer(net, Options(tile=40)).restore(image).pixels
    assert not np.allclose(tiled.pixels, once, atol=1e-4)


def test_gray_networks_on_color_and_color_networks_on_gray() -> None:
    color, net = _image(20, 24), DnCNN(1, 3, 4, batch_norm=False).eval()
    each = Restorer(net, Options()).restore(color).pixels
    for band in range(3):
        alone = Restorer(net, Options()).restore(color[..., band : band + 1]).pixels
        assert np.array_equal(each[..., band], alone[..., 0])
    luma = Restorer(net, Options(color="luma")).restore(color / np.float32(255)).pixels
    chroma = [image - image @ np.array([[0.299], [0.587], [0.114]]) for image in (luma, color / 255)]
    inside = ((luma > 0) & (luma < 1)).all(axis=2)
    assert np.allclose(chroma[0][inside], chroma[1][inside], atol=1e-5)
    gray = _image(20, 24, 1)
    assert Restorer(unet(3), Options(sigma=20.0)).restore(gray).pixels.shape == gray.shape


class _Scarce(DnCNN):
    """Has memory for so many pixels."""

    pixels = 50 * 50

    def forward(self, degraded: Tensor) -> Tensor:
        if degraded.shape[-1] * degraded.shape[-2] > self.pixels:
            raise torch.OutOfMemoryError("out of memory")
        return super().forward(degraded)


def test_out_of_memory_halves_the_tile_and_is_told_once(caplog: pytest.LogCaptureFixture) -> None:
    torch.manual_seed(0)
    net = _Scarce(1, 3, 4, batch_norm=False).eval()
    image = _image(120, 130, 1)
    restorer = Restorer(net, Options(tile=100))
    result = restorer.restore(image)
    assert result.side == 50
    restorer.restore(image)
    assert [record.getMessage() for record in caplog.records].count(
        "out of memory: restoring in tiles of 50 pixels from here on"
    ) == 1
    net.pixels = 1 << 20
    assert np.abs(Restorer(net, Options()).restore(image).pixels.astype(int) - result.pixels).max() <= 1
    net.pixels = 4
    with pytest.raises(DataError, match="even for the smallest tile"):
        Restorer(net, Options(tile=100)).restore(image)


def test_the_tile_fits_the_memory() -> None:
    grid = tiling.TileGrid(0, 20, 4)
    assert tile_size.side(700, 700, grid, 100, room=10**9) == 0
    assert tile_size.side(2000, 700, grid, 100, room=10**9) == 0  # no more pixels than the largest tile
    assert tile_size.side(1000, 1000, grid, 100, room=10**6) == 100
    assert tile_size.side(9000, 9000, grid, 1, room=10**10) == 1280
    assert tile_size.side(9000, 9000, grid, 1, room=10**9, device="cuda") == 2048
    assert (
        tile_size.side(9000, 9000, tiling.TileGrid(0, 200, 4), 1, room=10**9) == 12 * 200
    )  # of a wide receptive field
    assert tile_size.side(9000, 9000, grid, 1, room=10**9, needed=True) == 0
    assert tile_size.side(9000, 9000, grid, 100, room=1) == grid.least == 24


def test_the_memory_of_a_tile_is_counted() -> None:
    net = nn.Sequential(nn.Conv2d(1, 8, 1, bias=False), nn.ReLU(), nn.Conv2d(8, 1, 1, bias=False)).eval()
    with torch.inference_mode():
        counted = tile_size.bytes_per_pixel(net, 1, tiling.TileGrid(0, 0), torch.device("cpu"))
    # When the ReLU is done: its input and output of 8 channels, and the tile, of 4 bytes each.
    assert counted == pytest.approx(tile_size.WORKSPACE * 4 * (8 + 8 + 1), rel=0.01)


def test_the_difference_of_tiles_is_measured() -> None:
    image = _image(90, 90, 1)
    assert Restorer(unet(1), Options(sigma=10.0)).tiling_difference(image) > 120  # float32 rounding
    assert Restorer(_GlobalMean(), Options()).tiling_difference(image) < 60


class _GlobalMean(nn.Module):
    channels = 1

    def forward(self, degraded: Tensor) -> Tensor:
        return (degraded + degraded.mean(dim=(2, 3), keepdim=True)) / 2


def _wrong(options: dict[str, object], net: Callable[[], nn.Module] = lambda: unet(1)) -> Restorer:
    return Restorer(net(), Options(**options))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"sigma": -1.0}, "sigma=-1"),
        ({"strength": 1.5}, "from 0 to 1"),
        ({"color": "lumma"}, "Did you mean 'luma'"),
        ({"tile": 0}, "pixels of a tile"),
    ],
)
def test_wrong_options_are_told(options: dict[str, object], expected: str) -> None:
    with pytest.raises(ConfigError, match=expected):
        _wrong(options)


def test_a_noise_level_needs_a_network_that_takes_it() -> None:
    with pytest.raises(ConfigError, match="DnCNN does not take the noise level"):
        _wrong({"sigma": 25.0}, lambda: DnCNN(1, 3, 4))


def test_a_network_for_one_level_restores_that_level_and_leaves_cleaner_images() -> None:
    smooth = np.full((90, 90, 1), 0.5, np.float32)
    noise = np.random.default_rng(0).standard_normal(smooth.shape).astype(np.float32) / 255
    restorer = Restorer(DnCNN(1, 3, 4, batch_norm=False).eval(), Options(), trained=(25.0, 25.0))
    assert restorer.restore(smooth + 24 * noise).untouched == ""  # the estimate is known to a tenth
    left = restorer.restore(smooth + 10 * noise)
    assert "is below 25, what the network was trained for" in left.untouched
    assert left.sigma == pytest.approx(10, rel=0.1)
    assert np.array_equal(left.pixels, smooth + 10 * noise)
