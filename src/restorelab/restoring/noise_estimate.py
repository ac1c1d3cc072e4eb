"""Estimate the level of white Gaussian noise of one image.

Source: Liu, Tanaka and Okutomi, "Single-Image Noise Level Estimation for Blind Denoising", TIP 2013. The smallest
eigenvalue of the covariance of small patches is the variance of the noise, if the patches have little texture. Such
patches are found by the strength of their gradients, whose distribution for pure noise of a known level is close to a
gamma distribution; the level and the choice of patches are improved in turns.

Unlike the source, the clipping of the noise at black and white is taken into account: the variance that is measured is
that of a clipped normal distribution around the patches' means, and the level that explains it is looked for.
"""

import math
from collections.abc import Sequence

import numpy as np
from scipy.special import gammaincinv, ndtr

SIDE = 7
"""Pixels per side of a patch, as in the source."""

PATCHES = 60_000
"""The most patches that are used, on a regular grid over the image: enough for an error of the level below 1 %."""

CONFIDENCE = 1 - 1e-6
"""Share of the patches of pure noise that count as patches with little texture, as in the source."""

TURNS = 3
"""How often the level and the choice of patches are improved."""

CLEAN = 2.5
"""Noise level, in 8-bit units, below which an image counts as clean: of photographs without added noise the estimate is
0.5 on average, and below this for 95 of 100."""

LEAST = 400
"""The least number of patches that are kept: the smallest eigenvalue of fewer is far too small, and the next turn would
keep even fewer."""

ERROR = 0.1
"""Relative error of an estimated level; for 9 of 10 photographs it is smaller."""

INNER = 0.1, 0.9
"""Patches with means between these are used: nearer to black or white, much of the noise is clipped. (Leaving out
patches with many pixels at black or white instead would prefer those with little noise.)"""

LUMA = (0.299, 0.587, 0.114)
"""The weights of ITU-R BT.601, as for gray images of datasets."""

SMOOTHED = 1.15
"""Ratio of the level that the luma's noise corresponds to, to that of R, G and B, above which the noise counts as
smoothed: it is 1.0 for independent noise, and 1.5 for a JPEG with subsampled chroma."""

BINS = 64
"""Bins of the histogram of the patches' means, from black to white."""


def estimate(image: np.ndarray, white: float = 1.0) -> float:
    """Return the standard deviation of the noise of `image`, (H, W) or (H, W, C) of any type, as a share of `white`.

    The noise of several channels is estimated in each and averaged as a variance. In an image without values below 0
    or above `white`, noise is taken to be clipped there.

    Raises ValueError for an image with a side of less than 16 pixels.
    """
    patches, clipped = _looked_at(image, white)
    return _root_mean_square([_level(plane, clipped=clipped) for plane in patches])


def estimate_luma(image: np.ndarray, white: float = 1.0) -> float:
    """Return the standard deviation of the noise in the luma of an RGB image (H, W, 3); see `estimate`."""
    patches, clipped = _looked_at(image, white)
    return _level(_luma(patches), clipped=clipped)


def estimate_color(image: np.ndarray, white: float = 1.0) -> float:
    """Return the noise level of an RGB image (H, W, 3) for a network that restores its channels together.

    JPEG with subsampled chroma, and the processing of cameras, smooth the noise of the chroma but not that of the luma.
    The result is then the level of independent noise in R, G and B that has as much noise in the luma; but only if the
    channels are noisy, because in clean images the texture of the luma would count as noise. See `estimate`.
    """
    patches, clipped = _looked_at(image, white)
    channels = _root_mean_square([_level(plane, clipped=clipped) for plane in patches])
    luma = _level(_luma(patches), clipped=clipped) / math.sqrt(sum(weight**2 for weight in LUMA))
    return luma if 255 * channels >= CLEAN and luma > SMOOTHED * channels else channels


def _looked_at(image: np.ndarray, white: float) -> tuple[list[np.ndarray], bool]:
    """Return the patches (n, SIDE * SIDE) of each channel as shares of `white`, and whether noise was clipped."""
    planes = [image] if image.ndim == 2 else list(np.moveaxis(image, -1, 0))
    if min(image.shape[:2]) < 2 * SIDE + 2:
        raise ValueError(f"an image of {image.shape[1]}x{image.shape[0]} pixels is too small to estimate its noise")
    clipped = all(float(plane.min()) >= 0 and float(plane.max()) <= white for plane in planes)
    return [_patches(plane) / white for plane in planes], clipped


def _luma(patches: Sequence[np.ndarray]) -> np.ndarray:
    red, green, blue = patches
    return LUMA[0] * red + LUMA[1] * green + LUMA[2] * blue


def _root_mean_square(levels: Sequence[float]) -> float:
    return math.sqrt(sum(level**2 for level in levels) / len(levels))


def _level(patches: np.ndarray, *, clipped: bool) -> float:
    if clipped:
        means = patches.mean(axis=1)
        inner = patches[(means > INNER[0]) & (means < INNER[1])]
        patches = inner if len(inner) >= LEAST else patches
    if len(patches) < 2:
        return 0.0
    operator, threshold = _gradients()
    texture = (patches @ operator * patches).sum(axis=1)
    chosen, variance = patches, _smallest(patches)
    for _ in range(TURNS):
        weak = patches[texture < variance * threshold]
        if len(weak) < LEAST:
            weak = patches[np.argsort(texture, kind="stable")[:LEAST]]
            chosen, variance = weak, _smallest(weak)
            break
        chosen, variance = weak, _smallest(weak)
    level = math.sqrt(variance)
    return _unclipped(level, chosen.mean(axis=1)) if clipped and level > 0 else level


def _patches(plane: np.ndarray) -> np.ndarray:
    """Return patches on a regular grid: (n, SIDE * SIDE) float64."""
    windows = np.lib.stride_tricks.sliding_window_view(plane, (SIDE, SIDE))
    step = max(1, math.ceil(math.sqrt(windows.shape[0] * windows.shape[1] / PATCHES)))
    return windows[::step, ::step].reshape(-1, SIDE * SIDE).astype(np.float64)


def _gradients() -> tuple[np.ndarray, float]:
    """Return the matrix A such that `p A p` is the sum of squared gradients of a patch p, and a threshold of that sum.

    Pure noise of variance 1 is below the threshold with the probability `CONFIDENCE`.
    """
    rows = []
    for grid in (np.eye(SIDE * SIDE).reshape(-1, SIDE, SIDE),):
        rows.append(((grid[:, :, 2:] - grid[:, :, :-2]) / 2).reshape(SIDE * SIDE, -1))
        rows.append(((grid[:, 2:, :] - grid[:, :-2, :]) / 2).reshape(SIDE * SIDE, -1))
    derivative = np.concatenate(rows, axis=1)
    operator = derivative @ derivative.T
    rank, trace = int(np.linalg.matrix_rank(operator)), float(np.trace(operator))
    return operator, 2 * trace / rank * float(gammaincinv(rank / 2, CONFIDENCE))  # a quantile of the gamma distribution


def _smallest(patches: np.ndarray) -> float:
    """Return the smallest eigenvalue of the covariance of patches, corrected; for pure noise it is nearly the variance.

    For n independent patches of d pixels the eigenvalue is too small by the factor (1 - sqrt(d / n)) ** 2 (Marchenko
    and Pastur). The remaining texture makes it too large; dividing by the root of that factor was closest on
    photographs.
    """
    smallest = max(float(np.linalg.eigvalsh(np.cov(patches, rowvar=False))[0]), 0.0)
    return smallest / (1 - math.sqrt(patches.shape[1] / max(len(patches), LEAST)))


def _unclipped(level: float, means: np.ndarray) -> float:
    """Return the level before clipping to [0, 1] that gives patches of these means the measured standard deviation."""
    counts, edges = np.histogram(means, BINS, (0, 1))
    centers, weights = (edges[1:] + edges[:-1]) / 2, counts / counts.sum()
    true_means = np.linspace(-1, 2, 601)
    low, high = level, 3 * level
    for _ in range(30):
        middle = (low + high) / 2
        mean, variance = _clipped_normal(true_means, middle)
        if weights @ np.interp(centers, mean, variance) < level**2:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _clipped_normal(mean: np.ndarray, level: float) -> tuple[np.ndarray, np.ndarray]:
    """Return the mean and the variance of a normal variable that is clipped to [0, 1]."""
    low, high = -mean / level, (1 - mean) / level
    density_low, density_high = (np.exp(-(end**2) / 2) / math.sqrt(2 * math.pi) for end in (low, high))
    inside, white = ndtr(high) - ndtr(low), ndtr(-high)
    first = mean * inside - level * (density_high - density_low) + white
    second = (mean**2 + level**2) * inside - level * ((mean + 1) * density_high - mean * density_low) + white
    return first, second - first**2
