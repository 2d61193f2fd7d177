r"""What the error of the lenses adds to a map whose homography is found with the lenses given.

With A the normal matrix of homography (h) and coefficients (k), an error δk of the coefficients
draws the homography along by :math:`-A_{hh}^{-1} A_{hk}\, \delta k`, so a point moves by

.. math:: \big(J_k - J_h A_{hh}^{-1} A_{hk}\big)\, \delta k
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from calibration.geometry.view_map import (
    Lens,
    Points,
    ViewMap,
    half_diagonal_px,
    middle_px,
)

Values = NDArray[np.float64]
LensTerms = tuple[int, int]

_SLOPE_PX = 0.5
_RANK = 1e-12


@dataclass(frozen=True)
class LensSpread:
    """How well the lenses of a map are known.

    Attributes
    ----------
    terms
        How many coefficients of C1's and of C2's lens were fitted.
    covariance
        (p, p) float64 of them, C1's first.
    """

    terms: LensTerms
    covariance: Values

    def variance(self, matrix: Values, moved: Values) -> Values:
        """(n, 2) px²: what the lenses' error adds.

        Parameters
        ----------
        matrix
            (8 + p, 8 + p) normal matrix that the homography was solved with.
        moved
            (n, 2, 8 + p): `motions` of the points wanted.
        """
        drawn = np.linalg.pinv(matrix[:8, :8], rcond=_RANK) @ matrix[:8, 8:]
        rows = moved[..., 8:] - moved[..., :8] @ drawn
        return np.asarray(np.einsum("nij,jk,nik->ni", rows, self.covariance, rows))


def motions(view_map: ViewMap, at: Points, at2: Points, terms: LensTerms = (0, 0)) -> Values:
    """(n, 2, 8 + p): px by which points of C1 move with a small homography and lens coefficients.

    Parameters
    ----------
    at, at2
        (n, 2) px: their places in C1 and in C2.
    terms
        Coefficients of C1's and of C2's lens.
    """
    scale, middle = half_diagonal_px(view_map.shape_1), middle_px(view_map.shape_1)
    lens = view_map.lens_1
    ideal = at if lens is None else lens.undistort(at)
    x, y = ((ideal - middle) / scale).T
    zero, one = np.zeros_like(x), np.ones_like(x)
    moved = np.stack(
        [
            np.stack([x, y, one, zero, zero, zero, -x * x, -x * y], axis=1),
            np.stack([zero, zero, zero, x, y, one, -x * y, -y * y], axis=1),
        ],
        axis=1,
    )
    # A step in the undistorted view is one of another length in C1.
    parts = [scale * (moved if lens is None else np.matmul(_slopes(lens, ideal), moved))]
    if lens is not None and terms[0]:
        parts.append(lens.motions(ideal, terms[0]))
    if view_map.lens_2 is not None and terms[1]:
        parts.append(_through_map(view_map, view_map.lens_2, at2, terms[1]))
    return np.concatenate(parts, axis=2)


def _through_map(view_map: ViewMap, lens: Lens, at2: Points, count: int) -> Values:
    """(n, 2, count): what C2's lens moves, as it arrives in C1."""
    ideal = lens.undistort(at2)
    without = view_map.model_copy(update={"lens_2": None})
    # A longer radius in C2 is one that is undone: the ideal point moves inwards.
    undone = -np.linalg.solve(_slopes(lens, ideal), lens.motions(ideal, count))
    carried = np.stack(
        [
            (without.to_c1(ideal + each) - without.to_c1(ideal - each)) / (2.0 * _SLOPE_PX)
            for each in np.eye(2) * _SLOPE_PX
        ],
        axis=2,
    )
    return np.asarray(carried @ undone)


def _slopes(lens: Lens, ideal: Points) -> Values:
    """(n, 2, 2): how the distorted point changes with the ideal one."""
    return np.stack(
        [
            (lens.distort(ideal + each) - lens.distort(ideal - each)) / (2.0 * _SLOPE_PX)
            for each in np.eye(2) * _SLOPE_PX
        ],
        axis=2,
    )
