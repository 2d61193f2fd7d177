r"""How well the map is known at each place of the view.

Errors of one pose's points are not independent: a board that is not quite flat, or the phase of
its corners on the pixels, moves all of them together. So the covariance of the errors is

.. math:: \Omega = \sigma^2 I + \tau^2 \sum_g Z_g Z_g^T

with :math:`Z_g` the shift and the linear change of pose g (six modes). Both variances follow from
the residuals by moments (MINQUE; C. R. Rao, J. Multivariate Analysis 1, 1971), which counts what
the fit itself has taken up, and the map's covariance is the sandwich
:math:`A^{-1} J^T \Omega J A^{-1}`.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.geometry.fit import Fit, Problem, Values
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


def map_uncertainty(fit: Fit, covariance: Values) -> MapUncertainty:
    """The covariance of a fit's values (p, p), carried to a grid over C1's view."""
    shape = fit.problem.shape_1
    points1 = view_points(shape, GRID)
    here = np.zeros(len(points1))
    jacobian = fit.jacobian(fit.backward(points1, here), here)
    variance = np.einsum("ij,jk,ik->i", jacobian, covariance, jacobian).reshape(-1, 2)
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
    modes = _pose_modes(of)
    residual = fit.errors(of).ravel()
    white, shared = _variances(residual, jacobian, inverse, modes)
    spread = inverse @ modes
    return np.asarray(white * inverse @ inverse.T + shared * spread @ spread.T)


def _variances(
    residual: Values, jacobian: Values, inverse: Values, modes: Values
) -> tuple[float, float]:
    r"""σ² and τ² by moments; neither is negative.

    With M what the fit leaves over, :math:`E[r^T r] = \sigma^2 \mathrm{tr} M + \tau^2
    \mathrm{tr} Z^T M Z` and :math:`E|Z^T r|^2 = \sigma^2 \mathrm{tr} Z^T M Z + \tau^2 |Z^T M Z|^2`.
    """
    left = modes - jacobian @ (inverse @ modes)
    inner = modes.T @ left
    free = len(residual) - np.linalg.matrix_rank(jacobian)
    matrix = np.array([[free, np.trace(inner)], [np.trace(inner), (inner**2).sum()]])
    moments = np.array([(residual**2).sum(), ((modes.T @ residual) ** 2).sum()])
    plain = float(moments[0] / max(1, free))
    if np.linalg.cond(matrix) > 1e12:
        return plain, 0.0
    white, shared = np.linalg.solve(matrix, moments)
    if shared <= 0.0:
        return plain, 0.0
    if white <= 0.0:
        return 0.0, float(moments[1] / (inner**2).sum())
    return float(white), float(shared)


def _pose_modes(of: Problem) -> Values:
    """(2n, 6 · poses): shift and linear change of each pose, of RMS 1 over its points."""
    poses = np.unique(of.owner)
    modes = np.zeros((len(of.c1), 2, len(poses), 6))
    for index, pose in enumerate(poses):
        inside = of.owner == pose
        centred = of.c1[inside] - of.c1[inside].mean(axis=0)
        spread = np.maximum(centred.std(axis=0), 1e-9)
        three = np.column_stack([np.ones(len(centred)), centred / spread])
        modes[inside, 0, index, :3] = three
        modes[inside, 1, index, 3:] = three
    return modes.reshape(2 * len(of.c1), -1)
