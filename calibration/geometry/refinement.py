r"""Refinement of a map, sharp against sharp: the pictures themselves instead of points.

Both views of a scene at rest, exposed alike but for the filter, differ by geometry, gain and
offset. For textured pixels p of C1,

.. math:: I_1(p) = g(p)\, I_2(W^{-1}(p)) + o(p)

with g and o linear over the view (the shading that the flat fields have left), is solved by
Gauss-Newton steps for a small homography between C1's undistorted view and itself. C2 is sampled
through a prefiltered cubic B-spline, which is exact on ramps, so the result has no preferred
phase; the gradient is the mean of both pictures' (S. Benhimane and E. Malis, IROS 2004).

Lenses stay as the points have them, and their errors count in the map's standard error: with two
lenses they are most of it, since few corners lie where a view is bent most.

A refined map is used only where it lowers the errors of points that had no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from bsd.document import Part
from calibration.geometry.correspondences import PosePoints
from calibration.geometry.lens_spread import LensSpread, motions
from calibration.geometry.normal_equations import (
    Normal,
    normal_equations,
    solved_step,
    stepped,
)
from calibration.geometry.static_pair import Sampled, StaticPair, sampled
from calibration.geometry.uncertainty import GRID, MapUncertainty, over_view
from calibration.geometry.view_map import ViewMap, view_points

Values = NDArray[np.float64]

_STEPS = 8
_SETTLED_PX = 5e-4
_ENDS_PX = 2.0


class Refinement(Part):
    """What the refinement did.

    Attributes
    ----------
    used
        Whether the refined map is the one to use.
    points_before_px, points_after_px
        RMS error of points that neither map was made from.
    moved_px
        RMS by which the refined map differs over the view.
    uncertainty
        Standard error of the refined map over the view.
    pairs, pixels
        Pictures and pixels in it.
    """

    used: bool
    points_before_px: float
    points_after_px: float
    moved_px: float
    uncertainty: MapUncertainty
    pairs: int
    pixels: int


def refined(
    view_map: ViewMap, pairs: Sequence[StaticPair], lens: LensSpread | None = None
) -> tuple[ViewMap, MapUncertainty, int]:
    """The map that carries C2's pictures best onto C1's, its standard error, and the pixels used.

    Parameters
    ----------
    view_map
        To begin with; right to within `_ENDS_PX`. Its lenses stay.
    pairs
        At least one; at the distance of the map where the views have a base.
    lens
        How well its lenses are known; None where it has none.

    Returns
    -------
    map, uncertainty, pixels
    """
    ready = [sampled(pair) for pair in pairs]
    found, normals = _solved(view_map, ready, lens)
    return found, _uncertainty(found, normals, lens), sum(len(each.at) for each in ready)


def refine(
    view_map: ViewMap,
    pairs: Sequence[StaticPair],
    poses: Sequence[PosePoints],
    without: Sequence[ViewMap],
    lens: LensSpread | None = None,
) -> tuple[ViewMap, Refinement]:
    """The refined map where it lowers held-out residuals, else the map itself; and the account.

    Parameters
    ----------
    poses
        Whose points judge: each by the map of the pictures of the *other* poses.
    without
        For each pose the map of the other poses' points (`GeometrySolution.without`).
    lens
        How well the map's lenses are known (`GeometrySolution.lens`); None where it has none.
    """
    ready = [sampled(pair) for pair in pairs]
    found, normals = _solved(view_map, ready, lens)
    before, after, count = 0.0, 0.0, 0
    for pose, other in zip(poses, without, strict=True):
        kept = [index for index, pair in enumerate(pairs) if pair.pose != pose.name]
        if len(kept) in (0, len(pairs)):
            continue
        # One step from the common solution is all it takes: a pair moves it by hundredths.
        step = solved_step([normals[index] for index in kept])
        judged = stepped(found, step)
        before += float(((pose.c1 - other.to_c1(pose.c2)) ** 2).sum())
        after += float(((pose.c1 - judged.to_c1(pose.c2)) ** 2).sum())
        count += len(pose)
    moved = view_map.displacement(found)
    used = count > 0 and after < before and moved.rms_px < _ENDS_PX
    account = Refinement(
        used=used,
        points_before_px=(before / max(1, count)) ** 0.5,
        points_after_px=(after / max(1, count)) ** 0.5,
        moved_px=moved.rms_px,
        uncertainty=_uncertainty(found, normals, lens),
        pairs=len(pairs),
        pixels=sum(len(each.at) for each in ready),
    )
    return (found if used else view_map), account


def _solved(
    view_map: ViewMap, ready: Sequence[Sampled], lens: LensSpread | None
) -> tuple[ViewMap, list[Normal]]:
    """Gauss-Newton steps until the view moves by less than `_SETTLED_PX`; the last equations."""
    found = view_map
    for _ in range(_STEPS):
        normals = [normal_equations(found, each) for each in ready]
        following = stepped(found, solved_step(normals))
        settled = found.displacement(following).max_px < _SETTLED_PX
        found = following
        if settled:
            break
    terms = (0, 0) if lens is None else lens.terms
    return found, [normal_equations(found, each, terms) for each in ready]


def _uncertainty(
    view_map: ViewMap, normals: Sequence[Normal], lens: LensSpread | None
) -> MapUncertainty:
    """Over the view the larger of two: scatter between tiles of pixels, and between pictures.

    The first is a sandwich, the second a jackknife: what all of a picture has in common (a hard
    edge on the same phase of the pixels) the tiles do not show. Neither shows the lenses' error,
    which all pictures have in common: it is added.
    """
    matrix = np.sum([each.matrix for each in normals], axis=0)
    scores = np.concatenate([each.tiles[:, :8] for each in normals])
    inverse = np.linalg.pinv(matrix[:8, :8])
    covariance = inverse @ (scores.T @ scores) @ inverse.T
    at = view_points(view_map.shape_1, GRID)
    terms = (0, 0) if lens is None else lens.terms
    moved = motions(view_map, at, view_map.to_c2(at), terms)
    rows = moved[..., :8].reshape(-1, 8)
    variance = np.einsum("ij,jk,ik->i", rows, covariance, rows)
    if len(normals) > 2:
        variance = np.maximum(variance, _jackknife(rows, normals))
    both = variance.reshape(-1, 2)
    if lens is not None:
        both = both + lens.variance(matrix, moved)
    return over_view(np.sqrt(both.mean(axis=1)), view_map.shape_1)


def _jackknife(rows: Values, normals: Sequence[Normal]) -> Values:
    """Variance (n,) of `rows` times the step, from leaving out each picture."""
    every = range(len(normals))
    steps = [solved_step([normals[i] for i in every if i != left]) for left in every]
    moves = rows @ np.stack(steps, axis=1)
    spread = (moves - moves.mean(axis=1, keepdims=True)) ** 2
    return np.asarray(spread.sum(axis=1) * (len(normals) - 1) / len(normals))
