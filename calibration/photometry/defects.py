"""Pixels that tell nothing of the scene: hot, noisy, dead or of a sensitivity of their own."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.photometry.position import cells
from calibration.photometry.statistics import PixelStatistics

_SIGMAS: Final = 8.0
_MAD_TO_SIGMA: Final = 1.4826
_HOT_SHARE: Final = 0.001
"""Of full scale: what stands out by less does no harm."""

_NOISY: Final = 25.0
"""A dark pixel whose variance is so many times the usual one blinks."""

_DEAD: Final = 0.2
"""Relative deviation from the neighbours' sensitivity."""

_LIT_SHARE: Final = 0.01
"""Of full scale: what a flat field stands at least above the dark clip."""

_MEDIAN_PX: Final = 5
"""Of the same colour; OpenCV's largest for float32."""


class DefectCounts(Part):
    """How many pixels are of no use.

    Attributes
    ----------
    hot, noisy, dead, total
        Bright without light; blinking without light; off by 20 % or more in even light; all.
    pixels
        Of the view.
    """

    hot: int
    noisy: int
    dead: int
    total: int
    pixels: int


@dataclass(frozen=True)
class Defects:
    """Which pixels are of no use.

    Attributes
    ----------
    mask
        (H, W) bool, upright; an RGB pixel counts where one of its channels does.
    counts
        By cause.
    """

    mask: NDArray[np.bool_]
    counts: DefectCounts


def hot_pixels(dark: PixelStatistics) -> NDArray[np.bool_]:
    """Pixels that stand out of a dark clip, (H, W) bool upright.

    A pixel is hot if its mean is above the median of its place by 8 sigma of the fixed pattern and
    by 0.1 % of full scale.
    """
    found = np.zeros(dark.mean.shape, dtype=bool)
    for plane, marked in zip(cells(dark.mean), cells(found), strict=True):
        middle, sigma = _robust(plane)
        limit = max(_SIGMAS * sigma, _HOT_SHARE * dark.form.white_dn)
        marked[...] |= np.abs(plane - middle) > limit
    return _by_pixel(found)


def find_defects(dark: PixelStatistics, flat: PixelStatistics | None = None) -> Defects:
    """Defects from a dark clip and, for dead ones, from a flat field.

    Parameters
    ----------
    dark
        At the longest exposure, where hot pixels are hottest.
    flat
        None: dead pixels are not looked for.

    Raises
    ------
    UnlikeClips
        The clips are of other sizes or formats.
    """
    hot = hot_pixels(dark)
    noisy = _noisy(dark) & ~hot
    dead = np.zeros_like(hot)
    if flat is not None:
        dark.require_like(flat)
        dead = _dead(dark, flat) & ~hot & ~noisy
    mask = hot | noisy | dead
    counts = DefectCounts(
        hot=int(hot.sum()),
        noisy=int(noisy.sum()),
        dead=int(dead.sum()),
        total=int(mask.sum()),
        pixels=mask.size,
    )
    return Defects(mask, counts)


def mended(mean: NDArray[np.float32], mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """A copy of a mean picture with defects replaced by the median of their colour's neighbours.

    For flat fields and patches, not for pictures that are published.
    """
    whole = mean.copy()
    flagged = np.repeat(mask[..., None], 3, axis=2) if mean.ndim == 3 else mask
    for plane, marked in zip(cells(whole), cells(flagged), strict=True):
        if marked.any():
            plane[marked] = _median(plane)[marked]
    return whole


def _noisy(dark: PixelStatistics) -> NDArray[np.bool_]:
    """Told only where there are frames enough, and where noise is more than quantisation."""
    found = np.zeros(dark.mean.shape, dtype=bool)
    if dark.count < 8:
        return _by_pixel(found)
    for plane, marked in zip(cells(dark.variance), cells(found), strict=True):
        usual = float(np.median(plane))
        marked[...] |= plane > max(_NOISY * usual, 25 / 12)
    return _by_pixel(found)


def _dead(dark: PixelStatistics, flat: PixelStatistics) -> NDArray[np.bool_]:
    """Where a flat field is too dark to be one nothing is told: it is refused by who needs it."""
    light = flat.mean - dark.mean
    found = np.zeros(light.shape, dtype=bool)
    for plane, marked in zip(cells(light), cells(found), strict=True):
        if float(np.median(plane)) < _LIT_SHARE * flat.form.white_dn:
            continue
        around = np.maximum(_median(plane), 1e-3)
        relative = (plane / around - 1).astype(np.float32)
        _, sigma = _robust(relative)
        marked[...] |= np.abs(relative) > max(_SIGMAS * sigma, _DEAD)
    return _by_pixel(found)


def _median(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    filtered = cv2.medianBlur(np.ascontiguousarray(plane), _MEDIAN_PX)
    return np.asarray(filtered, dtype=np.float32)


def _robust(plane: NDArray[np.float32]) -> tuple[float, float]:
    """Median and a sigma that a few outliers do not change."""
    middle = float(np.median(plane))
    return middle, _MAD_TO_SIGMA * float(np.median(np.abs(plane - middle)))


def _by_pixel(found: NDArray[np.bool_]) -> NDArray[np.bool_]:
    return np.asarray(found.any(axis=2)) if found.ndim == 3 else found
