"""Finding the board in a picture, to a pixel or two, and telling why it is not found."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.target.board import BoardSpec, dictionary, drawing
from calibration.target.picture import Plane

Values = NDArray[np.float64]
Grey = NDArray[np.uint8]

_DICTIONARIES: Final = (
    "DICT_4X4_1000",
    "DICT_5X5_1000",
    "DICT_6X6_1000",
    "DICT_7X7_1000",
    "DICT_ARUCO_ORIGINAL",
    "DICT_APRILTAG_36h11",
)
"""The smaller ones of a kind are the beginnings of these."""

_MARKERS_THAT_TELL = 4
_FITTING_SHARE = 0.6
_FOREIGN_MARKERS = 2
_SMALLEST_SIDE_PX = 100
_LEAST_PLAIN = 20


@dataclass(frozen=True)
class Grid:
    """Corners as a finder gives them.

    Attributes
    ----------
    ids
        (n,) int64.
    points
        (n, 2) float64 px.
    """

    ids: NDArray[np.int64]
    points: Values


def grey_picture(luminance: Plane, power: float = 1.0) -> Grey:
    """8 bit for the finders: light between its extremes, to a power.

    Markers are read best in linear light: blur moves their edges least there. With the square root
    a board in the shade of a bright picture keeps its steps.
    """
    low, high = np.percentile(luminance[::2, ::2], (0.5, 99.5))
    share = (luminance - low) / max(float(high - low), 1e-6)
    return np.asarray(np.clip(share, 0.0, 1.0) ** power * 255.0 + 0.5, dtype=np.uint8)


def search(luminance: Plane, spec: BoardSpec, least: int) -> Grid | None:
    """The first way of looking that shows `least` corners; else what the best one shows.

    As it is; twice as large and sharpened, for small or soft markers; with its shadows lifted; half
    and a quarter as large, for what is noisy or far out of focus.
    """
    best: Grid | None = None
    for grey, scale in _ways(luminance, spec):
        found = _once(grey, spec)
        if found is not None and (best is None or len(found.ids) > len(best.ids)):
            best = Grid(found.ids, (found.points + 0.5) / scale - 0.5)
        if best is not None and len(best.ids) >= least:
            break
    return best


def other_board(luminance: Plane, spec: BoardSpec) -> str | None:
    """What another board there is instead, in words; None where there is no sign of one."""
    grey = grey_picture(luminance)
    if spec.kind == "chessboard":
        plain = plain_board(luminance)
        if plain is None or plain[0].inner in (spec.inner, spec.inner[::-1]):
            return None
        return f"a board of {plain[0].inner[0]} × {plain[0].inner[1]} inner corners"
    ids, corners = _markers(grey, spec.dictionary)
    if len(ids) >= _MARKERS_THAT_TELL:
        return None if _markers_fit(ids, corners, spec) else _misfit(ids, spec)
    for name in _DICTIONARIES:
        found = _markers(grey, name)[0]
        if len(found) >= _MARKERS_THAT_TELL and len(found) > 2 * len(ids):
            return f"markers of {name.rsplit('_', 1)[0]} (ids {min(found)} to {max(found)})"
    return None


def fits(luminance: Plane, spec: BoardSpec) -> bool:
    """Whether the markers of a ChArUco board stand where the board has them."""
    if spec.kind == "chessboard":
        return True
    ids, corners = _markers(grey_picture(luminance), spec.dictionary)
    return len(ids) < _MARKERS_THAT_TELL or _markers_fit(ids, corners, spec)


def plain_board(luminance: Plane) -> tuple[BoardSpec, Grid] | None:
    """The largest grid of squares that there is, of 20 corners or more, whatever they hold."""
    flags = cv2.CALIB_CB_NORMALIZE_IMAGE | cv2.CALIB_CB_LARGER
    found, points, meta = cv2.findChessboardCornersSBWithMeta(
        grey_picture(luminance), (3, 3), flags
    )
    if not found or meta is None:
        return None
    down, across = (int(side) for side in np.asarray(meta).shape[:2])
    if down * across < _LEAST_PLAIN:  # bricks and windows have a few
        return None
    spec = BoardSpec(kind="chessboard", columns=across + 1, rows=down + 1)
    return spec, Grid(np.arange(spec.corners), _as_points(points))


def _ways(luminance: Plane, spec: BoardSpec) -> Iterator[tuple[Grey, float]]:
    """Pictures to look at, and by how much each is larger than the given one."""
    linear = grey_picture(luminance)
    yield linear, 1.0
    if spec.kind == "charuco":
        soft = cv2.GaussianBlur(linear, (0, 0), 2.0)
        crisp = cv2.addWeighted(linear, 2.5, soft, -1.5, 0)
        large = cv2.resize(crisp, None, fx=2.0, fy=2.0, interpolation=cv2.INTER_CUBIC)
        yield np.asarray(large, dtype=np.uint8), 2.0
    yield grey_picture(luminance, 0.5), 1.0
    for factor in (2, 4):
        if min(linear.shape) // factor >= _SMALLEST_SIDE_PX:
            size = (linear.shape[1] // factor, linear.shape[0] // factor)
            whole = linear[: size[1] * factor, : size[0] * factor]
            small = cv2.resize(whole, size, interpolation=cv2.INTER_AREA)
            yield np.asarray(small, dtype=np.uint8), 1.0 / factor


def _once(grey: Grey, spec: BoardSpec) -> Grid | None:
    if spec.kind == "chessboard":
        points = _chessboard(grey, spec.inner)
        return None if points is None else Grid(np.arange(spec.corners), points)
    corners, ids, _, _ = _charuco_finder(spec).detectBoard(grey)
    if ids is None or corners is None or len(ids) == 0:
        return None
    order = np.argsort(np.ravel(ids))
    return Grid(
        np.ravel(ids)[order].astype(np.int64),
        np.asarray(corners, dtype=np.float64).reshape(-1, 2)[order],
    )


@lru_cache(maxsize=8)
def _charuco_finder(spec: BoardSpec) -> cv2.aruco.CharucoDetector:
    return cv2.aruco.CharucoDetector(
        drawing(spec), cv2.aruco.CharucoParameters(), _marker_parameters()
    )


def _marker_parameters() -> cv2.aruco.DetectorParameters:
    """Cells of a few pixels each: only the middle of a cell is read, on a finer raster."""
    parameters = cv2.aruco.DetectorParameters()
    parameters.perspectiveRemovePixelPerCell = 8
    parameters.perspectiveRemoveIgnoredMarginPerCell = 0.3
    return parameters


@lru_cache(maxsize=16)
def _marker_finder(name: str) -> cv2.aruco.ArucoDetector:
    return cv2.aruco.ArucoDetector(dictionary(name), _marker_parameters())


def _markers(grey: Grey, name: str) -> tuple[list[int], Values]:
    """Ids of markers of a dictionary and their corners (n, 4, 2)."""
    corners, ids, _ = _marker_finder(name).detectMarkers(grey)
    if ids is None or len(ids) == 0:
        return [], np.empty((0, 4, 2))
    return [int(n) for n in np.ravel(ids)], np.asarray(corners, dtype=np.float64).reshape(-1, 4, 2)


def _markers_fit(ids: list[int], corners: Values, spec: BoardSpec) -> bool:
    own = np.array([n < spec.markers for n in ids])
    if (~own).sum() >= _FOREIGN_MARKERS or own.sum() < _MARKERS_THAT_TELL:
        return False
    placed = np.asarray(drawing(spec).getObjPoints(), dtype=np.float64)[..., :2]
    known = placed[np.asarray(ids)[own]].reshape(-1, 1, 2)
    seen = corners[own].reshape(-1, 1, 2)
    side = float(np.median(np.linalg.norm(corners[:, 0] - corners[:, 1], axis=1)))
    cv2.setRNGSeed(0)
    _, inliers = cv2.findHomography(known, seen, cv2.RANSAC, 0.15 * side)
    return inliers is not None and float(np.mean(inliers)) >= _FITTING_SHARE


def _misfit(ids: list[int], spec: BoardSpec) -> str:
    if max(ids) >= spec.markers:
        return f"markers up to id {max(ids)}, the board has {spec.markers}"
    return "markers in other places than this board has them"


def _chessboard(grey: Grey, inner: tuple[int, int]) -> Values | None:
    """Inner corners row by row, (n, 2)."""
    flags = cv2.CALIB_CB_NORMALIZE_IMAGE
    found, points = cv2.findChessboardCornersSB(grey, inner, flags=flags)
    if not found:
        classic = flags | cv2.CALIB_CB_ADAPTIVE_THRESH | cv2.CALIB_CB_FAST_CHECK
        found, points = cv2.findChessboardCorners(grey, inner, flags=classic)
    return _as_points(points) if found else None


def _as_points(points: object) -> Values:
    return np.asarray(points, dtype=np.float64).reshape(-1, 2)
