"""One exposure of a series: what an even surface reads at it."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.photometry.faults import ShortSeries
from calibration.photometry.position import POSITIONS, cells
from calibration.photometry.statistics import PixelStatistics
from calibration.photometry.steadiness import check_steady

LEAST_FRAMES: Final = 2


@dataclass(frozen=True)
class Level:
    """One exposure of a series, of one camera.

    Attributes
    ----------
    exposure_us
        Predicted optical exposure.
    signal_dn, sigma_dn
        (4,) float64 by place: DN above black, mean over the view, and its statistical sigma.
    clipped_share
        Largest share of clipped samples of a place.
    frames
        Of the clip.
    source
        Its name.
    """

    exposure_us: float
    signal_dn: NDArray[np.float64]
    sigma_dn: NDArray[np.float64]
    clipped_share: float
    frames: int
    source: str


def level_of(
    statistics: PixelStatistics,
    exposure_us: float,
    black_dn: NDArray[np.float64],
    clip_dn: float,
    usable: NDArray[np.bool_] | None = None,
) -> Level:
    """A level of a series from its clip.

    Parameters
    ----------
    statistics
        Of all its frames.
    exposure_us
        Predicted optical exposure of this camera.
    black_dn
        (4,) at this exposure.
    clip_dn
        Samples from here on are clipped.
    usable
        (H, W) bool upright: pixels without defect; None: all.

    Raises
    ------
    ShortSeries
        Fewer than two frames.
    FlickeringLight
        They differ by more than noise.
    """
    if statistics.count < LEAST_FRAMES:
        raise ShortSeries(
            f"{statistics.name}: has {statistics.count} frame, a level of a series needs"
            f" {LEAST_FRAMES}; take it again"
        )
    check_steady(statistics, black_dn)
    keep = np.ones(statistics.mean.shape[:2], dtype=bool) if usable is None else usable
    kept = np.repeat(keep[..., None], 3, axis=2) if statistics.is_rgb else keep
    signal, sigma = np.zeros(POSITIONS), np.zeros(POSITIONS)
    planes = (cells(array) for array in (statistics.mean, kept))
    for place, (plane, marked) in enumerate(zip(*planes, strict=True)):
        signal[place] = plane[marked].mean(dtype=np.float64) - black_dn[place]
        between = statistics.frame_means[:, place].std(ddof=1) / math.sqrt(statistics.count)
        noise = cells(statistics.variance)[place].mean(dtype=np.float64)
        sigma[place] = max(between, math.sqrt(noise / statistics.count / plane.size))
    return Level(
        exposure_us=exposure_us,
        signal_dn=signal,
        sigma_dn=sigma,
        clipped_share=float(statistics.share_from(clip_dn).max()),
        frames=statistics.count,
        source=statistics.name,
    )
