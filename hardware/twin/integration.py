"""The exposure's integral: summed along the motion, blurred, averaged over pixels.

Every pixel is sampled OVERSAMPLING × OVERSAMPLING times. Each sample follows its ray through the
layers, front to back, at the middle of every time step; steps are so short that nothing moves by
more than half a pixel within one, and a step counts with its exact light. The optics' Gaussian and
the pixel's area are then one separable filter that goes from samples to pixels.

The kernels release the interpreter and own disjoint rows: the result is the same for any number of
threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from hardware.twin.sampling import Array, compiled, march

OVERSAMPLING = 4
_BAND_ROWS = 16
Image = NDArray[np.float32]


@dataclass(frozen=True)
class Samples:
    """Rays of a region's samples with a margin.

    Attributes
    ----------
    x, y
        (rows, columns) float32 slopes of the rays.
    margin
        Samples on every side that only the optics' blur asks for.
    """

    x: Image
    y: Image
    margin: int


@dataclass(frozen=True)
class Passes:
    """What each step sees of each layer, layers front to back.

    Attributes
    ----------
    to_texel
        (S, L, 3, 3) float32: ray → texel of the layer's texture.
    light
        (S, L) float32: light-seconds by which a step's texels count.
    texels
        (N, 4) float32: all textures one after another.
    first
        (S, L) int64: where a step's texture begins in `texels`.
    size
        (L, 3) int64: its height, width and extent.
    """

    to_texel: NDArray[np.float32]
    light: NDArray[np.float32]
    texels: NDArray[np.float32]
    first: NDArray[np.int64]
    size: NDArray[np.int64]


def sample_margin(sigma_px: float, shift_px: float) -> int:
    """Samples on each side that a blur and a ghost's shift reach into."""
    return blur_radius(sigma_px) + math.ceil(abs(shift_px) * OVERSAMPLING)


def blur_radius(sigma_px: float) -> int:
    """Radius of the optics' Gaussian in samples: four standard deviations."""
    return math.ceil(4.0 * sigma_px * OVERSAMPLING)


def pixel_weights(sigma_px: float) -> NDArray[np.float32]:
    """Weights of samples that make one pixel: Gaussian ⊗ area mean; they add up to one."""
    radius = blur_radius(sigma_px)
    place = np.arange(-radius, radius + 1)
    spread = max(sigma_px * OVERSAMPLING, 1e-6)
    gaussian = np.exp(-0.5 * (place / spread) ** 2)
    weights = np.convolve(gaussian / gaussian.sum(), np.full(OVERSAMPLING, 1.0 / OVERSAMPLING))
    return weights.astype(np.float32)


def integrate(samples: Samples, passes: Passes, threads: int) -> Image:
    """Light-seconds of every sample, (rows, columns, 3) float32."""
    out = np.zeros((*samples.x.shape, 3), dtype=np.float32)

    def band(first: int, last: int) -> None:
        march(
            samples.x[first:last],
            samples.y[first:last],
            passes.to_texel,
            passes.light,
            passes.texels,
            passes.first,
            passes.size,
            out[first:last],
        )

    in_bands(band, out.shape[0], threads)
    return out


def to_pixels(
    samples: Image, sigma_px: float, margin: int, shift: tuple[int, int], threads: int
) -> Image:
    """Blur by the optics and average over the pixels' area, (H, W, 3) float32.

    Parameters
    ----------
    samples
        (H·n + 2·margin, W·n + 2·margin, 3), n = OVERSAMPLING.
    sigma_px
        Of the optics' Gaussian, in pixels.
    margin
        At least `sample_margin` of blur and shift.
    shift
        The picture is moved by so many samples to the right and down (a ghost).
    threads
        How many share the work.
    """
    weights = pixel_weights(sigma_px)
    reach = margin - blur_radius(sigma_px)
    height = (samples.shape[0] - 2 * margin) // OVERSAMPLING
    width = (samples.shape[1] - 2 * margin) // OVERSAMPLING
    narrow = np.empty((samples.shape[0], width, 3), dtype=np.float32)
    out = np.empty((height, width, 3), dtype=np.float32)
    left, top = reach - shift[0], reach - shift[1]
    in_bands(
        lambda a, b: _narrow_rows(samples[a:b], weights, left, narrow[a:b]), len(narrow), threads
    )
    in_bands(lambda a, b: _narrow_columns(narrow, weights, top, a, out[a:b]), height, threads)
    return out


def in_bands(work: Callable[[int, int], None], rows: int, threads: int) -> None:
    """Call ``work(first, last)`` for bands of rows, in `threads` threads."""
    bands = [(first, min(first + _BAND_ROWS, rows)) for first in range(0, rows, _BAND_ROWS)]
    if threads == 1:
        for first, last in bands:
            work(first, last)
        return
    with ThreadPoolExecutor(threads) as pool:
        for done in [pool.submit(work, first, last) for first, last in bands]:
            done.result()


@compiled
def _narrow_rows(samples: Array, weights: Array, first: int, out: Array) -> None:
    """Samples → pixels along each row."""
    for row in range(out.shape[0]):
        for column in range(out.shape[1]):
            red = green = blue = np.float32(0)
            start = first + column * OVERSAMPLING
            for k in range(weights.shape[0]):
                red += weights[k] * samples[row, start + k, 0]
                green += weights[k] * samples[row, start + k, 1]
                blue += weights[k] * samples[row, start + k, 2]
            out[row, column, 0] = red
            out[row, column, 1] = green
            out[row, column, 2] = blue


@compiled
def _narrow_columns(samples: Array, weights: Array, first: int, first_row: int, out: Array) -> None:
    """Samples → pixels along the columns, for some rows of pixels."""
    out[:] = 0
    for row in range(out.shape[0]):
        start = first + (first_row + row) * OVERSAMPLING
        for k in range(weights.shape[0]):
            weight = weights[k]
            for column in range(out.shape[1]):
                out[row, column, 0] += weight * samples[start + k, column, 0]
                out[row, column, 1] += weight * samples[start + k, column, 1]
                out[row, column, 2] += weight * samples[start + k, column, 2]
