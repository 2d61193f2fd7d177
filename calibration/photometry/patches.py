"""Patches of even colour that both views show: what a colour matrix is solved from.

No chart needs to be known. Both views are put side by side in C1's geometry at half of its
resolution, one sample of each colour a cell; where both are even, patches are; what is alike counts
once.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.photometry.black_level import BlackLevel
from calibration.photometry.defects import mended
from calibration.photometry.flat import RatioFlat
from calibration.photometry.position import cells, colours, spots, spread
from calibration.photometry.statistics import PixelStatistics

Picture = NDArray[np.float32]

_WINDOW: Final = 5
_EVEN: Final = 0.05
_NOISY: Final = 3.0
_LEAST_CELLS: Final = 20
_PATCH_SPREAD: Final = 0.1
_ALIKE: Final = 0.06
_FLOOR: Final = 0.01


@dataclass(frozen=True)
class ColourView:
    """A chart's clip in one view.

    Attributes
    ----------
    statistics
        Of the clip.
    black
        At its exposure.
    defects
        (H, W) bool, upright.
    clip_dn
        Samples from here on are clipped.
    """

    statistics: PixelStatistics
    black: BlackLevel
    defects: NDArray[np.bool_]
    clip_dn: float


@dataclass(frozen=True)
class Patches:
    """Colours that both views show.

    Attributes
    ----------
    blurry, sharp
        (N, 3) float64: DN above black in C1, and in C2 after alignment and the ratio flat.
    sigma
        (N, 3) float64: of the means in C1's DN, both views' noise together.
    places
        (N, 2) float64: (x, y) of the middle, upright C1 pixels.
    """

    blurry: NDArray[np.float64]
    sharp: NDArray[np.float64]
    sigma: NDArray[np.float64]
    places: NDArray[np.float64]

    def __len__(self) -> int:
        return len(self.blurry)


def find_patches(
    blurry: ColourView, sharp: ColourView, grid: NDArray[np.float32], flat: RatioFlat
) -> Patches:
    """Patches in both views.

    Parameters
    ----------
    blurry, sharp
        The chart's clips.
    grid
        (H1, W1, 2) float32: upright C2 pixel of each upright C1 pixel.
    flat
        C2 is divided by it.
    """
    centres = _centres(flat.covered.shape)
    first = _sampled(blurry, centres)
    middles = np.ascontiguousarray(_between(grid))
    second = _sampled(sharp, middles)
    second = np.asarray(second / _between(flat.ratio), dtype=np.float32)
    covered = cv2.erode(
        _between(flat.covered.astype(np.float32)), np.ones((_WINDOW, _WINDOW), np.uint8)
    )
    even = np.asarray(covered > 0.99)
    for view, picture, at in ((blurry, first, centres), (sharp, second, middles)):
        even &= _even(picture, view) & _unclipped(view, at)
    count, labels = cv2.connectedComponents(even.astype(np.uint8), connectivity=4)
    return _distinct(_measured(first, second, np.asarray(labels), count))


def _centres(shape: tuple[int, ...]) -> Picture:
    """(x, y) of the middle of each 2 × 2 cell, (H/2, W/2, 2)."""
    y, x = np.mgrid[0 : shape[0] // 2, 0 : shape[1] // 2] * 2 + 0.5
    return np.stack([x, y], axis=2).astype(np.float32)


def _between(field: NDArray[np.float32]) -> Picture:
    """Mean of each 2 × 2 cell."""
    return np.asarray(
        (field[0::2, 0::2] + field[0::2, 1::2] + field[1::2, 0::2] + field[1::2, 1::2]) / 4,
        dtype=np.float32,
    )


def _sampled(view: ColourView, at: Picture) -> Picture:
    """The three colours at upright points, each interpolated in its own plane of the mosaic."""
    mean = mended(view.statistics.mean, view.defects)
    signal = (mean - spread(view.black.values, mean)).astype(np.float32)
    total = np.zeros((*at.shape[:2], 3), dtype=np.float32)
    weight = np.zeros(3, dtype=np.float32)
    names = colours(view.statistics.form, rgb=view.statistics.is_rgb)
    for plane, (row, column, step), name in zip(cells(signal), spots(signal), names, strict=True):
        x, y = (at[..., 0] - column) / step, (at[..., 1] - row) / step
        values = cv2.remap(
            np.ascontiguousarray(plane), x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        for channel in range(3):
            if name in (None, channel):
                total[..., channel] += values
                weight[channel] += 1
    return np.asarray(total / weight, dtype=np.float32)


def _even(picture: Picture, view: ColourView) -> NDArray[np.bool_]:
    """Where a window varies by no more than noise and pixels' sensitivities make it."""
    size = (_WINDOW, _WINDOW)
    mean = cv2.boxFilter(picture, cv2.CV_32F, size)
    square = cv2.boxFilter(picture * picture, cv2.CV_32F, size)
    spread_dn = np.sqrt(np.maximum(square - mean * mean, 0))
    variance = float(np.median(view.statistics.variance)) / view.statistics.count
    bright = np.maximum(mean, mean.max(axis=2, keepdims=True) / 4)
    limit = _NOISY * np.sqrt(variance) + _EVEN * bright
    return np.asarray((spread_dn < limit).all(axis=2))


def _unclipped(view: ColourView, at: Picture) -> NDArray[np.bool_]:
    """Where no sample nearby comes near to clipping, noise included."""
    statistics = view.statistics
    top = statistics.mean + 3 * np.sqrt(statistics.variance)
    top = top.max(axis=2) if statistics.is_rgb else top
    side = np.ones((3, 3), np.uint8)
    clipped = cv2.dilate((top >= view.clip_dn).astype(np.float32), side)
    x, y = (np.ascontiguousarray(at[..., axis]) for axis in (0, 1))
    near = cv2.remap(clipped, x, y, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(near <= 0)


def _measured(first: Picture, second: Picture, labels: NDArray[np.int32], count: int) -> Patches:
    found: list[tuple[NDArray[np.float64], ...]] = []
    for label in range(1, count):
        inside = labels == label
        if inside.sum() < _LEAST_CELLS:
            continue
        one, other = first[inside].astype(np.float64), second[inside].astype(np.float64)
        means = one.mean(axis=0), other.mean(axis=0)
        floor = max(float(means[0].max()), 1e-6)
        if (one.std(axis=0) > _PATCH_SPREAD * floor).any() or (means[1] <= 0).all():
            continue
        scale = means[0].sum() / max(float(means[1].sum()), 1e-6)
        sigma = np.hypot(one.std(axis=0), scale * other.std(axis=0)) / np.sqrt(len(one))
        y, x = np.nonzero(inside)
        found.append((*means, sigma, np.array([2 * x.mean() + 0.5, 2 * y.mean() + 0.5])))
    columns = [np.array([each[column] for each in found]) for column in range(4)]
    shapes = ((-1, 3), (-1, 3), (-1, 3), (-1, 2))
    return Patches(*(column.reshape(shape) for column, shape in zip(columns, shapes, strict=True)))


def _distinct(patches: Patches) -> Patches:
    """Of patches of one colour the one that is known best; colours differ by 6 % or more."""
    full = max(float(patches.blurry.max(initial=0.0)), 1e-6)
    scaled = np.sqrt(np.maximum(patches.blurry, 0) / full + _FLOOR)
    kept: list[int] = []
    for index in np.argsort(patches.sigma.sum(axis=1)):
        apart = np.abs(scaled[kept] - scaled[index]).max(axis=1) if kept else np.ones(1)
        if (apart > _ALIKE / 2).all():
            kept.append(int(index))
    kept.sort()
    return Patches(
        patches.blurry[kept], patches.sharp[kept], patches.sigma[kept], patches.places[kept]
    )
