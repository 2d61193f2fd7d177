"""Averages of the surface through the samples over squares: resampling to larger pixels.

The weight of a sample is the integral of the interpolation's kernel over the square, so that what
the interpolation reproduces (a ramp) stays what it is at the square's centre. The map's rotation
and scale within a pixel are not followed: the squares stand upright and have one size.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from calibration.interpolation import TILE, Kernel, Map, held, mirrored, mix
from calibration.kernel import compiled_fused

Array = NDArray[np.float64]
Flat = NDArray[np.float32]


class AreaAverage:
    """Weights of every pixel of a map, kept.

    Parameters
    ----------
    maps
        One, or one per channel, (H, W, 2) float32.
    source_shape
        Height and width of the source.
    kernel
        Of the surface.
    side_px
        Of the squares, in the source's pixels, above 0.
    """

    def __init__(
        self, maps: tuple[Map, ...], source_shape: tuple[int, int], kernel: Kernel, side_px: float
    ) -> None:
        self.half_px = math.ceil(side_px / 2)
        """How much farther than those of a point the samples lie, rounded up."""
        self._taps = math.ceil(side_px) + 4
        self._source_shape = source_shape
        self._shape = maps[0].shape[:2]
        parts = [_weights(each, source_shape, kernel, side_px, self._taps) for each in maps]
        self._base = np.stack([base for base, _ in parts])
        self._weights = np.stack([weights for _, weights in parts])

    def rows(
        self, source: NDArray[Any], gain: Flat, matrix: Flat, out: Flat, first: int, last: int
    ) -> None:
        """Make rows of the result; as `calibration.interpolation.interpolated_rows`."""
        _averaged_rows(
            source, self._source_shape, self._base, self._weights, gain, matrix, out, first, last
        )


def _weights(
    map_xy: Map, source_shape: tuple[int, int], kernel: Kernel, side_px: float, taps: int
) -> tuple[NDArray[np.int32], Flat]:
    """First taps (H, W, 2) and weights (H, W, 2, taps)."""
    centre = held(map_xy, source_shape).astype(np.float64)
    base = np.floor(centre - side_px / 2) - 1
    weights = np.empty((*centre.shape, taps), dtype=np.float32)
    for tap in range(taps):
        beyond = centre - (base + tap)
        share = _integral(beyond + side_px / 2, kernel) - _integral(beyond - side_px / 2, kernel)
        weights[..., tap] = share / side_px
    return base.astype(np.int32), weights


def _integral(t: Array, kernel: Kernel) -> Array:
    """Of the kernel from 0 to t, odd."""
    u = np.minimum(np.abs(t), 2.0)
    if kernel == "keys":
        inner = 0.375 * u**4 - 5.0 / 6.0 * u**3 + u
        outer = -0.125 * u**4 + 5.0 / 6.0 * u**3 - 2.0 * u**2 + 2.0 * u - 1.0 / 6.0
    else:
        inner = u**4 / 8.0 - u**3 / 3.0 + 2.0 / 3.0 * u
        outer = 0.5 - (2.0 - u) ** 4 / 24.0
    return np.asarray(np.copysign(np.where(u < 1.0, inner, outer), t))


@compiled_fused
def _averaged_rows(
    source: NDArray[Any],
    source_shape: tuple[int, int],
    base: NDArray[np.int32],
    weights: Flat,
    gain: Flat,
    matrix: Flat,
    out: Flat,
    first: int,
    last: int,
) -> None:
    height, width = source_shape
    maps, rows, columns = base.shape[0], base.shape[1], base.shape[2]
    taps = weights.shape[4]
    colours = np.empty(3 * TILE, dtype=np.float32)
    for y in range(first, last):
        for x in range(0, columns, TILE):
            n = min(TILE, columns - x)
            for channel in range(3):
                plan = channel % maps
                for i in range(n):
                    column, row = base[plan, y, x + i, 0], base[plan, y, x + i, 1]
                    total = np.float32(0)
                    for j in range(taps):
                        line = (channel * height + mirrored(row + j, height)) * width
                        part = np.float32(0)
                        for k in range(taps):
                            value = source[line + mirrored(column + k, width)]
                            part += weights[plan, y, x + i, 0, k] * np.float32(value)
                        total += weights[plan, y, x + i, 1, j] * part
                    colours[channel * TILE + i] = total
            mix(colours, n, gain, rows * columns, y * columns + x, matrix, out)
