r"""How well the map is known at each place of the view.

Errors of one pose's points are not independent: a board that is not quite flat, or the phase of
its corners on the pixels, moves all of them together. So the covariance of the errors is

.. math:: \Omega = \sigma^2 I + \tau^2 \sum_g Z_g Z_g^T

with :math:`Z_g` the shift and the linear change of pose g (six modes). The variances follow from
the residuals by moments (MINQUE; C. R. Rao, J. Multivariate Analysis 1, 1971), which counts what
the fit itself has taken up, and the map's covariance is the sandwich
:math:`A^{-1} J^T \Omega J A^{-1}`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.geometry.fit import Fit, Problem, Values
from calibration.geometry.lens_spread import LensSpread, motions
from calibration.geometry.view_map import Shape, view_points

GRID = (9, 7)
_RANK = 1e-10


class MapUncertainty(Part):
    """Standard error of the map over C1's view.

    Attributes
    ----------
    x_px, y_px
        Columns (nx) and rows (ny) of the grid, upright pixels of C1.
    sigma_px
        (ny, nx): per coordinate, that is the root of the mean of both variances.
    rms_px, max_px
        Over the grid.
    """

    x_px: tuple[float, ...]
    y_px: tuple[float, ...]
    sigma_px: tuple[tuple[float, ...], ...]
    rms_px: float
    max_px: float

    def array(self) -> NDArray[np.float64]:
        """(ny, nx) float64 px."""
        return np.array(self.sigma_px, dtype=np.float64)


def map_uncertainty(fit: Fit, covariance: Values, lens: LensSpread | None = None) -> MapUncertainty:
    """The covariance of a fit's values (p, p), carried to a grid over C1's view.

    Parameters
    ----------
    lens
        How well lenses are known that were given to the fit.
    """
    shape = fit.problem.shape_1
    points1 = view_points(shape, GRID)
    here = np.zeros(len(points1))
    jacobian = fit.jacobian(fit.backward(points1, here), here)
    variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian).reshape(-1, 2)
    if lens is not None:
        of, view_map = fit.problem, fit.view_map()
        fitted = motions(view_map, of.c1, of.c2, lens.terms)
        fitted = fitted.reshape(-1, fitted.shape[2])
        moved = motions(view_map, points1, view_map.to_c2(points1), lens.terms)
        variance = variance + lens.variance(fitted.T @ fitted, moved)
    return over_view(np.sqrt(np.maximum(variance, 0.0).mean(axis=1)), shape)


def over_view(sigma_px: Values, shape_1: Shape) -> MapUncertainty:
    """Standard errors at the points of `GRID`, (ny · nx,) row by row, as a document."""
    table = sigma_px.reshape(GRID[1], GRID[0])
    return MapUncertainty(
        x_px=tuple(float(x) for x in np.linspace(0.0, shape_1[1] - 1.0, GRID[0])),
        y_px=tuple(float(y) for y in np.linspace(0.0, shape_1[0] - 1.0, GRID[1])),
        sigma_px=tuple(tuple(float(s) for s in row) for row in table),
        rms_px=float(np.sqrt((table**2).mean())),
        max_px=float(table.max()),
    )


def covariance(fit: Fit, of: Problem) -> Values:
    """Of the fit's values, (p, p), from its residuals; robust to clustering by pose."""
    jacobian = fit.jacobian(of.c2, of.inverse_m)
    inverse = np.asarray(np.linalg.pinv(jacobian, rcond=_RANK), dtype=np.float64)
    residual = fit.errors(of).ravel()
    shift, linear = _pose_modes(of)
    both = np.hstack([shift, linear])
    # Six modes alike, or each kind with a variance of its own: few poses tell the second less
    # surely, and either may hold, so the wider one is taken.
    found = [_spread(residual, jacobian, inverse, kinds) for kinds in ([both], [shift, linear])]
    return max(found, key=lambda each: float(np.trace(jacobian @ each @ jacobian.T)))


def _spread(residual: Values, jacobian: Values, inverse: Values, kinds: list[Values]) -> Values:
    """The sandwich with a variance for each kind of modes, and a white one."""
    white, shared = _variances(residual, jacobian, inverse, kinds)
    total = white * inverse @ inverse.T
    for variance, modes in zip(shared, kinds, strict=True):
        moved = inverse @ modes
        total = total + variance * moved @ moved.T
    return np.asarray(total, dtype=np.float64)


def _variances(
    residual: Values, jacobian: Values, inverse: Values, kinds: list[Values]
) -> tuple[float, list[float]]:
    r"""σ² and τ² of each kind by moments; what comes out negative is nought, the rest anew.

    With M what the fit leaves over, :math:`E|Z_i^T r|^2 = \sigma^2 \mathrm{tr} Z_i^T M Z_i +
    \sum_j \tau_j^2 |Z_i^T M Z_j|^2`, and so for the white part with Z = I.
    """
    left = [modes - jacobian @ (inverse @ modes) for modes in kinds]
    size = len(kinds) + 1
    matrix, moments = np.empty((size, size)), np.empty(size)
    matrix[0, 0] = len(residual) - np.linalg.matrix_rank(jacobian)
    moments[0] = (residual**2).sum()
    for i, modes in enumerate(kinds):
        matrix[0, i + 1] = matrix[i + 1, 0] = (modes * left[i]).sum()
        moments[i + 1] = ((modes.T @ residual) ** 2).sum()
        for j in range(len(kinds)):
            matrix[i + 1, j + 1] = ((modes.T @ left[j]) ** 2).sum()
    found, kept = np.zeros(size), np.arange(size)
    while len(kept):
        part = np.linalg.lstsq(matrix[np.ix_(kept, kept)], moments[kept], rcond=1e-12)[0]
        if (part >= 0).all():
            found[kept] = part
            break
        kept = np.delete(kept, int(np.argmin(part)))
    return float(found[0]), [float(each) for each in found[1:]]


def _pose_modes(of: Problem) -> tuple[Values, Values]:
    """Shift (2n, 2 · poses) and linear change (2n, 4 · poses) of each pose, of RMS 1 over it."""
    poses = np.unique(of.owner)
    modes = np.zeros((len(of.c1), 2, len(poses), 6))
    for index, pose in enumerate(poses):
        inside = of.owner == pose
        centred = of.c1[inside] - of.c1[inside].mean(axis=0)
        spread = np.maximum(centred.std(axis=0), 1e-9)
        three = np.column_stack([np.ones(len(centred)), centred / spread])
        modes[inside, 0, index, :3] = three
        modes[inside, 1, index, 3:] = three
    flat = 2 * len(of.c1)
    shift, linear = modes[..., [0, 3]], modes[..., [1, 2, 4, 5]]
    return shift.reshape(flat, -1), linear.reshape(flat, -1)
