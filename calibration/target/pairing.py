"""One pose of a board in both views: the same corners, told apart from their mirror images."""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np

from acquisition.picture.view import Flip
from calibration.geometry.correspondences import Channel as Colour
from calibration.geometry.correspondences import PosePoints
from calibration.target.board import BoardSpec
from calibration.target.chessboard import matched, turn_rad
from calibration.target.detection import BoardView, TargetLimits, find_corners
from calibration.target.picture import BoardPicture, plain_picture
from calibration.target.refusal import BoardNotFound
from calibration.target.search import Values

_COLOURS: tuple[Colour, ...] = ("R", "G", "B")
_AXES: tuple[Flip, ...] = ("horizontal", "vertical")


class BoardPair(NamedTuple):
    """A pose: both views, and the corners that both hold."""

    blurry: BoardView
    sharp: BoardView
    points: PosePoints


def find_pair(
    blurry: BoardPicture,
    sharp: BoardPicture,
    spec: BoardSpec,
    *,
    name: str,
    distance_mm: float,
    limits: TargetLimits | None = None,
    flips: tuple[Flip, Flip] = ("none", "none"),
    trust_flips: bool = False,
) -> BoardPair:
    """Find a board in both views of one pose.

    Parameters
    ----------
    blurry, sharp
        Upright pictures of C1 and C2.
    name
        Of the pose or its clip, for messages.
    distance_mm
        From the rig to the board.
    flips
        What `rig.yaml` says of either view, for messages.
    trust_flips
        For a plain chessboard, see `calibration.target.chessboard.matched`.

    Raises
    ------
    BoardNotFound
        As `find_corners`; also where the views are mirrored or turned over against each other, or
        where a plain chessboard does not tell.
    """
    limits = limits or TargetLimits()
    wheres = f"{name}, C1 (blurry)", f"{name}, C2 (sharp)"
    views: list[BoardView] = []
    missing: list[BoardNotFound] = []
    for picture, where in zip((blurry, sharp), wheres, strict=True):
        try:
            views.append(find_corners(picture, spec, limits, where))
        except BoardNotFound as error:
            if error.reason != "mirrored":
                raise
            missing.append(error)
            flipped = plain_picture(np.ascontiguousarray(picture.luminance[:, ::-1]))
            views.append(find_corners(flipped, spec, limits, where))
    if missing:
        raise _named_flip(missing, views, wheres, flips)
    first, second = views
    if spec.kind == "chessboard":
        second = matched(first, second, (blurry, sharp), spec, name, trust_flips=trust_flips)
    points = pair_views(first, second, name, distance_mm, limits)
    _refuse_turned(points, name, flips)
    return BoardPair(first, second, points)


def pair_views(
    blurry: BoardView,
    sharp: BoardView,
    name: str,
    distance_mm: float,
    limits: TargetLimits | None = None,
) -> PosePoints:
    """The corners that both views hold.

    Raises
    ------
    BoardNotFound
        Too few of them.
    """
    least = (limits or TargetLimits()).least_corners
    ids, at_1, at_2 = np.intersect1d(blurry.ids, sharp.ids, return_indices=True)
    if len(ids) < least:
        raise BoardNotFound(
            "too-few",
            name,
            f"the views have {len(ids)} corners of the board in common, at least {least} are"
            " needed; bring the whole board into both views and record the step again",
        )
    channels: dict[Colour, tuple[Values, Values]] = {
        colour: (blurry.channels[colour][at_1], sharp.channels[colour][at_2])
        for colour in _COLOURS
        if colour in blurry.channels and colour in sharp.channels
    }
    return PosePoints(
        name,
        distance_mm,
        ids.astype(np.int64),
        blurry.corners[at_1],
        sharp.corners[at_2],
        channels=channels,
    )


def _refuse_turned(points: PosePoints, name: str, flips: tuple[Flip, Flip]) -> None:
    if abs(turn_rad(points.c2, points.c1)) < math.pi / 2:
        return
    said = f"'{flips[0]}' for C1 and '{flips[1]}' for C2"
    raise BoardNotFound(
        "mirrored",
        name,
        "C2's view stands upside down against C1's; rig.yaml's 'flip' names the wrong axis in one"
        f" of them (it says {said}), or a camera is mounted upside down",
    )


def _named_flip(
    missing: list[BoardNotFound],
    views: list[BoardView],
    wheres: tuple[str, str],
    flips: tuple[Flip, Flip],
) -> BoardNotFound:
    """The refusal with the value that `flip` should have, where one view tells it of the other."""
    first = missing[0]
    if len(missing) == 2:
        return BoardNotFound(
            "mirrored",
            first.where.partition(",")[0],
            "the board is found in a mirror only, in both views; the field 'flip' of both cameras"
            f" in rig.yaml is wrong: it says '{flips[0]}' for C1 and '{flips[1]}' for C2",
        )
    which = wheres.index(first.where)
    text = f"{first.text}: it says '{flips[which]}'"
    common, at_1, at_2 = np.intersect1d(views[0].ids, views[1].ids, return_indices=True)
    if len(common) >= 4:
        turn = turn_rad(views[1].corners[at_2], views[0].corners[at_1])
        axis = _AXES[int(abs(turn) >= math.pi / 2)]
        if flips[which] in ("none", axis):
            text += f", should be '{axis if flips[which] == 'none' else 'none'}'"
    return BoardNotFound("mirrored", first.where, text)
