"""Which corner is which on a plain chessboard: decided by comparing the views, or refused.

A plain board looks the same, colours apart, turned by 180° or in a mirror, and every such order of
its corners fits a homography. Each order is tried: C2's picture is carried to C1 by its homography
and compared with C1's, on the board (colours swapped or not) and around it. What stands around the
board decides; where nothing does, the board is refused.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from calibration.target.board import BoardSpec
from calibration.target.detection import BoardView
from calibration.target.picture import BoardPicture, Mask
from calibration.target.refusal import BoardNotFound
from calibration.target.search import Values, grey_picture

LEAST_CORRELATION: Final = 0.5
"""Of what stands around the board, under the order that is believed."""

LARGEST_UNEXPLAINED: Final = 0.6
"""Its unexplained share (1 − correlation) over that of the next best order."""

LEAST_OVERLAP: Final = 0.25
"""Share of C1's view that C2 must cover: both look through one splitter."""

_COMPARED_WIDTH_PX = 480
_LEAST_AROUND = 0.02


@dataclass(frozen=True)
class _Order:
    """One way to number C2's corners."""

    ids: NDArray[np.int64]
    mirrored: bool
    seen: NDArray[np.float32]
    covered: Mask


def matched(
    blurry: BoardView,
    sharp: BoardView,
    pictures: tuple[BoardPicture, BoardPicture],
    spec: BoardSpec,
    name: str,
    *,
    trust_flips: bool = False,
) -> BoardView:
    """C2's view of a plain board with its corners numbered as C1's are.

    Parameters
    ----------
    trust_flips
        The views are known not to be mirrored against each other, nor upside down (a ChArUco board
        has shown it): then colours and the smaller turn decide, whatever stands around.

    Raises
    ------
    BoardNotFound
        The views are mirrored against each other, or nothing tells the order.
    """
    step = max(1, round(pictures[0].shape[1] / _COMPARED_WIDTH_PX))
    here = _small(pictures[0], step)
    there = _small(pictures[1], step)
    orders = [
        _carried(ids, mirror, blurry, sharp, there, here.shape[:2], step)
        for ids, mirror in _numberings(sharp.ids, spec)
    ]
    board = _board_mask(blurry, spec, here.shape[:2], step)
    possible = [
        order
        for order in orders
        if order.covered.mean() >= LEAST_OVERLAP
        and _correlation(here, order.seen, board & order.covered) > 0.0
    ]
    best = _upright(possible, blurry, sharp) if trust_flips else _decided(possible, here, board)
    if best is None:
        raise BoardNotFound(
            "ambiguous",
            name,
            "a plain chessboard, and nothing around it tells its order from the turned or mirrored"
            " one; take a ChArUco board, or put something unlike on each side of it",
        )
    if best.mirrored:
        raise BoardNotFound(
            "mirrored",
            name,
            "C2's view of the chessboard fits C1's only in a mirror; the field 'flip' of one of"
            " the cameras in rig.yaml is wrong",
        )
    order = np.argsort(best.ids)
    return replace(
        sharp,
        ids=best.ids[order],
        corners=sharp.corners[order],
        sigma_px=sharp.sigma_px[order],
        channels={channel: points[order] for channel, points in sharp.channels.items()},
    )


def plane_homography(from_points: Values, to_points: Values) -> Values:
    """H (3, 3) by least squares from at least 4 points (n, 2)."""
    found, _ = cv2.findHomography(from_points.reshape(-1, 1, 2), to_points.reshape(-1, 1, 2), 0)
    return np.asarray(found, dtype=np.float64)


def turn_rad(from_2: Values, to_1: Values) -> float:
    """By how much C2's points stand turned in C1, −π to π."""
    homography = plane_homography(from_2, to_1)
    middle = from_2.mean(axis=0)
    ends = np.stack([middle, middle + np.array([1.0, 0.0])])
    moved = np.column_stack([ends, np.ones(2)]) @ homography.T
    there = moved[:, :2] / moved[:, 2:]
    return math.atan2(*(there[1] - there[0])[::-1])


def _upright(possible: list[_Order], blurry: BoardView, sharp: BoardView) -> _Order | None:
    """The order of the right hand that turns C2 least."""
    turns: dict[int, float] = {}
    for index, order in enumerate(possible):
        _, at_1, at_2 = np.intersect1d(blurry.ids, order.ids, return_indices=True)
        if not order.mirrored:
            turns[index] = abs(turn_rad(sharp.corners[at_2], blurry.corners[at_1]))
    return possible[min(turns, key=lambda index: turns[index])] if turns else None


def _decided(possible: list[_Order], here: NDArray[np.float32], board: Mask) -> _Order | None:
    """The order that explains what stands around the board much better than any other."""
    if not possible:
        return None
    around = ~board & np.logical_and.reduce([order.covered for order in possible])
    if around.mean() < _LEAST_AROUND:
        return None
    fit = np.array([_correlation(here, order.seen, around) for order in possible])
    ranked = np.argsort(-fit)
    best = possible[int(ranked[0])]
    if fit[ranked[0]] < LEAST_CORRELATION:
        return None
    if len(possible) > 1 and 1 - fit[ranked[0]] > LARGEST_UNEXPLAINED * (1 - fit[ranked[1]]):
        return None
    return best


def _numberings(ids: NDArray[np.int64], spec: BoardSpec) -> list[tuple[NDArray[np.int64], bool]]:
    """Every numbering that keeps the grid a grid, and whether it turns the hand."""
    across, down = spec.inner
    x, y = ids % across, ids // across
    found = [
        (ids, False),
        (across * down - 1 - ids, False),
        (y * across + across - 1 - x, True),
        ((down - 1 - y) * across + x, True),
    ]
    if across == down:
        found += [(n % across * across + n // across, not mirror) for n, mirror in list(found)]
    return found


def _carried(
    ids: NDArray[np.int64],
    mirror: bool,
    blurry: BoardView,
    sharp: BoardView,
    there: NDArray[np.float32],
    shape: tuple[int, int],
    step: int,
) -> _Order:
    """C2's small picture in C1's small geometry, under one numbering."""
    _, at_1, at_2 = np.intersect1d(blurry.ids, ids, return_indices=True)
    size = (shape[1], shape[0])
    seen = np.zeros(shape, dtype=np.float32)
    covered = np.zeros(shape, dtype=np.bool_)
    if len(at_1) >= 4:
        homography = plane_homography(
            (sharp.corners[at_2] + 0.5) / step - 0.5, (blurry.corners[at_1] + 0.5) / step - 0.5
        )
        # Points beyond the horizon of a steep homography are not covered.
        whole = np.ones(there.shape, dtype=np.float32)
        seen = np.asarray(cv2.warpPerspective(there, homography, size), dtype=np.float32)
        covered = np.asarray(cv2.warpPerspective(whole, homography, size) > 0.999)
    return _Order(ids, mirror, seen, covered)


def _small(picture: BoardPicture, step: int) -> NDArray[np.float32]:
    grey = grey_picture(picture.luminance)
    size = (grey.shape[1] // step, grey.shape[0] // step)
    small = cv2.resize(grey[: size[1] * step, : size[0] * step], size, interpolation=cv2.INTER_AREA)
    return cv2.GaussianBlur(small.astype(np.float32), (0, 0), 1.0).astype(np.float32)


def _board_mask(view: BoardView, spec: BoardSpec, shape: tuple[int, int], step: int) -> Mask:
    """Where C1 shows the board's squares and the light margin, half a square wide, around them."""
    homography = plane_homography(spec.points(view.ids), (view.corners + 0.5) / step - 0.5)
    low, right, bottom = -0.5, spec.columns + 0.5, spec.rows + 0.5
    outline = np.array([[low, low, 1], [right, low, 1], [right, bottom, 1], [low, bottom, 1]])
    moved = outline @ homography.T
    corners = np.round(moved[:, :2] / moved[:, 2:]).astype(np.int32)
    mask = np.zeros(shape, dtype=np.uint8)
    cv2.fillConvexPoly(mask, corners, 1)
    return mask.astype(np.bool_)


def _correlation(first: NDArray[np.float32], second: NDArray[np.float32], where: Mask) -> float:
    """Normalised correlation where a mask holds, −1 to 1; 0 where either is even."""
    if where.sum() < 16:
        return 0.0
    a, b = (each[where].astype(np.float64) for each in (first, second))
    a, b = a - a.mean(), b - b.mean()
    scale = float(np.sqrt((a @ a) * (b @ b)))
    return float(a @ b) / scale if scale > 0 else 0.0
