r"""The least squares fit of a map to points: homography, distortions and parallax together.

In normalised coordinates (origin in the middle of a view, a corner at radius 1) a point of C2
at distance z is carried to C1 by

.. math:: n_1 = D_1\big(m + u\,(b + a\,m)\big), \qquad m = H\,D_2^{-1}(n_2), \qquad
          u = 1/z - 1/z_\mathrm{ref}

with b the base across and a the base along the axis. Both views' errors are minimised: how far
C2's points, carried over, lie from C1's, and C1's, carried back, from C2's.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import least_squares

from calibration.geometry.correspondences import PosePoints, stacked
from calibration.geometry.view_map import (
    Lens,
    Points,
    Shape,
    ViewMap,
    apply,
    half_diagonal_px,
    middle_px,
    whole_lens,
)

Values = NDArray[np.float64]

_INVERSE_MM = 1000.0  # u counts 1/m, so that all parameters are of one order
_STEP = 1e-6


class Terms(NamedTuple):
    """What is fitted beside the homography.

    Attributes
    ----------
    lens_1, lens_2
        How many coefficients of each lens: 0, 1 (k1) or 2 (k1, k2).
    parallax
        Whether the base between the pupils is fitted.
    """

    lens_1: int = 0
    lens_2: int = 0
    parallax: bool = False

    @property
    def parameters(self) -> int:
        """Parameters in all."""
        return 8 + self.lens_1 + self.lens_2 + (3 if self.parallax else 0)


@dataclass(frozen=True)
class Problem:
    """Points of both views and what is known beforehand.

    Attributes
    ----------
    c1, c2
        (n, 2) float64, upright pixels.
    inverse_m
        (n,) 1/z − 1/z_ref of each point's pose, in 1/m.
    owner
        (n,) which pose.
    shape_1, shape_2
        (height, width).
    known
        Lenses (C1's, C2's) that stand whatever the fit; None where it may fit them.
    """

    c1: Points
    c2: Points
    inverse_m: Values
    owner: NDArray[np.int64]
    shape_1: Shape
    shape_2: Shape
    known: tuple[Lens | None, Lens | None] | None = None

    def part(self, chosen: NDArray[np.bool_]) -> Problem:
        """The points that are chosen."""
        return Problem(
            self.c1[chosen],
            self.c2[chosen],
            self.inverse_m[chosen],
            self.owner[chosen],
            self.shape_1,
            self.shape_2,
            self.known,
        )


def problem(
    poses: Sequence[PosePoints], shape_1: Shape, shape_2: Shape, like: ViewMap | None = None
) -> Problem:
    """All poses in one; distances are counted from the farthest.

    `like`: a map whose lenses are kept, e.g. that of the session's start for its end.
    """
    c1, c2, owner = stacked(poses)
    reference = max((pose.distance_mm for pose in poses), default=0.0)
    inverse = np.array(
        [
            _INVERSE_MM / pose.distance_mm - _INVERSE_MM / reference if pose.distance_mm > 0 else 0
            for pose in poses
        ],
        dtype=np.float64,
    )
    known = None if like is None else (like.lens_1, like.lens_2)
    return Problem(c1, c2, inverse[owner], owner, shape_1, shape_2, known)


@dataclass(frozen=True)
class Fit:
    """Fitted values of a problem's terms.

    Attributes
    ----------
    values
        Eight of H (normalised), then C1's and C2's lens, then b_x, b_y, a in metres times px/px.
    """

    terms: Terms
    values: Values
    problem: Problem

    def view_map(self) -> ViewMap:
        """The map at the reference distance."""
        lens_1, lens_2 = self._lenses()
        to_1, to_2 = _normaliser(self.problem.shape_1), _normaliser(self.problem.shape_2)
        homography = np.linalg.solve(to_1, _matrix(self.values) @ to_2)
        empty = ViewMap(
            c2_to_c1=((1, 0, 0), (0, 1, 0), (0, 0, 1)),
            shape_1=self.problem.shape_1,
            shape_2=self.problem.shape_2,
            lens_1=lens_1,
            lens_2=lens_2,
        )
        return empty.with_homography(np.asarray(homography, dtype=np.float64))

    def base(self) -> tuple[Values, float]:
        """Base in px · mm (x, y) and a in mm; 0 where no parallax was fitted."""
        if not self.terms.parallax:
            return np.zeros(2), 0.0
        scale = _INVERSE_MM * half_diagonal_px(self.problem.shape_1)
        return self.values[-3:-1] * scale, float(self.values[-1] * _INVERSE_MM)

    def forward(self, points2: Points, inverse_m: Values) -> Points:
        """C2's points (n, 2) carried to C1, of objects at `inverse_m`."""
        lens_1, lens_2 = self._lenses()
        ideal = points2 if lens_2 is None else lens_2.undistort(points2)
        moved = apply(_matrix(self.values), _normalised(ideal, self.problem.shape_2))
        base, along = self._base()
        moved = moved * (1.0 + along * inverse_m)[:, None] + inverse_m[:, None] * base
        pixels = _pixels(moved, self.problem.shape_1)
        return pixels if lens_1 is None else lens_1.distort(pixels)

    def backward(self, points1: Points, inverse_m: Values) -> Points:
        """The way back of `forward`."""
        lens_1, lens_2 = self._lenses()
        ideal = points1 if lens_1 is None else lens_1.undistort(points1)
        base, along = self._base()
        moved = _normalised(ideal, self.problem.shape_1) - inverse_m[:, None] * base
        moved = moved / (1.0 + along * inverse_m)[:, None]
        inverse = np.asarray(np.linalg.inv(_matrix(self.values)), dtype=np.float64)
        pixels = _pixels(apply(inverse, moved), self.problem.shape_2)
        return pixels if lens_2 is None else lens_2.distort(pixels)

    def errors(self, of: Problem) -> Points:
        """(n, 2) px of C1: where C1 shows the points, less where the map puts them."""
        return np.asarray(of.c1 - self.forward(of.c2, of.inverse_m))

    def both_errors(self, of: Problem) -> Values:
        """Errors in C1 and in C2, (4n,) px."""
        back = of.c2 - self.backward(of.c1, of.inverse_m)
        return np.concatenate([self.errors(of).ravel(), back.ravel()])

    def with_values(self, values: Values) -> Fit:
        """The same terms with other values."""
        return Fit(self.terms, values, self.problem)

    def jacobian(self, points2: Points, inverse_m: Values) -> Values:
        """(2n, parameters): how `forward` of points changes with each value."""
        columns = []
        for index in range(len(self.values)):
            step = np.zeros(len(self.values))
            step[index] = _STEP
            more = self.with_values(self.values + step).forward(points2, inverse_m)
            less = self.with_values(self.values - step).forward(points2, inverse_m)
            columns.append(((more - less) / (2.0 * _STEP)).ravel())
        return np.stack(columns, axis=1)

    def _lenses(self) -> tuple[Lens | None, Lens | None]:
        if self.problem.known is not None:
            return self.problem.known
        first, second, at = self.terms.lens_1, self.terms.lens_2, 8
        lens_1 = _lens(self.values[at : at + first], self.problem.shape_1)
        lens_2 = _lens(self.values[at + first : at + first + second], self.problem.shape_2)
        return lens_1, lens_2

    def _base(self) -> tuple[Values, float]:
        if not self.terms.parallax:
            return np.zeros(2), 0.0
        return self.values[-3:-1], float(self.values[-1])


def fitted(of: Problem, terms: Terms, start: Values) -> Fit:
    """The terms' values of least squared errors in both views.

    Parameters
    ----------
    start
        (≥ 8,) values to begin with: normalised H, and more where all of the terms are known.
    """
    known = terms.parameters if len(start) == terms.parameters else 8
    begin = np.zeros(terms.parameters)
    begin[:known] = start[:known]
    first = Fit(terms, begin, of)

    def misses(values: Values) -> Values:
        return first.with_values(values).both_errors(of)

    found = least_squares(
        misses, begin, method="lm", xtol=1e-10, ftol=1e-10, max_nfev=15 * terms.parameters
    )
    return first.with_values(np.asarray(found.x, dtype=np.float64))


def normalised_values(homography: Points, shape_1: Shape, shape_2: Shape) -> Values:
    """The first eight values of a fit from H (3, 3) in pixels."""
    to_1, to_2 = _normaliser(shape_1), _normaliser(shape_2)
    h = to_1 @ homography @ np.linalg.inv(to_2)
    return np.asarray((h / h[2, 2]).ravel()[:8], dtype=np.float64)


def _lens(k: Values, shape: Shape) -> Lens | None:
    if len(k) == 0:
        return None
    return whole_lens(shape, float(k[0]), float(k[1]) if len(k) > 1 else 0.0)


def _matrix(values: Values) -> Points:
    return np.append(values[:8], 1.0).reshape(3, 3)


def _normaliser(shape: Shape) -> Points:
    scale, (x, y) = 1.0 / half_diagonal_px(shape), middle_px(shape)
    return np.array([[scale, 0.0, -scale * x], [0.0, scale, -scale * y], [0.0, 0.0, 1.0]])


def _normalised(points: Points, shape: Shape) -> Points:
    return np.asarray((points - middle_px(shape)) / half_diagonal_px(shape))


def _pixels(points: Points, shape: Shape) -> Points:
    return np.asarray(points * half_diagonal_px(shape) + middle_px(shape))
