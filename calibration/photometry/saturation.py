"""The level at which a sensor really saturates: often a full well below the largest sample.

Photon noise grows with the signal up to saturation and there falls to that of the readout (EMVA
1288, the saturation point). Pixels whose variance has collapsed are saturated; the level they
stand at is the clip level. It is told only if some clip reaches it.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.photometry.black_level import BlackLevel
from calibration.photometry.position import spread
from calibration.photometry.statistics import PixelStatistics

_BINS: Final = 256
_LEAST_DEGREES: Final = 200
_LEAST_PIXELS: Final = 100
_MAD_TO_SIGMA: Final = 1.4826
_COLLAPSED: Final = 0.25
_BRIGHT: Final = 0.5
_MARGIN_SIGMAS: Final = 4.0


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
    form = clips[0].form
    sources = tuple(clip.name for clip in clips)
    lit = [_Lit.of(clip, black, usable) for clip in clips if clip.count > 1]
    degrees = np.sum([each.degrees for each in lit], axis=0) if lit else np.zeros(_BINS + 1)
    totals = np.sum([each.totals for each in lit], axis=0) if lit else np.zeros(_BINS + 1)
    collapsed, variance = _collapsed(degrees, totals, form.white_dn / _BINS, black)
    levels = np.concatenate([each.mean[collapsed[each.bins]] for each in lit] or [np.zeros(0)])
    if levels.size < _LEAST_PIXELS:
        return Saturation(
            clip_dn=form.clip_dn,
            level_dn=None,
            sigma_dn=None,
            is_measured=False,
            pixels=int(levels.size),
            sources=sources,
        )
    middle = float(np.median(levels))
    fixed = _MAD_TO_SIGMA * float(np.median(np.abs(levels - middle)))
    sigma = math.hypot(fixed, math.sqrt(variance))
    return Saturation(
        clip_dn=max(1, math.floor(middle - max(1.0, _MARGIN_SIGMAS * sigma))),
        level_dn=middle,
        sigma_dn=sigma,
        is_measured=True,
        pixels=int(levels.size),
        sources=sources,
    )


class _Lit(NamedTuple):
    """A clip's samples in bins of their level.

    `mean` and `bins` by sample; `degrees` of freedom of the variance, and it times them, by bin.
    """

    mean: NDArray[np.float64]
    bins: NDArray[np.int64]
    degrees: NDArray[np.float64]
    totals: NDArray[np.float64]

    @classmethod
    def of(cls, clip: PixelStatistics, black: BlackLevel, usable: NDArray[np.bool_] | None) -> _Lit:
        signal = (clip.mean - spread(black.values, clip.mean)).astype(np.float64)
        keep = np.ones(signal.shape, dtype=bool)
        if usable is not None:
            keep &= usable[..., None] if clip.is_rgb else usable
        variance = clip.variance[keep].astype(np.float64)
        bins = np.clip((signal[keep] * _BINS / clip.form.white_dn).astype(np.int64), 0, _BINS)
        freedom = float(clip.count - 1)
        return cls(
            clip.mean[keep].astype(np.float64),
            bins,
            np.asarray(freedom * np.bincount(bins, minlength=_BINS + 1), dtype=np.float64),
            np.asarray(
                freedom * np.bincount(bins, weights=variance, minlength=_BINS + 1), dtype=np.float64
            ),
        )


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
