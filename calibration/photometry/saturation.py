"""The level at which a sensor really saturates: often a full well below the largest sample.

Photon noise grows with the signal up to saturation and there falls to that of the readout (EMVA
1288, the saturation point). Pixels whose variance has collapsed are saturated; the level they
stand at is the clip level. It is told only if some clip reaches it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from bsd.document import Part
from calibration.photometry.black_level import BlackLevel
from calibration.photometry.position import POSITIONS, cells
from calibration.photometry.statistics import PixelStatistics

_BINS: Final = 256
_LEAST_DEGREES: Final = 200
_LEAST_PIXELS: Final = 100
_MAD_TO_SIGMA: Final = 1.4826
_COLLAPSED: Final = 0.25
_BRIGHT: Final = 0.5
_MARGIN_SIGMAS: Final = 4.0
_PER_DN: Final = 16
"""Steps that a DN is cut into where pixels are counted by their mean."""


class Saturation(Part):
    """Where samples stop telling the light.

    Attributes
    ----------
    clip_dn
        From here on a sample counts as clipped; DN, black level included.
    level_dn, sigma_dn
        Mean and spread of saturated samples; None where no clip reached saturation.
    is_measured
        Else `clip_dn` is the usual 98 % of the largest sample.
    pixels
        Saturated ones seen.
    sources
        Clips looked at.
    """

    clip_dn: int
    level_dn: float | None
    sigma_dn: float | None
    is_measured: bool
    pixels: int
    sources: tuple[str, ...]


def find_saturation(
    clips: Sequence[PixelStatistics], black: BlackLevel, usable: NDArray[np.bool_] | None = None
) -> Saturation:
    """The clip level of one camera, from clips of at least two frames each.

    Parameters
    ----------
    clips
        Flat fields, series, charts: whatever stood still in even or uneven light.
    black
        Of the camera.
    usable
        (H, W) bool, upright: pixels without defect; None: all.
    """
    search = SaturationSearch(clips[0].form, black, usable)
    for clip in clips:
        search.add(clip)
    return search.found()


class SaturationSearch:
    """Counts of pixels by level, clip by clip: memory depends on neither number nor size of clips.

    Parameters
    ----------
    form
        Of all clips.
    black, usable
        See `find_saturation`.
    """

    def __init__(
        self, form: FrameFormat, black: BlackLevel, usable: NDArray[np.bool_] | None = None
    ) -> None:
        self._form, self._black, self._usable = form, black, usable
        self._sources: list[str] = []
        self._degrees = np.zeros(_BINS + 1)
        self._totals = np.zeros(_BINS + 1)
        self._means = np.zeros((POSITIONS, form.white_dn * _PER_DN + 1), dtype=np.int64)

    def add(self, clip: PixelStatistics) -> None:
        """Count a clip; one of a single frame tells no noise."""
        self._sources.append(clip.name)
        if clip.count < 2:
            return
        keep = np.ones(clip.mean.shape[:2], dtype=bool) if self._usable is None else self._usable
        kept = np.repeat(keep[..., None], 3, axis=2) if clip.is_rgb else keep
        freedom = float(clip.count - 1)
        planes = zip(cells(clip.mean), cells(clip.variance), cells(kept), strict=True)
        for place, (mean, variance, marked) in enumerate(planes):
            if clip.is_rgb and place == 2:
                continue  # the same green again
            steps = np.rint(mean[marked] * np.float32(_PER_DN)).astype(np.int32)
            steps = np.minimum(steps, self._means.shape[1] - 1)
            bins = self._bins(place)[steps]
            self._means[place] += np.bincount(steps, minlength=self._means.shape[1])
            self._degrees += freedom * np.bincount(bins, minlength=_BINS + 1)
            self._totals += freedom * np.bincount(bins, variance[marked], minlength=_BINS + 1)

    def found(self) -> Saturation:
        """What the clips tell."""
        width = self._form.white_dn / _BINS
        collapsed, variance = _collapsed(self._degrees, self._totals, width, self._black)
        counts = sum(
            np.where(collapsed[self._bins(place)], self._means[place], 0)
            for place in range(POSITIONS)
        )
        pixels = int(np.sum(counts))
        if pixels < _LEAST_PIXELS:
            return Saturation(
                clip_dn=self._form.clip_dn,
                level_dn=None,
                sigma_dn=None,
                is_measured=False,
                pixels=pixels,
                sources=tuple(self._sources),
            )
        levels = np.arange(self._means.shape[1]) / _PER_DN
        middle = _median(levels, np.asarray(counts))
        fixed = _MAD_TO_SIGMA * _median(np.abs(levels - middle), np.asarray(counts))
        sigma = math.hypot(fixed, math.sqrt(variance))
        return Saturation(
            clip_dn=max(1, math.floor(middle - max(1.0, _MARGIN_SIGMAS * sigma))),
            level_dn=middle,
            sigma_dn=sigma,
            is_measured=True,
            pixels=pixels,
            sources=tuple(self._sources),
        )

    def _bins(self, place: int) -> NDArray[np.int64]:
        """The bin of each step of a mean, by its signal above black."""
        steps, white = self._means.shape[1], (self._means.shape[1] - 1) / _PER_DN
        signal = np.arange(steps) / _PER_DN - self._black.value_dn[place]
        return np.clip((signal * _BINS / white).astype(np.int64), 0, _BINS)


def _median(values: NDArray[np.float64], counts: NDArray[np.int64]) -> float:
    """Of values that occur so many times."""
    order = np.argsort(values, kind="stable")
    reached = np.cumsum(counts[order])
    return float(values[order][np.searchsorted(reached, (reached[-1] + 1) / 2)])


def _collapsed(
    degrees: NDArray[np.float64], totals: NDArray[np.float64], width: float, black: BlackLevel
) -> tuple[NDArray[np.bool_], float]:
    """Bins of saturated samples, and the variance in the fullest of them."""
    per_bin = totals / np.maximum(1.0, degrees)
    told = degrees >= _LEAST_DEGREES
    floor = black.dark_noise_dn**2 + 1 / 12
    slope = _noise_slope(per_bin, told, width, floor)
    if slope is None:
        return np.zeros(len(degrees), dtype=bool), 0.0
    expected = floor + slope * (np.arange(_BINS + 1) + 0.5) * width
    bright = np.arange(_BINS + 1) > _BRIGHT * _BINS
    collapsed = told & bright & (per_bin < _COLLAPSED * expected)
    fullest = int(np.argmax(np.where(collapsed, degrees, -1.0)))
    return collapsed, float(per_bin[fullest])


def _noise_slope(
    per_bin: NDArray[np.float64], told: NDArray[np.bool_], width: float, floor: float
) -> float | None:
    """Photon noise: DN² per DN, from the bins of medium light; None where there are none.

    Saturation only lowers it, so that the upper quartile of what bins tell is the sensor's.
    """
    levels = (np.arange(len(per_bin)) + 0.5) * width
    medium = told & (np.arange(len(per_bin)) >= 8)
    if not medium.any():
        return None
    slopes = (per_bin[medium] - floor) / levels[medium]
    slope = float(np.percentile(slopes, 75))
    return slope if slope > 0 else None
