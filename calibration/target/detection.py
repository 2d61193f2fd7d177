"""The corners of a board in one picture, measured where the samples lie, or one line why not."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from bsd.document import Part
from calibration.target.board import BoardSpec
from calibration.target.lattice import Lattice, lattice
from calibration.target.picture import BoardPicture, Channel, Plane, plain_picture
from calibration.target.refusal import BoardNotFound
from calibration.target.saddle import Saddles, fit_saddles, samples_left
from calibration.target.search import (
    Grid,
    Values,
    fits,
    other_board,
    plain_board,
    search,
)

_LEAST_FOUND = 6
_CLIPPED_PICTURE = 0.05
_SHARP_PX = 2.5
_BLURRED_CELLS = 0.8
_SMALLEST_CELL_PX = 2.5
_LOST_CELL_PX = 1.5


class TargetLimits(Part):
    """What a picture of a board must hold.

    Attributes
    ----------
    least_corners
        Fewer do not carry a pose: a homography takes 4, and some must be left to judge it.
    widest_edge_px
        From 10 to 90 %; a lens in focus gives 1.5 to 3 px, above this corners of the two views
        are blurred differently.
    clipped_share
        Of the corners: so many may touch clipped samples (a highlight), more is overexposure.
    smallest_square_px
        Below, neither a marker nor the edges around a corner can be told.
    largest_sigma_px
        Standard error of a corner; one above is left out.
    """

    least_corners: Annotated[int, Field(ge=4)] = 12
    widest_edge_px: Annotated[float, Field(gt=0)] = 5.0
    clipped_share: Annotated[float, Field(ge=0, le=1)] = 0.25
    smallest_square_px: Annotated[float, Field(ge=4)] = 8.0
    largest_sigma_px: Annotated[float, Field(gt=0)] = 0.15


@dataclass(frozen=True)
class BoardView:
    """A board as one camera sees it.

    Attributes
    ----------
    ids
        (n,) int64, rising: inner corners row by row from the board's upper left.
    corners
        (n, 2) float64, upright px, of green or of a grey picture.
    sigma_px
        (n,) float64: standard error of a coordinate.
    channels
        "R", "G", "B" → (n, 2) float64, NaN where a colour tells nothing; empty for a grey picture.
    edge_width_px
        From 10 to 90 %, median over the corners.
    square_px
        Mean side of a square.
    extent
        (left, top, right, bottom) of the corners as shares of the view.
    shape
        Height and width of the view.
    """

    ids: NDArray[np.int64]
    corners: Values
    sigma_px: Values
    channels: Mapping[Channel, Values]
    edge_width_px: float
    square_px: float
    extent: tuple[float, float, float, float]
    shape: tuple[int, int]


def find_corners(
    picture: BoardPicture | NDArray[np.uint8] | Plane,
    spec: BoardSpec,
    limits: TargetLimits | None = None,
    where: str = "picture",
) -> BoardView:
    """Find and measure a board.

    The hand of a ChArUco board is told by its markers; a plain chessboard's is not, nor where it
    begins: see `calibration.target.chessboard`.

    Parameters
    ----------
    picture
        Upright; a plain array is grey, (H, W).
    where
        What messages call the picture.

    Raises
    ------
    BoardNotFound
        Not there, another board, in a mirror, blurred, clipped, too small, too few corners.
    """
    limits = limits or TargetLimits()
    whole = picture if isinstance(picture, BoardPicture) else plain_picture(picture)
    grid = search(whole.luminance, spec, limits.least_corners)
    if grid is None or len(grid.ids) < _LEAST_FOUND or not fits(whole.luminance, spec):
        raise _unfound(whole, spec, limits, grid, where)
    board = lattice(grid, spec, whole.shape)
    if board is None:
        raise _unfound(whole, spec, limits, None, where)
    if board.square_px < limits.smallest_square_px:
        raise _too_small(board.square_px, limits.smallest_square_px, where)
    return _measured(whole, board, spec, limits, where)


def _measured(
    picture: BoardPicture,
    board: Lattice,
    spec: BoardSpec,
    limits: TargetLimits,
    where: str,
) -> BoardView:
    quiet = _quiet_share(spec)
    intact = samples_left(~picture.saturated, board.points, board.axes, quiet) >= 1.0
    if np.mean(~intact) > limits.clipped_share:
        raise BoardNotFound(
            "clipped",
            where,
            f"{np.sum(~intact)} of {len(intact)} corners touch clipped samples; take light away"
            " or shorten the exposure, then record the step again",
        )
    fitted: dict[Channel, Saddles] = {}
    first: Channel = "G" if "G" in picture.channels else "Y"
    main = fit_saddles(*picture.plane(first), board.points, board.axes, quiet)
    fitted[first] = main
    for channel in picture.channels:
        if channel != first:
            plane, usable = picture.plane(channel)
            fitted[channel] = fit_saddles(plane, usable, board.points, board.axes, quiet, main)
    kept = intact & (main.sigma_px <= limits.largest_sigma_px) & _plausible(main, board, spec)
    width_px = _width(main)
    if width_px > limits.widest_edge_px:
        raise _blurred(width_px, limits, where)
    if kept.sum() < limits.least_corners:
        raise _too_few(int(kept.sum()), spec, limits, where)
    corners = main.corners[kept]
    height, width = picture.shape
    sides = np.concatenate([corners.min(axis=0), corners.max(axis=0)])
    shares = sides / (width - 1, height - 1, width - 1, height - 1)
    return BoardView(
        board.ids[kept],
        corners,
        main.sigma_px[kept],
        _by_channel(fitted, kept, limits),
        width_px,
        board.square_px,
        (float(shares[0]), float(shares[1]), float(shares[2]), float(shares[3])),
        picture.shape,
    )


def _by_channel(
    fitted: Mapping[Channel, Saddles], kept: NDArray[np.bool_], limits: TargetLimits
) -> dict[Channel, Values]:
    if "Y" in fitted:
        return {}
    found: dict[Channel, Values] = {}
    for channel, saddles in fitted.items():
        told = saddles.sigma_px <= limits.largest_sigma_px
        found[channel] = np.where(told[:, None], saddles.corners, np.nan)[kept]
    return found


def _plausible(saddles: Saddles, board: Lattice, spec: BoardSpec) -> NDArray[np.bool_]:
    """What was expected only must look like its neighbours: light and dark as the board has them.

    Something lies before the board where it does not, or the board ends.
    """
    parity = 1.0 - 2.0 * (spec.points(board.ids).sum(axis=1) % 2)
    contrast = saddles.contrast * parity
    found = saddles.good & ~board.expected
    if not found.any():
        return ~board.expected
    typical = float(np.median(contrast[found]))
    alike = (contrast / typical > 0.5) & (contrast / typical < 2.0)
    near = np.linalg.norm(saddles.corners - board.points, axis=1) < 1.5
    return np.asarray(~board.expected | (alike & near))


def _width(saddles: Saddles) -> float:
    """Median edge width; where nothing could be fitted, that of the attempts."""
    chosen = saddles.good if saddles.good.any() else np.ones_like(saddles.good)
    return float(np.median(saddles.edge_width_px[chosen]))


def _unfound(
    picture: BoardPicture, spec: BoardSpec, limits: TargetLimits, grid: Grid | None, where: str
) -> BoardNotFound:
    """Why there is no board: the cause that can be shown, else that there is none."""
    light = picture.luminance
    if spec.kind == "charuco":
        turned = search(np.ascontiguousarray(light[:, ::-1]), spec, limits.least_corners)
        if turned is not None and len(turned.ids) >= _LEAST_FOUND:
            return BoardNotFound(
                "mirrored",
                where,
                f"the board is found in a mirror only ({len(turned.ids)} corners there); the field"
                " 'flip' of this camera in rig.yaml is wrong",
            )
    other = other_board(light, spec)
    if other is not None:
        return _wrong(other, spec, where)
    clipped = float(picture.saturated.mean())
    if clipped > _CLIPPED_PICTURE:
        return BoardNotFound(
            "clipped",
            where,
            f"no {spec.words} can be measured, and {100 * clipped:.0f} % of the picture is clipped;"
            " take light away or shorten the exposure, then record the step again",
        )
    if spec.kind == "charuco" and (unread := _unread(light, spec, limits, where)) is not None:
        return unread
    if grid is not None:
        return _too_few(len(grid.ids), spec, limits, where)
    whole = "all of it" if spec.kind == "chessboard" else "it"
    return BoardNotFound(
        "none",
        where,
        f"no {spec.words} found; {whole} must be in the view, in focus, and lit evenly",
    )


def _unread(
    light: Plane, spec: BoardSpec, limits: TargetLimits, where: str
) -> BoardNotFound | None:
    """Why squares are seen but no markers read: too small, blurred, or there are none."""
    plain = plain_board(light)
    board = None
    if plain is not None:
        board = lattice(plain[1], plain[0], (light.shape[0], light.shape[1]))
    if board is None:
        return None
    fitted = fit_saddles(
        light, np.ones(light.shape, dtype=np.bool_), board.points, board.axes, _quiet_share(spec)
    )
    if np.mean(fitted.good) < 0.5:
        return None
    width_px = _width(fitted)
    cell_px = board.square_px * spec.marker_share / spec.cells
    if (
        cell_px > _LOST_CELL_PX
        and width_px > min(limits.widest_edge_px, _BLURRED_CELLS * cell_px)
        and width_px > _SHARP_PX
    ):
        return _blurred(width_px, limits, where)
    if cell_px < _SMALLEST_CELL_PX:
        return _too_small(
            board.square_px, _SMALLEST_CELL_PX * spec.cells / spec.marker_share, where
        )
    return _wrong("a chessboard without markers that can be read", spec, where)


def _wrong(other: str, spec: BoardSpec, where: str) -> BoardNotFound:
    return BoardNotFound(
        "wrong-board",
        where,
        f"expected a {spec.words}, found {other}; name the board that was used",
    )


def _blurred(width_px: float, limits: TargetLimits, where: str) -> BoardNotFound:
    return BoardNotFound(
        "blurred",
        where,
        f"edges of the board are {width_px:.1f} px wide, at most {limits.widest_edge_px:g} are"
        " allowed and markers need less than their cells; focus, or wait until the board rests,"
        " then record the step again",
    )


def _too_small(square_px: float, least_px: float, where: str) -> BoardNotFound:
    return BoardNotFound(
        "too-small",
        where,
        f"a square is {square_px:.1f} px wide, at least {least_px:.0f} are needed; bring the board"
        " nearer or take one of fewer squares",
    )


def _quiet_share(spec: BoardSpec) -> float:
    """How far from an edge's line a marker begins, in squares."""
    return (1.0 - spec.marker_share) / 2.0 if spec.kind == "charuco" else 0.5


def _too_few(count: int, spec: BoardSpec, limits: TargetLimits, where: str) -> BoardNotFound:
    return BoardNotFound(
        "too-few",
        where,
        f"{count} of the board's {spec.corners} corners could be measured, at least"
        f" {limits.least_corners} are needed; bring the whole board into the view and record the"
        " step again",
    )
