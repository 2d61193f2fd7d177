"""Whether a series bends, and where it then begins.

A line through levels of a camera that bends (gamma a little off 1, a sensor that yields less near
its full well) meets zero light elsewhere than the camera does: 1 % at the brightest level reads as
6 µs of 16 ms. So the parabola ``x (1 + κ x / top)``, ``x = slope (exposure + offset)``, is fitted
as well, one κ for the sensor.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

_SIGMAS: Final = 5.0
"""Of κ's own standard error: below it a line is believed."""

Values = NDArray[np.float64]


@dataclass(frozen=True)
class Curvature:
    """A series as a parabola.

    Attributes
    ----------
    offset_us, offset_sigma_us
        Real minus predicted exposure, and its statistical standard error.
    share
        κ: by how much the brightest level lies off the line that the faintest begin, relative.
    share_sigma
        Its standard error.
    """

    offset_us: float
    offset_sigma_us: float
    share: float
    share_sigma: float

    @property
    def is_told(self) -> bool:
        """Whether the parabola is told from a line."""
        return abs(self.share) > _SIGMAS * self.share_sigma


def curvature(
    exposures_us: Values, signals_dn: Values, sigmas_dn: Values, slopes: Values, offset_us: float
) -> Curvature:
    """The parabola through a series, begun at the line.

    Parameters
    ----------
    exposures_us
        (L,) predicted, at least 4.
    signals_dn, sigmas_dn
        (L, 4) above black, by place, and their sigmas.
    slopes, offset_us
        Of the line: (4,) DN per µs, and µs.
    """
    top, shortest = float(signals_dn.max()), float(exposures_us.min())

    def misfit(unknowns: Values) -> Values:
        real_us = exposures_us[:, None] + unknowns[4] * shortest
        line = slopes * unknowns[:4] * real_us
        return np.asarray(
            ((signals_dn - line * (1 + unknowns[5] * line / top)) / sigmas_dn).ravel()
        )

    begin = np.array([1.0, 1.0, 1.0, 1.0, offset_us / shortest, 0.0])
    found = least_squares(misfit, begin, method="lm")
    freedom = max(1, signals_dn.size - len(begin))
    excess = max(1.0, math.sqrt(2.0 * float(found.cost) / freedom))
    jacobian: Values = np.asarray(found.jac, dtype=np.float64)
    covariance = np.linalg.pinv(jacobian.T @ jacobian)
    sigmas = excess * np.sqrt(np.maximum(np.diag(covariance), 0.0))
    return Curvature(
        offset_us=float(found.x[4]) * shortest,
        offset_sigma_us=float(sigmas[4]) * shortest,
        share=float(found.x[5]),
        share_sigma=float(sigmas[5]),
    )
