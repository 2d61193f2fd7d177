r"""Normal equations of a step that lays one view's pictures onto the other's.

The unknowns are eight of a small homography between C1's undistorted view and itself. Where a map
has lenses their coefficients follow them, so that the equations tell too what an error of theirs
would make of the homography.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import map_coordinates

from calibration.geometry.lens_spread import LensTerms, motions
from calibration.geometry.static_pair import BORDER_PX, Sampled
from calibration.geometry.view_map import (
    Points,
    ViewMap,
    half_diagonal_px,
    middle_px,
)

Values = NDArray[np.float64]

_HUBER = 2.0
_SIGMA_OF_MEDIAN = 1.4826


@dataclass(frozen=True)
class Normal:
    """A pair's normal equations, p unknowns, and each tile's share of the right side.

    Attributes
    ----------
    matrix, right, tiles
        (p, p), (p,) and (tiles, p) float64; the first eight unknowns are the homography's.
    """

    matrix: Values
    right: Values
    tiles: Values


def solved_step(normals: Sequence[Normal]) -> Values:
    """The homography's step (8,) of least squares over all pairs; the lenses stay."""
    matrix = np.sum([each.matrix[:8, :8] for each in normals], axis=0)
    right = np.sum([each.right[:8] for each in normals], axis=0)
    return np.asarray(np.linalg.lstsq(matrix, right, rcond=1e-12)[0], dtype=np.float64)


def normal_equations(view_map: ViewMap, pair: Sampled, terms: LensTerms = (0, 0)) -> Normal:
    """Of one pair, gain and offset over the view eliminated, outliers weighted down (Huber)."""
    at2 = view_map.to_c2(pair.at)
    height, width = pair.spline.shape
    last = np.array([width, height]) - 1 - BORDER_PX
    inside = ((at2 >= BORDER_PX) & (at2 <= last)).all(axis=1)
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
    # Content that the map moves by d appears at p + d: the picture changes by −gradient · d.
    columns = -np.einsum("nk,nkp->np", gradient, motions(view_map, at, at2, terms))
    scale = _SIGMA_OF_MEDIAN * float(np.median(np.abs(residual)))
    weight = np.minimum(1.0, _HUBER * scale / np.maximum(np.abs(residual), 1e-12))
    # Weighted projection onto what gain and offset cannot explain.
    root = np.sqrt(weight)[:, None]
    free = np.linalg.lstsq(root * light, root * np.column_stack([columns, residual]), rcond=None)[0]
    rest = root * (np.column_stack([columns, residual]) - light @ free)
    scores = rest[:, :-1] * rest[:, -1:]
    tiles = np.zeros((int(pair.tile.max()) + 1 if len(pair.tile) else 1, scores.shape[1]))
    np.add.at(tiles, pair.tile[inside], scores)
    return Normal(rest[:, :-1].T @ rest[:, :-1], scores.sum(axis=0), tiles)


def stepped(view_map: ViewMap, step: Values) -> ViewMap:
    """The map followed by the small homography of a step (8,)."""
    scale, (x, y) = half_diagonal_px(view_map.shape_1), middle_px(view_map.shape_1)
    to_unit = np.array([[1 / scale, 0.0, -x / scale], [0.0, 1 / scale, -y / scale], [0, 0, 1.0]])
    small = np.eye(3) + np.append(step, 0.0).reshape(3, 3)
    change = np.linalg.solve(to_unit, small @ to_unit)
    return view_map.with_homography(np.asarray(change @ view_map.homography()))


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
