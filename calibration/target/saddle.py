r"""Where two edges cross: the corner of a chessboard, fitted to raw samples.

Around a corner the light is a saddle. With :math:`d_1, d_2` the distances of a point from the two
edges' lines and :math:`\sigma_1, \sigma_2` their blur,

.. math:: I = \left( a + b \; \operatorname{erf} \frac{d_1}{\sqrt 2 \sigma_1} \;
          \operatorname{erf} \frac{d_2}{\sqrt 2 \sigma_2} \right) (1 + g_x x + g_y y)

which is exact for a Gaussian blur and edges at a right angle, and symmetric about the corner, hence
unbiased, for any others. A sample is the mean of I over its pixel (Gauss-Legendre, 3 × 3 points).
Since the model knows where each sample lies, nothing is interpolated: the samples of one colour of
a mosaic do as well as a plain picture. Ten unknowns per corner, all corners of a view at once, by
Levenberg and Marquardt.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.special import erf

from calibration.target.picture import Mask, Plane

Values = NDArray[np.float64]

LONGEST_ARM_PX: Final = 12.0
"""Farther out a lens's distortion would bend the edges visibly."""

WIDTH_PER_SIGMA: Final = 2.563
"""From 10 to 90 % of a Gaussian edge."""

_ARM_SHARE = 0.45
_NARROWEST_PX = 1.2
_LEAST_SAMPLES = 24
_STEPS = 25
_SIGMA_PX = (0.12, 8.0)
_UNKNOWNS = 10
_OUTLIER = 6.0
_HARMLESS = 0.02
_LEAST_CLEARNESS = 4.0
_GAUSS = math.sqrt(0.6) / 2.0
_POINTS: Final = tuple(
    (x, y, wx * wy)
    for x, wx in ((-_GAUSS, 5 / 18), (0.0, 8 / 18), (_GAUSS, 5 / 18))
    for y, wy in ((-_GAUSS, 5 / 18), (0.0, 8 / 18), (_GAUSS, 5 / 18))
)


@dataclass(frozen=True)
class Saddles:
    """Fitted corners, in the order of the starts.

    Attributes
    ----------
    unknowns
        (n, 10) float64 of the model; a place counts from the start.
    corners
        (n, 2) float64 px.
    sigma_px
        (n,) standard error of a coordinate, from the fit's own residuals; inf where it failed.
    edge_width_px
        (n,) from 10 to 90 % of the wider of the two edges, the pixel included.
    contrast
        (n,) light squares less dark ones: positive where the squares to the upper right and the
        lower left of the corner, as the board stands, are the light ones.
    """

    unknowns: Values
    corners: Values
    sigma_px: Values
    edge_width_px: Values
    contrast: Values

    @property
    def good(self) -> Mask:
        """(n,) bool: the fit holds."""
        return np.isfinite(self.sigma_px)


class _Samples(NamedTuple):
    """Of n corners, m places each: place from the start (n, m), value, weight 0 or 1."""

    x: Values
    y: Values
    value: Values
    weight: Values


def samples_left(usable: Mask, start: Values, axes: Values, quiet_share: float) -> Values:
    """Share of each corner's samples that are usable, (n,) float64."""
    given = _gather(usable.astype(np.float32), np.ones_like(usable), start, axes, quiet_share)
    count = np.maximum(given.weight.sum(axis=1), 1.0)
    return np.asarray((given.value * given.weight).sum(axis=1) / count)


def fit_saddles(
    plane: Plane,
    usable: Mask,
    start: Values,
    axes: Values,
    quiet_share: float = 0.5,
    like: Saddles | None = None,
) -> Saddles:
    """Fit corners.

    Parameters
    ----------
    plane
        (H, W) float32, linear or mildly compressed.
    usable
        (H, W) bool: samples of the wanted colour that are not clipped.
    start
        (n, 2) float64 px, within a pixel or two.
    axes
        (n, 2, 2) float64: columns are one square along the board's x and y, px.
    quiet_share
        How far from an edge's line a marker begins, in squares; 0.5 where there is none.
    like
        Another colour's fit of these corners: directions and blur are taken from it, since every
        fourth sample alone tells them badly.
    """
    free = np.ones(_UNKNOWNS)
    if like is not None:
        free[2:6] = 0.0
    samples = _gather(plane, usable, start, axes, quiet_share)
    unknowns, *_ = _iterated(_begin(samples, axes, like), samples, free, 1e-3)
    # Samples are chosen again around the corner found, so that the start does not matter.
    near = np.linalg.norm(unknowns[:, :2], axis=1) < _farthest(axes)
    centre = start + unknowns[:, :2] * near[:, None]
    samples = _gather(plane, usable, centre, axes, quiet_share)
    unknowns[near, :2] = 0.0
    samples = _without_outliers(unknowns, samples)
    unknowns, cost, normal = _iterated(unknowns, samples, free, 1e-5)
    moved = centre + unknowns[:, :2] - start
    judged = _judged(unknowns, samples, cost, normal, free, moved, axes)
    return replace(judged, corners=start + moved)


def _farthest(axes: Values) -> Values:
    """How far from its start a corner is believed, px: (n,)."""
    return np.asarray(np.maximum(1.5, 0.1 * np.linalg.norm(axes, axis=1).min(axis=1)))


def _iterated(
    unknowns: Values, samples: _Samples, free: Values, close_px: float
) -> tuple[Values, Values, Values]:
    """Levenberg and Marquardt until no corner moves by `close_px`.

    Unknowns (n, 10), sums of squares (n,) and JᵀJ (n, 10, 10).
    """
    damping = np.full(len(unknowns), 1e-3)
    cost, normal, slope = _normal_equations(unknowns, samples)
    moving = np.ones(len(unknowns), dtype=np.bool_)
    for _ in range(_STEPS):
        diagonal = np.einsum("nii->ni", normal)
        damped = normal + np.eye(_UNKNOWNS) * (damping[:, None] * diagonal + 1e-12)[:, None]
        step = _solved(damped, slope, free)
        tried = _bounded(unknowns + step * moving[:, None])
        new_cost, new_normal, new_slope = _normal_equations(tried, samples)
        better = new_cost <= cost
        unknowns[better] = tried[better]
        normal[better], slope[better] = new_normal[better], new_slope[better]
        moving = ~better | (np.abs(step[:, :2]).max(axis=1) > close_px)
        cost = np.where(better, new_cost, cost)
        damping = np.clip(np.where(better, damping / 5.0, damping * 8.0), 1e-9, 1e6)
        if not moving.any():
            break
    return unknowns, cost, normal


def _without_outliers(unknowns: Values, samples: _Samples) -> _Samples:
    """Weight 0 for hot and dead pixels: far from the model, by the median of all deviations."""
    deviation = np.abs(samples.value - _model(unknowns, samples))
    told = np.where(samples.weight > 0, deviation, np.nan)
    told[samples.weight.sum(axis=1) == 0] = 0.0
    typical = 1.4826 * np.nanmedian(told, axis=1, keepdims=True)
    limit = np.maximum(_OUTLIER * typical, _HARMLESS * np.abs(unknowns[:, 7:8]))
    return samples._replace(weight=samples.weight * (deviation <= limit))


def _gather(
    plane: Plane, usable: Mask, start: Values, axes: Values, quiet_share: float
) -> _Samples:
    """The samples along the arms of each cross, nearest first; markers are left out."""
    side = np.linalg.norm(axes, axis=1)  # (n, 2): of a square along x and y
    arm = np.minimum(_ARM_SHARE * side.min(axis=1), LONGEST_ARM_PX)
    reach = math.ceil(float(arm.max())) + 1
    offset = np.mgrid[-reach : reach + 1, -reach : reach + 1].reshape(2, -1)
    whole = np.floor(start + 0.5).astype(np.int64)
    columns, rows = whole[:, :1] + offset[1], whole[:, 1:] + offset[0]
    inside = (columns >= 0) & (rows >= 0) & (columns < plane.shape[1]) & (rows < plane.shape[0])
    columns, rows = columns * inside, rows * inside
    x, y = columns - start[:, :1], rows - start[:, 1:]
    along = np.abs(np.einsum("nij,jnm->nim", np.linalg.inv(axes), np.stack([x, y])))
    distance = along * side[:, :, None]  # px from the two lines
    quiet = np.full(len(start), np.inf)
    if quiet_share < 0.5:  # what the blur of a sharp picture carries over the marker's edge
        quiet = np.maximum(quiet_share * side.min(axis=1) - 1.7, _NARROWEST_PX)
    chosen = inside & usable[rows, columns]
    chosen &= distance.max(axis=1) <= arm[:, None]
    chosen &= distance.min(axis=1) <= quiet[:, None]
    count = max(1, int(chosen.sum(axis=1).max()))
    order = np.argsort(~chosen, axis=1, kind="stable")[:, :count]
    value = plane[rows, columns].astype(np.float64)
    parts = (np.take_along_axis(each, order, axis=1) for each in (x, y, value, chosen))
    x, y, value, weight = (np.asarray(each, dtype=np.float64) for each in parts)
    return _Samples(x, y, value, weight)


def _solved(normal: Values, slope: Values, free: Values) -> Values:
    """Steps (n, 10) of the free unknowns, zero for the others."""
    chosen = np.flatnonzero(free)
    step = np.zeros_like(slope)
    part = normal[:, chosen[:, None], chosen]
    step[:, chosen] = np.linalg.solve(part, slope[:, chosen, None])[..., 0]
    return step


def _begin(samples: _Samples, axes: Values, like: Saddles | None) -> Values:
    """First values: x, y, two directions, two log σ, a, b, gx, gy; (n, 10)."""
    unknowns = np.zeros((len(axes), _UNKNOWNS))
    unknowns[:, 2:4] = np.arctan2(axes[:, 1], axes[:, 0])
    unknowns[:, 4:6] = math.log(0.7)
    if like is not None:
        unknowns[:, 2:6] = like.unknowns[:, 2:6]
    unknowns[:, 6], unknowns[:, 7] = 0.0, 1.0
    pattern = _model(unknowns, samples)
    count = np.maximum(samples.weight.sum(axis=1), 1.0)[:, None]

    def centred(values: Values) -> tuple[Values, Values]:
        mean = (values * samples.weight).sum(axis=1, keepdims=True) / count
        return mean[:, 0], (values - mean) * samples.weight

    level, light = centred(samples.value)
    offset, shape = centred(pattern)
    slope = (light * shape).sum(axis=1) / np.maximum((shape**2).sum(axis=1), 1e-12)
    unknowns[:, 6], unknowns[:, 7] = level - slope * offset, slope
    return unknowns


def _bounded(unknowns: Values) -> Values:
    unknowns[:, 4:6] = np.clip(unknowns[:, 4:6], *np.log(_SIGMA_PX))
    return unknowns


def _model(unknowns: Values, samples: _Samples) -> Values:
    """(n, m) light of every sample."""
    return _terms(unknowns, samples, slopes=False)[0]


def _normal_equations(unknowns: Values, samples: _Samples) -> tuple[Values, Values, Values]:
    """Sum of squares (n,), JᵀJ (n, 10, 10) and Jᵀr (n, 10)."""
    light, jacobian = _terms(unknowns, samples, slopes=True)
    missing = (samples.value - light) * samples.weight
    weighted = jacobian * samples.weight[:, None]
    return (
        (missing**2).sum(axis=1),
        weighted @ weighted.transpose(0, 2, 1),
        (weighted @ missing[..., None])[..., 0],
    )


def _terms(unknowns: Values, samples: _Samples, *, slopes: bool) -> tuple[Values, Values]:
    """Light (n, m) and its derivatives (n, 10, m)."""
    column = unknowns.T[:, :, None]
    sums = np.zeros((7 if slopes else 1, *samples.x.shape))
    lines = [(np.sin(column[2 + k]), np.cos(column[2 + k]), np.exp(column[4 + k])) for k in (0, 1)]
    for shift_x, shift_y, share in _POINTS:
        x, y = samples.x + shift_x - column[0], samples.y + shift_y - column[1]
        steps = [_step(x, y, line) for line in lines]
        (first, d_first, along_1, over_1), (second, d_second, along_2, over_2) = steps
        sums[0] += share * first * second
        if not slopes:
            continue
        by_1, by_2 = share * d_first * second, share * first * d_second
        # Moving the corner by (dx, dy) changes a distance by −n · (dx, dy), n = (−sin, cos).
        sums[1] += by_1 * lines[0][0] + by_2 * lines[1][0]
        sums[2] -= by_1 * lines[0][1] + by_2 * lines[1][1]
        sums[3] -= by_1 * along_1
        sums[4] -= by_2 * along_2
        sums[5] -= by_1 * over_1
        sums[6] -= by_2 * over_2
    shade = 1.0 + column[8] * samples.x + column[9] * samples.y
    plain = column[6] + column[7] * sums[0]
    if not slopes:
        return plain * shade, sums
    jacobian = np.empty((len(unknowns), _UNKNOWNS, samples.x.shape[1]))
    for index in range(6):
        jacobian[:, index] = column[7] * sums[index + 1] * shade
    jacobian[:, 6], jacobian[:, 7] = shade, sums[0] * shade
    jacobian[:, 8], jacobian[:, 9] = plain * samples.x, plain * samples.y
    return plain * shade, jacobian


def _step(
    x: Values, y: Values, line: tuple[Values, Values, Values]
) -> tuple[Values, Values, Values, Values]:
    """Blurred step across a line, its slope, the way along the line, the distance from it."""
    sin, cos, sigma = line
    over = y * cos - x * sin
    scaled = over / (math.sqrt(2.0) * sigma)
    slope = np.exp(-(scaled**2)) * math.sqrt(2.0 / math.pi) / sigma
    return np.asarray(erf(scaled)), slope, x * cos + y * sin, over


def _judged(
    unknowns: Values,
    samples: _Samples,
    cost: Values,
    normal: Values,
    free: Values,
    moved: Values,
    axes: Values,
) -> Saddles:
    """Corners with their standard errors; what is no saddle is told by an infinite one."""
    count = samples.weight.sum(axis=1)
    spread = cost / np.maximum(count - free.sum(), 1.0)
    chosen = np.flatnonzero(free)
    normal = normal[:, chosen[:, None], chosen]
    scale = np.sqrt(np.maximum(np.einsum("nii->ni", normal), 1e-30))
    scaled = normal / (scale[:, :, None] * scale[:, None]) + 1e-12 * np.eye(len(chosen))
    covariance = np.linalg.inv(scaled)[:, :2, :2] / (scale[:, :2, None] * scale[:, None, :2])
    variance = np.einsum("nii->n", covariance) / 2.0 * spread
    turned = np.abs(np.angle(np.exp(1j * (unknowns[:, 2:4] - np.arctan2(axes[:, 1], axes[:, 0])))))
    sigma = np.exp(unknowns[:, 4:6]).max(axis=1)
    good = (count >= _LEAST_SAMPLES) & (variance > 0)
    good &= np.linalg.norm(moved, axis=1) < _farthest(axes)
    good &= turned.max(axis=1) < 0.35
    good &= np.abs(unknowns[:, 7]) > _LEAST_CLEARNESS * np.sqrt(spread)
    return Saddles(
        unknowns,
        moved,
        np.where(good, np.sqrt(np.maximum(variance, 1e-12)), np.inf),
        WIDTH_PER_SIGMA * np.sqrt(sigma**2 + 1.0 / 12.0),
        2.0 * unknowns[:, 7],
    )
