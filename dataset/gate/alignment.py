r"""How far the aligned views lie apart, over a grid, from what stands still.

Least squares on gradients (Lucas and Kanade, IJCAI 1981) in each block, symmetric in both views so
that the first neglected order vanishes: with :math:`a` (C1), :math:`b` (C2, brought to C1's mean in
the block), both smoothed, and :math:`\nabla` the gradient of their mean,

.. math:: d = \Big(\sum \nabla\nabla^T\Big)^{-1} \sum \nabla\,(b - a)

is where C1 shows what C2 shows at the same pixel. Its covariance is
:math:`\sigma^2 c\,(\sum\nabla\nabla^T)^{-1}`, σ² what the shift leaves over and
:math:`c = 4 \pi s^2` the pixels that the smoothing (standard deviation s) ties together.

Only views that stand still may be judged so: the middle of a crooked blur lies beside the picture.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dataset.gate.blur import BLOCK_PX, Plane

BLOCK: Final = 32
_DERIVATIVE: Final = np.array([1.0, -8.0, 0.0, 8.0, -1.0]) / 12.0
_SMOOTHING: Final = 1.0
_TIED: Final = 4.0 * math.pi * _SMOOTHING**2
_LEAST_CLEAR: Final = 0.95
_MOST_ERROR_PX: Final = 0.5
_LEAST_BLOCKS: Final = 3
_FAR_PX: Final = 1.0
_BIN_PX: Final = 2
_SHARE: Final = 90.0


class ShiftGrid(NamedTuple):
    """Shifts of the blocks that hold detail, in pixels of the full-size view.

    Attributes
    ----------
    shift_px
        (n, 2) float64, (x, y): where C1 shows what C2 shows, less C2's place.
    error_px
        (n,) float64: standard error of its length (the larger axis).
    centre_px
        (n, 2) float64, (x, y) of the blocks.
    """

    shift_px: NDArray[np.float64]
    error_px: NDArray[np.float64]
    centre_px: NDArray[np.float64]

    @property
    def mean_px(self) -> tuple[float, float] | None:
        """Mean shift over the view, the better known blocks counting more."""
        if not len(self.error_px):
            return None
        weight = 1 / (self.error_px**2 + 0.02**2)
        x, y = (self.shift_px * weight[:, None]).sum(axis=0) / weight.sum()
        return float(x), float(y)

    def excess_px(self) -> float | None:
        """What nine tenths of the blocks keep, two standard errors taken off; None if too few."""
        if len(self.error_px) < _LEAST_BLOCKS:
            return None
        lengths = np.hypot(*self.shift_px.T) - 2 * self.error_px
        return float(np.percentile(np.maximum(lengths, 0.0), _SHARE))


def shift_grid(
    blurry: Plane, sharp: Plane, clear: NDArray[np.bool_], bin_px: int = _BIN_PX
) -> ShiftGrid:
    """Measure the shift in blocks of 32 × 32 bins; where it is large, on coarser planes.

    Parameters
    ----------
    blurry, sharp
        `dataset.gate.blur.luminance` of both views, or means of it over some frames.
    clear
        False where anything is clipped.
    bin_px
        Pixels of the view along a bin.
    """
    grid = _measured(blurry, sharp, clear, bin_px)
    if min(blurry.shape) // 4 < BLOCK:
        return grid
    size = blurry.shape[1] // 4, blurry.shape[0] // 4
    small = [cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in (blurry, sharp)]
    known = cv2.resize(clear.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    coarse = _measured(np.asarray(small[0]), np.asarray(small[1]), known, 4 * bin_px)
    far = coarse.excess_px()
    return coarse if far is not None and far > _FAR_PX * bin_px else grid


def least_size_px(width: int, height: int) -> tuple[int, int]:
    """The smallest view of this shape that alignment and blur can be measured on, even sides."""
    block_px = BLOCK * _BIN_PX
    for wide in range(block_px, 64 * block_px, 2):
        high = max(2, round(wide * height / width / 2) * 2)
        blocks = (wide // block_px) * (high // block_px)
        if blocks >= _LEAST_BLOCKS and min(wide, high) >= BLOCK_PX:
            return wide, high
    return block_px, block_px


def _measured(blurry: Plane, sharp: Plane, clear: NDArray[np.bool_], bin_px: int) -> ShiftGrid:
    rows, columns = (side // BLOCK for side in blurry.shape)
    height, width = rows * BLOCK, columns * BLOCK
    views = [cv2.GaussianBlur(each, (0, 0), _SMOOTHING) for each in (blurry, sharp)]
    first, second = (np.asarray(each[:height, :width], dtype=np.float64) for each in views)
    levels = [_sums(each, rows, columns) for each in (first, second)]
    gain = np.where(levels[1] > 0, levels[0] / np.where(levels[1] > 0, levels[1], 1.0), 1.0)
    second = second * np.repeat(np.repeat(gain, BLOCK, 0), BLOCK, 1)
    dx, dy = _slopes((first + second) / 2)
    rest = second - first
    tensor = [_sums(each, rows, columns) for each in (dx * dx, dx * dy, dy * dy)]
    right = [_sums(each * rest, rows, columns) for each in (dx, dy)]
    xx, xy, yy = tensor
    determinant = xx * yy - xy * xy
    safe = np.where(determinant > 1e-9 * (xx + yy) ** 2, determinant, np.inf)
    x, y = (yy * right[0] - xy * right[1]) / safe, (xx * right[1] - xy * right[0]) / safe
    squares = _sums(rest * rest, rows, columns)
    left = np.maximum(squares - x * right[0] - y * right[1], 0.0) / BLOCK**2
    smallest = (xx + yy) / 2 - np.sqrt(((xx - yy) / 2) ** 2 + xy**2)
    variance = left * _TIED / np.maximum(smallest, 1e-30)
    error: NDArray[np.float64] = np.sqrt(variance).astype(np.float64) * bin_px
    known = _sums(clear[:height, :width].astype(np.float64), rows, columns) / BLOCK**2
    good = (known > _LEAST_CLEAR) & np.isfinite(safe) & (error < _MOST_ERROR_PX * bin_px)
    centre_y, centre_x = np.nonzero(good)
    places = np.stack([centre_x, centre_y], axis=1).astype(np.float64)
    centre = (places + 0.5) * BLOCK * bin_px - 0.5
    return ShiftGrid(np.stack([x[good], y[good]], axis=1) * bin_px, error[good], centre)


def _sums(values: NDArray[np.float64], rows: int, columns: int) -> NDArray[np.float64]:
    """(rows, columns): sums over blocks."""
    return np.asarray(values.reshape(rows, BLOCK, columns, BLOCK).sum(axis=(1, 3)))


def _slopes(plane: NDArray[np.float64]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Derivatives along x and y, exact to the fourth order."""
    kernels = _DERIVATIVE[None], _DERIVATIVE[:, None]
    dx, dy = (cv2.filter2D(plane, -1, each, borderType=cv2.BORDER_REFLECT) for each in kernels)
    return np.asarray(dx, dtype=np.float64), np.asarray(dy, dtype=np.float64)
