"""Residuals: errors of points that had no part in the map."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.geometry.view_map import Points, Shape


class Residual(Part):
    """How far held-out points lie from where the map puts them.

    Attributes
    ----------
    rms_px, p95_px, max_px
        Length of the error, in C1's pixels; the noise of finding the points in both views is
        inside.
    count, poses
        Points and poses.
    resolution
        (width, height) of the view that the pixels belong to.
    """

    rms_px: float
    p95_px: float
    max_px: float
    count: int
    poses: int
    resolution: tuple[int, int]

    def text(self) -> str:
        """One line, for reports and messages."""
        return (
            f"held-out RMS {self.rms_px:.3f} px, 95th percentile {self.p95_px:.3f} px, maximum"
            f" {self.max_px:.3f} px ({self.count} points of {self.poses} poses at"
            f" {self.resolution[0]} × {self.resolution[1]})"
        )


@dataclass(frozen=True)
class ResidualPoints:
    """The held-out errors one by one, for the report's map.

    Attributes
    ----------
    at
        (n, 2) float64, upright pixels of C1.
    error
        (n, 2) px of C1: measured less mapped.
    pose
        (n,) index into `names`.
    names
        Of the poses.
    """

    at: Points
    error: Points
    pose: NDArray[np.int64]
    names: tuple[str, ...]

    def summary(self, shape_1: Shape) -> Residual:
        """RMS, 95th percentile, maximum and counts."""
        length = np.hypot(self.error[:, 0], self.error[:, 1])
        return Residual(
            rms_px=float(np.sqrt((length**2).mean())),
            p95_px=float(np.percentile(length, 95)),
            max_px=float(length.max()),
            count=len(length),
            poses=len(np.unique(self.pose)),
            resolution=(shape_1[1], shape_1[0]),
        )
