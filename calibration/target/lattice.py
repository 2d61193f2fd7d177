"""The board's grid in a picture: which way its squares run, and where its other corners must be."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.target.board import BoardSpec
from calibration.target.search import Grid, Values

_BORDER_PX = 3.0
_INLIER_SHARE = 0.2


@dataclass(frozen=True)
class Lattice:
    """Corners to be measured.

    Attributes
    ----------
    ids
        (n,) int64, rising.
    points
        (n, 2) float64 px: as found, or as expected.
    axes
        (n, 2, 2) float64 px: columns are one square along the board's x and y.
    expected
        (n,) bool: not found by the finder.
    """

    ids: NDArray[np.int64]
    points: Values
    axes: Values
    expected: NDArray[np.bool_]

    @property
    def square_px(self) -> float:
        """Mean side of a square."""
        return float(np.linalg.norm(self.axes, axis=1).mean())


def lattice(grid: Grid, spec: BoardSpec, shape: tuple[int, int]) -> Lattice | None:
    """The found corners and those of the board that the finder left out though in the view.

    A missing corner is expected where the homography of the found ones has it, moved as its nearest
    found neighbour is (a lens's distortion). None where no homography fits.
    """
    place = spec.points(grid.ids)
    cv2.setRNGSeed(0)
    found, _ = cv2.findHomography(
        place.reshape(-1, 1, 2),
        grid.points.reshape(-1, 1, 2),
        cv2.RANSAC,
        _INLIER_SHARE * max(1.0, _spacing(grid.points)),
    )
    homography = np.asarray(found, dtype=np.float64)  # OpenCV's None becomes a NaN
    if homography.shape != (3, 3):
        return None
    every = spec.points()
    points, axes = _projected(every, homography)
    missed = grid.points - points[grid.ids]
    nearest = np.linalg.norm(every[:, None] - place[None], axis=2).argmin(axis=1)
    points += missed[nearest]
    limit = np.array([shape[1], shape[0]]) - 1.0 - _BORDER_PX
    seen = ((points >= _BORDER_PX) & (points <= limit)).all(axis=1)
    ids = np.flatnonzero(seen | np.isin(np.arange(spec.corners), grid.ids)).astype(np.int64)
    return Lattice(ids, points[ids], axes[ids], ~np.isin(ids, grid.ids))


def _projected(place: Values, homography: Values) -> tuple[Values, Values]:
    """Pixels (n, 2) of places on the board, and the derivatives (n, 2, 2) there."""
    moved = np.column_stack([place, np.ones(len(place))]) @ homography.T
    scale = moved[:, 2:, None]
    points = moved[:, :2, None] / scale
    axes = (homography[None, :2, :2] - points * homography[None, 2:, :2]) / scale
    return points[..., 0], np.asarray(axes)


def _spacing(points: Values) -> float:
    """Median distance to the nearest other corner, px."""
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    own = np.diag(np.full(len(points), np.inf))
    return float(np.median((apart + own).min(axis=1)))
