"""Whether the light of a still clip stood still: what gates flat fields and series."""

from __future__ import annotations

import math
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.photometry.faults import FlickeringLight
from calibration.photometry.statistics import PixelStatistics

FLICKER_MOST: Final = 0.005
"""Spread of the frames' means, relative: leaves 0.1 % in the mean of 32 frames."""

_SIGMAS: Final = 5.0


def flicker(statistics: PixelStatistics, black_dn: NDArray[np.float64]) -> tuple[float, float]:
    """Relative spread of the frames' means above black, and what noise alone would make of it."""
    means = (statistics.frame_means - black_dn).mean(axis=1)
    level = max(float(means.mean()), 1e-6)
    if len(means) < 2:
        return 0.0, 0.0
    noise = math.sqrt(float(statistics.variance.mean(dtype=np.float64)) / statistics.mean.size)
    return float(means.std(ddof=1)) / level, noise / level


def check_steady(
    statistics: PixelStatistics, black_dn: NDArray[np.float64], limit: float = FLICKER_MOST
) -> float:
    """The relative spread of the frames' means.

    A lamp that flickers in step with the frame rate (120 Hz at 15 fps) does not show here: it
    shows as a series that is not linear.

    Raises
    ------
    FlickeringLight
        It is above `limit` and above five times what noise makes.
    """
    spread, noise = flicker(statistics, black_dn)
    if spread > max(limit, _SIGMAS * noise):
        raise FlickeringLight(
            f"{statistics.name}: the frames' levels vary by {spread:.1%} (limit {limit:.1%}), the"
            " light flickers or drifts; light with DC, wait until it is warm, and take it again"
        )
    return spread
