r"""Parallax: how far the map of one distance is off at another.

Two pupils with a base b see a point at distance z, with f the focal length in pixels, shifted by

.. math:: p(z) = b f \left( \frac{1}{z} - \frac{1}{z_\mathrm{ref}} \right)

against where a map made at :math:`z_\mathrm{ref}` puts it. Behind one lens there is none.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from bsd.document import Part
from calibration.geometry.correspondences import PosePoints, stacked
from calibration.geometry.fit import Fit, Values
from calibration.geometry.uncertainty import MapUncertainty
from calibration.geometry.view_map import ViewMap, apply, half_diagonal_px, middle_px

_RESOLVED = 3.0
_UNRESOLVED = 2.0
"""Standard errors that a base is taken to be larger by where it is not resolved."""


class Parallax(Part):
    """The base between the views and where it matters.

    Attributes
    ----------
    bf_px_mm
        b f in x and y: pixels of C1 times millimetres.
    sigma_px_mm
        Its standard errors.
    reference_mm
        Where the map holds.
    below_limit_from_mm, below_limit_to_mm
        Distances between which the shift is below `limit_px`; no end where the second is None. Of a
        base that is not resolved: between which it is so even two standard errors off.
    limit_px
        What is neglected.
    resolved
        Whether the base is told from none at all (three standard errors).
    """

    bf_px_mm: tuple[float, float]
    sigma_px_mm: tuple[float, float]
    reference_mm: float
    below_limit_from_mm: float
    below_limit_to_mm: float | None
    limit_px: float
    resolved: bool

    def shift_px(self, distance_mm: float) -> tuple[float, float]:
        """(x, y) by which C1 shows an object at a distance off the map's place."""
        inverse = 1.0 / distance_mm - 1.0 / self.reference_mm
        return self.bf_px_mm[0] * inverse, self.bf_px_mm[1] * inverse

    def text(self) -> str:
        """One line, for reports."""
        end = (
            "on" if self.below_limit_to_mm is None else f"to {self.below_limit_to_mm / 1000:.2f} m"
        )
        (x, y), (x_sigma, y_sigma) = self.bf_px_mm, self.sigma_px_mm
        before = "" if self.resolved else "not resolved: "
        behind = "" if self.resolved else " (of |b·f| + 2 σ)"
        return (
            f"{before}b·f = ({x:z.0f} ± {x_sigma:.0f}, {y:z.0f} ± {y_sigma:.0f}) px·mm; below"
            f" {self.limit_px:g} px from {self.below_limit_from_mm / 1000:.2f} m {end}{behind},"
            f" the map being that of {self.reference_mm / 1000:.2f} m"
        )


def parallax(
    near: Sequence[PosePoints],
    far_map: ViewMap,
    far_mm: float,
    near_mm: float,
    limit_px: float = 0.1,
    far_sigma_px: MapUncertainty | None = None,
) -> Parallax:
    """The base from poses at a near distance and the map of the far one.

    Parameters
    ----------
    near
        Poses at `near_mm`.
    far_sigma_px
        The map's own uncertainty, which the base inherits.
    """
    c1, c2, owner = stacked(near)
    ideal1 = c1 if far_map.lens_1 is None else far_map.lens_1.undistort(c1)
    ideal2 = c2 if far_map.lens_2 is None else far_map.lens_2.undistort(c2)
    shift = ideal1 - apply(far_map.homography(), ideal2)
    middle = middle_px(far_map.shape_1)
    # A base along the axis magnifies; told apart from the base across only if it is fitted too.
    terms = _terms(c1 - middle)
    inverse = np.linalg.pinv(terms)
    found = inverse @ shift.ravel()
    rest = (shift.ravel() - terms @ found).reshape(-1, 2)
    scores = np.stack(
        [
            inverse[:, np.repeat(owner == pose, 2)] @ rest[owner == pose].ravel()
            for pose in np.unique(owner)
        ]
    )
    variance = (scores**2).sum(axis=0) * len(scores) / max(1, len(scores) - 1)
    white = float((rest**2).mean()) * (inverse @ inverse.T).diagonal()
    variance = np.maximum(variance, white)[:2]
    variance = variance + (far_sigma_px.rms_px**2 if far_sigma_px else 0.0)
    per_inverse = 1.0 / (1.0 / near_mm - 1.0 / far_mm)
    return made(found[:2] * per_inverse, np.sqrt(variance) * per_inverse, far_mm, limit_px)


def of_fit(fit: Fit, covariance: Values, reference_mm: float, limit_px: float) -> Parallax:
    """The base of a fit in which it was a term together with the map."""
    base, _ = fit.base()
    per_value = 1000.0 * half_diagonal_px(fit.problem.shape_1)
    sigma = np.sqrt(np.maximum(covariance.diagonal()[-3:-1], 0.0)) * per_value
    return made(base, sigma, reference_mm, limit_px)


def made(bf_px_mm: Values, sigma_px_mm: Values, reference_mm: float, limit_px: float) -> Parallax:
    """The distances at which a base stays below a limit: |bf| |1/z − 1/z_ref| ≤ limit."""
    resolved = bool((np.abs(bf_px_mm) > _RESOLVED * sigma_px_mm).any())
    beyond = 0.0 if resolved else _UNRESOLVED
    strength = float(np.hypot(*(np.abs(bf_px_mm) + beyond * sigma_px_mm)))
    width = limit_px / strength if strength > 0 else math.inf
    nearest = 1.0 / (1.0 / reference_mm + width)
    farthest = 1.0 / reference_mm - width
    return Parallax(
        bf_px_mm=(float(bf_px_mm[0]), float(bf_px_mm[1])),
        sigma_px_mm=(float(sigma_px_mm[0]), float(sigma_px_mm[1])),
        reference_mm=reference_mm,
        below_limit_from_mm=nearest,
        below_limit_to_mm=1.0 / farthest if farthest > 0 else None,
        limit_px=limit_px,
        resolved=resolved,
    )


def _terms(centred: Values) -> Values:
    """(2n, 3): shift in x, in y, and magnification about the middle."""
    terms = np.zeros((len(centred), 2, 3))
    terms[:, 0, 0] = 1.0
    terms[:, 1, 1] = 1.0
    terms[:, :, 2] = centred
    return terms.reshape(-1, 3)
