r"""Refinement of a map, sharp against sharp: the pictures themselves instead of points.

Both views of a scene at rest, exposed alike but for the filter, differ by geometry, gain and
offset. For textured pixels p of C1,

.. math:: I_1(p) = g(p)\, I_2(W^{-1}(p)) + o(p)

with g and o linear over the view (the shading that the flat fields have left), is solved by
Gauss-Newton steps for a small homography between C1's undistorted view and itself. C2 is sampled
through a prefiltered cubic B-spline, which is exact on ramps, so the result has no preferred
phase; the gradient is the mean of both pictures' (S. Benhimane and E. Malis, IROS 2004).

A refined map is used only where it lowers the errors of points that had no part in it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates, spline_filter

from bsd.document import Part
from calibration.geometry.correspondences import PosePoints
from calibration.geometry.uncertainty import GRID, MapUncertainty, over_view
from calibration.geometry.view_map import (
    Lens,
    Points,
    ViewMap,
    half_diagonal_px,
    middle_px,
    view_points,
)

Picture = NDArray[np.float32]
Values = NDArray[np.float64]

_SMOOTHING_PX = 1.0  # takes away what demosaicing makes differently in the two mosaics
_BORDER_PX = 12  # beyond the reach of the smoothing and the spline's prefilter, in both views
_MOST_PIXELS = 60_000
_TEXTURED = 0.85
_STEPS = 8
_SETTLED_PX = 5e-4
_HUBER = 2.0
_SIGMA_OF_MEDIAN = 1.4826
_TILE_PX = 48
_ENDS_PX = 2.0


@dataclass(frozen=True)
class StaticPair:
    """Both views of a scene at rest.

    Attributes
    ----------
    image_1, image_2
        (H, W) float32, upright linear luminance, mean of the clip's frames.
    mask_1
        (H1, W1) bool of pixels that may be used, e.g. not clipped, or None for all.
    pose
        Name of the pose of the target that the clip shows, "" for another scene.
    """

    image_1: Picture
    image_2: Picture
    mask_1: NDArray[np.bool_] | None = None
    pose: str = ""


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


@dataclass(frozen=True)
class _Sampled:
    """A pair made ready: where C1 is textured, its values there, and C2's spline."""

    at: Points
    values: Values
    gradient: Points
    spline: NDArray[np.float64]
    tile: NDArray[np.int64]


@dataclass(frozen=True)
class _Normal:
    """A pair's normal equations of the eight values, and each tile's share of the right side."""

    matrix: Values
    right: Values
    tiles: Values


def refined(view_map: ViewMap, pairs: Sequence[StaticPair]) -> tuple[ViewMap, MapUncertainty, int]:
    """The map that carries C2's pictures best onto C1's, its standard error, and the pixels used.

    Parameters
    ----------
    view_map
        To begin with; right to within `_ENDS_PX`. Its lenses stay.
    pairs
        At least one; at the distance of the map where the views have a base.

    Returns
    -------
    map, uncertainty, pixels
    """
    sampled = [_sampled(pair) for pair in pairs]
    found, normals = _solved(view_map, sampled)
    return found, _uncertainty(found, normals), sum(len(each.at) for each in sampled)


def refine(
    view_map: ViewMap,
    pairs: Sequence[StaticPair],
    poses: Sequence[PosePoints],
    without: Sequence[ViewMap],
) -> tuple[ViewMap, Refinement]:
    """The refined map where it lowers held-out residuals, else the map itself; and the account.

    Parameters
    ----------
    poses
        Whose points judge: each by the map of the pictures of the *other* poses.
    without
        For each pose the map of the other poses' points (`GeometrySolution.without`).
    """
    sampled = [_sampled(pair) for pair in pairs]
    found, normals = _solved(view_map, sampled)
    before, after, count = 0.0, 0.0, 0
    for pose, other in zip(poses, without, strict=True):
        kept = [index for index, pair in enumerate(pairs) if pair.pose != pose.name]
        if len(kept) in (0, len(pairs)):
            continue
        # One step from the common solution is all it takes: a pair moves it by hundredths.
        step = _step([normals[index] for index in kept])
        judged = _moved(found, step)
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
        uncertainty=_uncertainty(found, normals),
        pairs=len(pairs),
        pixels=sum(len(each.at) for each in sampled),
    )
    return (found if used else view_map), account


def _sampled(pair: StaticPair) -> _Sampled:
    """Textured pixels of C1, evenly thinned out, and C2's spline coefficients."""
    first, second = (
        np.asarray(
            cv2.GaussianBlur(image.astype(np.float32), (0, 0), _SMOOTHING_PX), dtype=np.float32
        )
        for image in (pair.image_1, pair.image_2)
    )
    dx, dy = _gradients(first)
    strength = np.hypot(dx, dy)
    allowed = np.zeros(first.shape, dtype=bool)
    allowed[_BORDER_PX:-_BORDER_PX, _BORDER_PX:-_BORDER_PX] = True
    if pair.mask_1 is not None:
        spoilt = cv2.dilate((~pair.mask_1).astype(np.uint8), np.ones((9, 9), np.uint8))
        allowed &= spoilt == 0
    # The noise of a flat area's gradient would only add noise to the solution.
    least = np.quantile(strength[allowed], _TEXTURED) if allowed.any() else 0.0
    y, x = np.nonzero(allowed & (strength >= least) & (strength > 0))
    stride = -(-len(x) // _MOST_PIXELS) or 1
    x, y = x[::stride], y[::stride]
    columns = first.shape[1] // _TILE_PX + 1
    return _Sampled(
        at=np.column_stack([x, y]).astype(np.float64),
        values=first[y, x].astype(np.float64),
        gradient=np.column_stack([dx[y, x], dy[y, x]]).astype(np.float64),
        spline=np.asarray(spline_filter(second.astype(np.float64), order=3), dtype=np.float64),
        tile=(y // _TILE_PX) * columns + x // _TILE_PX,
    )


def _solved(view_map: ViewMap, sampled: Sequence[_Sampled]) -> tuple[ViewMap, list[_Normal]]:
    """Gauss-Newton steps until the view moves by less than `_SETTLED_PX`; the last equations."""
    found = view_map
    for _ in range(_STEPS):
        normals = [_normal(found, each) for each in sampled]
        following = _moved(found, _step(normals))
        settled = found.displacement(following).max_px < _SETTLED_PX
        found = following
        if settled:
            break
    return found, [_normal(found, each) for each in sampled]


def _step(normals: Sequence[_Normal]) -> Values:
    matrix = np.sum([each.matrix for each in normals], axis=0)
    right = np.sum([each.right for each in normals], axis=0)
    return np.asarray(np.linalg.lstsq(matrix, right, rcond=1e-12)[0], dtype=np.float64)


def _normal(view_map: ViewMap, pair: _Sampled) -> _Normal:
    """Normal equations of the step, gain and offset eliminated."""
    at2 = view_map.to_c2(pair.at)
    height, width = pair.spline.shape
    last = np.array([width, height]) - 1 - _BORDER_PX
    inside = ((at2 >= _BORDER_PX) & (at2 <= last)).all(axis=1)
    at, at2 = pair.at[inside], at2[inside]
    warped, gradient2 = _looked_up(pair.spline, view_map, at, at2)
    centred = (at - middle_px(view_map.shape_1)) / half_diagonal_px(view_map.shape_1)
    light = np.column_stack([np.ones(len(at)), centred])
    light = np.hstack([light * warped[:, None], light])
    values = pair.values[inside]
    first = np.linalg.lstsq(light, values, rcond=None)[0]
    gain = light[:, :3] @ first[:3] / np.where(warped == 0, 1.0, warped)
    gradient = 0.5 * (pair.gradient[inside] + gain[:, None] * gradient2)
    residual = values - light @ first
    columns = _columns(view_map, at, gradient)
    scale = _SIGMA_OF_MEDIAN * float(np.median(np.abs(residual)))
    weight = np.minimum(1.0, _HUBER * scale / np.maximum(np.abs(residual), 1e-12))
    # Weighted projection onto what gain and offset cannot explain.
    root = np.sqrt(weight)[:, None]
    free = np.linalg.lstsq(root * light, root * np.column_stack([columns, residual]), rcond=None)[0]
    rest = root * (np.column_stack([columns, residual]) - light @ free)
    scores = rest[:, :8] * rest[:, 8:]
    tiles = np.zeros((int(pair.tile.max()) + 1 if len(pair.tile) else 1, 8))
    np.add.at(tiles, pair.tile[inside], scores)
    return _Normal(rest[:, :8].T @ rest[:, :8], scores.sum(axis=0), tiles)


def _looked_up(
    spline: NDArray[np.float64], view_map: ViewMap, at: Points, at2: Points
) -> tuple[Values, Points]:
    """C2's values at C1's pixels, and their gradient in C1's axes."""

    def values(points: Points) -> Values:
        order = np.stack([points[:, 1], points[:, 0]])
        return np.asarray(map_coordinates(spline, order, order=3, prefilter=False, mode="mirror"))

    step = np.eye(2)
    slopes = [
        0.5 * (values(view_map.to_c2(at + each)) - values(view_map.to_c2(at - each)))
        for each in step
    ]
    return values(at2), np.column_stack(slopes)


def _columns(view_map: ViewMap, at: Points, gradient: Points) -> Values:
    """(n, 8): change of the warped picture with each value of the small homography.

    Content that the map moves by d appears at p + d, so the picture changes by −gradient · d.
    """
    lens = view_map.lens_1
    ideal = at if lens is None else lens.undistort(at)
    x, y = ((ideal - middle_px(view_map.shape_1)) / half_diagonal_px(view_map.shape_1)).T
    if lens is not None:  # a step in the undistorted view is one of another length in C1
        gradient = _through_lens(lens, ideal, gradient)
    gx, gy = gradient.T * -half_diagonal_px(view_map.shape_1)
    radial = gx * x + gy * y
    return np.column_stack([gx * x, gx * y, gx, gy * x, gy * y, gy, -radial * x, -radial * y])


def _through_lens(lens: Lens, ideal: Points, gradient: Points) -> Points:
    slopes = [0.5 * (lens.distort(ideal + each) - lens.distort(ideal - each)) for each in np.eye(2)]
    return np.column_stack([(gradient * slope).sum(axis=1) for slope in slopes])


def _moved(view_map: ViewMap, step: Values) -> ViewMap:
    """The map followed by the small homography of a step."""
    scale, (x, y) = half_diagonal_px(view_map.shape_1), middle_px(view_map.shape_1)
    to_unit = np.array([[1 / scale, 0.0, -x / scale], [0.0, 1 / scale, -y / scale], [0, 0, 1.0]])
    small = np.eye(3) + np.append(step, 0.0).reshape(3, 3)
    change = np.linalg.solve(to_unit, small @ to_unit)
    return view_map.with_homography(np.asarray(change @ view_map.homography()))


def _uncertainty(view_map: ViewMap, normals: Sequence[_Normal]) -> MapUncertainty:
    """Over the view the larger of two: scatter between tiles of pixels, and between pictures.

    The first is a sandwich, the second a jackknife: what all of a picture has in common (a hard
    edge on the same phase of the pixels) the tiles do not show.
    """
    matrix = np.sum([each.matrix for each in normals], axis=0)
    scores = np.concatenate([each.tiles for each in normals])
    inverse = np.linalg.pinv(matrix)
    covariance = inverse @ (scores.T @ scores) @ inverse.T
    at = view_points(view_map.shape_1, GRID)
    variances = []
    for axis in -np.eye(2):
        rows = _columns(view_map, at, np.tile(axis, (len(at), 1)))
        variance = np.einsum("ij,jk,ik->i", rows, covariance, rows)
        if len(normals) > 2:
            variance = np.maximum(variance, _jackknife(rows, normals))
        variances.append(variance)
    return over_view(np.sqrt(np.mean(variances, axis=0)), view_map.shape_1)


def _jackknife(rows: Values, normals: Sequence[_Normal]) -> Values:
    """Variance (n,) of `rows` times the step, from leaving out each picture."""
    every = range(len(normals))
    steps = [_step([normals[i] for i in every if i != left]) for left in every]
    moves = rows @ np.stack(steps, axis=1)
    spread = (moves - moves.mean(axis=1, keepdims=True)) ** 2
    return np.asarray(spread.sum(axis=1) * (len(normals) - 1) / len(normals))


def _gradients(image: Picture) -> tuple[Picture, Picture]:
    kernel = np.array([[-0.5, 0.0, 0.5]], dtype=np.float32)
    dx = cv2.filter2D(image, cv2.CV_32F, kernel)
    dy = cv2.filter2D(image, cv2.CV_32F, kernel.T)
    return np.asarray(dx, dtype=np.float32), np.asarray(dy, dtype=np.float32)
