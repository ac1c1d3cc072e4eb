"""Restore arrays of stored samples with one network: noise level, strength, self-ensemble, color, tiles."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn

from restorelab.errors import ConfigError, DataError, nearest
from restorelab.noise_level import call, takes_sigma
from restorelab.restoring import noise_estimate, tile_size, tiling, transparency
from restorelab.restoring.inference import exact
from restorelab.restoring.photograph import white
from restorelab.restoring.self_ensemble import averaged

log = logging.getLogger(__name__)

COLORS = ("each", "luma")

PRECISIONS = {"32-true": None, "bf16-mixed": torch.bfloat16, "16-mixed": torch.float16}
"""What convolutions and matrix products compute in, by Lightning's names; None: float32."""

Range = tuple[float, float]


@dataclass(frozen=True)
class Options:
    """How to restore.

    Attributes:
        sigma: the noise level in 8-bit units, 0 to 255; `auto` estimates that of each image, if the network takes it.
        strength: 0 to 1: 0 is the image, 1 the network's output, and between them both are blended.
        x8: return the mean over the eight flips and rotations of the image.
        color: what a gray network restores of a color image: `each` channel, or the `luma` alone.
        precision: one of `PRECISIONS`; other than `32-true` changes the result a little, and takes less time and memory
            on hardware that has it.
        tile: side of the tiles in pixels; `auto` derives it from the free memory.
        force: restore images also if they are cleaner than those that the network was trained for.
    """

    sigma: float | Literal["auto"] = "auto"
    strength: float = 1.0
    x8: bool = False
    color: str = "each"
    precision: str = "32-true"
    tile: int | Literal["auto"] = "auto"
    force: bool = False

    def __post_init__(self) -> None:
        if self.sigma != "auto" and not 0 <= float(self.sigma) <= 255:
            raise ConfigError(f"sigma={self.sigma}: expected auto, or a noise level from 0 to 255 in 8-bit units.")
        if not 0 <= self.strength <= 1:
            raise ConfigError(f"strength={self.strength}: expected a number from 0 to 1.")
        if self.color not in COLORS:
            raise ConfigError(f"color={self.color}: {nearest(self.color, COLORS)}")
        if self.precision not in PRECISIONS:
            raise ConfigError(f"precision={self.precision}: {nearest(self.precision, list(PRECISIONS))}")
        if self.tile != "auto" and self.tile < 1:
            raise ConfigError(f"tile={self.tile}: expected auto, or the pixels of a tile's sides.")


@dataclass(frozen=True)
class Restored:
    """A restored image.

    Attributes:
        pixels: (s H, s W, C), of the type of the image.
        sigma: the noise level in 8-bit units; None if it was not needed.
        untouched: why the image was returned unchanged; empty if it was restored.
        tiles: number of tiles.
        side: the greatest side of a tile in pixels; 0 for one tile.
    """

    pixels: np.ndarray
    sigma: float | None = None
    untouched: str = ""
    tiles: int = 1
    side: int = 0


class Restorer:
    """A network with options; it restores one image after another.

    net: in evaluation mode, on its device; its output is not clamped. trained: the noise levels that it was trained
    for, (lowest, highest) in 8-bit units; None if they are not known, or if the noise is not Gaussian.

    Raises:
        ConfigError: for options that do not fit the network.
    """

    def __init__(self, net: nn.Module, options: Options, trained: Range | None = None) -> None:
        self.net, self.options, self.trained = net, options, trained
        self.device = next((p.device for p in net.parameters()), torch.device("cpu"))
        self.channels = int(getattr(net, "channels", 0)) or None
        if self.channels not in (None, 1, 3):
            raise ConfigError(f"model: the network takes images of {self.channels} channels; expected 1 or 3.")
        if options.sigma != "auto" and not takes_sigma(net):
            raise ConfigError(
                f"sigma={options.sigma:g}: {type(net).__name__} does not take the noise level; leave sigma out."
            )
        if size := getattr(net, "size", None):
            raise ConfigError(f"model: {type(net).__name__} takes only images of {size} pixels.")
        self._per_pixel: dict[int, float] = {}
        self._most = 0  # the side of tiles after one ran out of memory
        self.told_memory = False

    def restore(
        self, pixels: np.ndarray, alpha: np.ndarray | None = None, progress: Callable[[int, int], object] | None = None
    ) -> Restored:
        """Restore (H, W, 1 or 3) of uint8, uint16, or float32 in [0, 1].

        alpha: (H, W); colors where it is 0 do not affect the visible ones and are returned unchanged. The noise
        level is estimated without them: they count as black, which is not looked at. progress: called with the number
        of finished tiles and the number of tiles.

        Raises:
            DataError: if even the smallest tile does not fit the memory, or the network refuses the image.
        """
        hidden = None if alpha is None or (alpha > 0).all() else alpha == 0
        sigma, untouched = self._level(pixels if hidden is None else np.where(hidden[..., None], 0, pixels))
        if untouched or self.options.strength == 0:
            return Restored(pixels, sigma, untouched or "strength=0")
        seen = pixels if hidden is None or alpha is None else transparency.filled(pixels, alpha)
        compute = self._compute(sigma)
        tiles = self.grid(pixels.shape, compute)
        while True:
            count, done = tiles.tiles(*pixels.shape[:2]), 0

            def step(more: int, count: int = count) -> None:
                nonlocal done
                done += more
                if progress is not None:
                    progress(done, count)

            try:
                with torch.inference_mode(), exact():
                    result = tiling.restored(seen, compute, tiles, self.device, step)
                break
            except Exception as error:
                tiles = self._smaller(error, tiles, pixels.shape)
        if hidden is not None and result.shape[:2] == hidden.shape:
            result[hidden] = pixels[hidden]
        return Restored(result, sigma, "", count, tiles.side)

    def tiling_difference(self, pixels: np.ndarray) -> float:
        """Return the PSNR in dB of the image restored in tiles against the image restored whole; inf if they are equal.

        The tiles are those of `options.tile`, or at most half the image if that would be one tile.
        """
        sigma, _ = self._level(pixels)
        compute = self._compute(sigma)
        tiles = self.grid(pixels.shape, compute)
        most = max(pixels.shape[:2])
        side = tiles.side if 0 < tiles.side < most else most // 2
        as_float = (pixels / white(pixels)).astype(np.float32)
        grids = (replace(tiles, side=0), replace(tiles, side=max(side, tiles.least)))
        with torch.inference_mode(), exact():
            whole, tiled = (tiling.restored(as_float, compute, own, self.device) for own in grids)
        error = float(np.mean((whole.astype(np.float64) - tiled) ** 2))
        return float("inf") if error == 0 else -10 * float(np.log10(error))

    def grid(self, shape: tuple[int, ...], compute: tiling.Compute) -> tiling.TileGrid:
        """Return the tiles for an image of `shape` (H, W, C)."""
        height, width, channels = shape
        tiles = tiling.grid(self.net, 0)
        if self.options.tile != "auto":
            side = 0 if self.options.tile >= max(height, width) else max(self.options.tile, tiles.least)
            return replace(tiles, side=min(side, self._most) if self._most and side else side or self._most)
        if channels not in self._per_pixel:
            with torch.inference_mode(), exact():
                self._per_pixel[channels] = self._trial(compute, channels, tiles)
        room = tile_size.free(self.device)
        side = tile_size.side(
            height, width, tiles, self._per_pixel[channels], room=room, device=self.device.type,
            needed=not tile_size.bounded(self.net),
        )  # fmt: skip
        if self._most and (side == 0 or side > self._most):
            side = self._most
        return replace(tiles, side=side)

    def _trial(self, compute: tiling.Compute, channels: int, tiles: tiling.TileGrid) -> float:
        try:
            return tile_size.bytes_per_pixel(compute, channels, tiles, self.device)
        except (RuntimeError, ValueError, IndexError) as error:
            raise DataError(f"{type(self.net).__name__} cannot restore such an image: {error}") from error

    def _smaller(self, error: Exception, tiles: tiling.TileGrid, shape: tuple[int, ...]) -> tiling.TileGrid:
        """Return the next grid after an error; raise DataError if memory was not the reason, or no tile is smaller."""
        if not tile_size.out_of_memory(error):
            if isinstance(error, RuntimeError | ValueError | IndexError):
                raise DataError(f"{type(self.net).__name__} cannot restore this image: {error}") from error
            raise error
        side = tile_size.halved(tiles, *shape[:2])
        if side is None:
            raise DataError("there is not enough memory, even for the smallest tile.") from error
        if self.device.type == "cuda":
            torch.cuda.empty_cache()
        if not self.told_memory:
            log.warning("out of memory: restoring in tiles of %d pixels from here on", side)
            self.told_memory = True
        self._most = side
        return replace(tiles, side=side)

    def _level(self, pixels: np.ndarray) -> tuple[float | None, str]:
        """Return the noise level in 8-bit units, and why the image is returned unchanged (empty if it is restored)."""
        if self.options.sigma != "auto":
            return float(self.options.sigma), ""
        if not takes_sigma(self.net) and (self.trained is None or self.options.force):
            return None, ""
        sigma = self._estimated(pixels)
        if sigma is None:
            if takes_sigma(self.net):
                raise DataError("too small to estimate its noise; give sigma=NUMBER.")
            return None, ""
        if self.trained is not None and not self.options.force:
            trained, seen = self.trained[0], noise_estimate.CLEAN
            least, reason = max((trained, "what the network was trained for"), (seen, "what can be seen"))
            if sigma < (least if least == seen else least * (1 - noise_estimate.ERROR)):
                return sigma, f"its noise, sigma {sigma:.1f}, is below {least:g}, {reason} (force=true restores it)"
        most = sigma if self.trained is None else self.trained[1]
        return (min(sigma, most) if takes_sigma(self.net) else None), ""

    def _estimated(self, pixels: np.ndarray) -> float | None:
        """Return the noise level of the network's input in 8-bit units; None for an image that is too small."""
        estimate = noise_estimate.estimate
        if pixels.shape[2] == 3 and self.channels != 1:
            estimate = noise_estimate.estimate_color
        elif pixels.shape[2] == 3 and self.options.color == "luma":
            estimate = noise_estimate.estimate_luma
        try:
            return 255 * estimate(pixels, white(pixels))
        except ValueError:
            return None

    def _compute(self, sigma: float | None) -> tiling.Compute:
        """Return the function from a tile of the image to its restored pixels, with the same channels."""
        level = None if sigma is None else torch.tensor([sigma / 255], device=self.device)

        dtype = PRECISIONS[self.options.precision]

        def network(tile: Tensor) -> Tensor:
            with torch.autocast(self.device.type, dtype, enabled=dtype is not None):
                return call(self.net, tile, None if level is None else level.expand(len(tile))).float()

        run = averaged(network) if self.options.x8 else network

        def compute(tile: Tensor) -> Tensor:
            output = _on_channels(run, tile, self.channels or tile.shape[1], self.options.color)
            if self.options.strength == 1:
                return output
            if output.shape != tile.shape:
                raise DataError(f"strength={self.options.strength:g}: the network enlarges; it cannot be blended.")
            return torch.lerp(tile, output, self.options.strength)

        return compute


def _on_channels(run: tiling.Compute, tile: Tensor, channels: int, color: str) -> Tensor:
    """Run a network of `channels` on a tile (1, C, h, w) of 1 or 3 channels; return as many channels."""
    given = tile.shape[1]
    if given == channels:
        return run(tile)
    if channels == 3:  # a gray image
        return run(tile.expand(-1, 3, -1, -1)).mean(dim=1, keepdim=True)
    if color == "each":
        return run(tile.transpose(0, 1)).transpose(0, 1)
    weights = torch.tensor(noise_estimate.LUMA, device=tile.device).view(1, 3, 1, 1)
    luma = (tile * weights).sum(dim=1, keepdim=True)
    restored = run(luma)
    if restored.shape != luma.shape:
        raise DataError("color=luma: the network enlarges, and the colors would keep their size; use color=each.")
    return tile + (restored - luma)
