"""The four places of a 2 × 2 cell: where a colour lies in an upright frame.

Black level, gain and linearity are told per place, since two greens of a mosaic may be read out
by amplifiers of their own. A plain (mono) frame has the same four places without colours. An RGB
frame is told as if it were a mosaic RGGB: its planes R, G, G, B, each of full size.
"""

from __future__ import annotations

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import CHANNELS, FrameFormat

POSITIONS: Final = 4
_SPOTS: Final = ((0, 0), (0, 1), (1, 0), (1, 1))
_RGB_PLANES: Final = (0, 1, 1, 2)


def cells(upright: NDArray[Any]) -> tuple[NDArray[Any], ...]:
    """The four planes of an upright frame, views: (H/2, W/2) each, of RGB (H, W) each.

    Parameters
    ----------
    upright
        (H, W) with even sides, or (H, W, 3).
    """
    if upright.ndim == 3:
        return tuple(upright[..., plane] for plane in _RGB_PLANES)
    return tuple(upright[row::2, column::2] for row, column in _SPOTS)


def spots(picture: NDArray[Any]) -> tuple[tuple[int, int, int], ...]:
    """Row and column where each plane of `cells` begins, and its step, in pixels of the frame."""
    if picture.ndim == 3:
        return ((0, 0, 1),) * POSITIONS
    return tuple((row, column, 2) for row, column in _SPOTS)


def colours(form: FrameFormat, *, rgb: bool = False) -> tuple[int | None, ...]:
    """Channel (0 red, 1 green, 2 blue) of each place; None of a plain frame, which has all."""
    if rgb:
        return _RGB_PLANES
    if form.upright_cfa is None:
        return (None,) * POSITIONS
    return tuple(CHANNELS.index(letter) for letter in form.upright_cfa)


def by_channel(
    values: NDArray[np.float64], form: FrameFormat, *, rgb: bool = False
) -> NDArray[np.float64]:
    """Values (..., 4) by place → means (..., 3) by channel."""
    names = colours(form, rgb=rgb)
    picked = [
        [place for place, name in enumerate(names) if name is None or name == channel]
        for channel in range(len(CHANNELS))
    ]
    return np.stack([values[..., places].mean(axis=-1) for places in picked], axis=-1)


def spread(values: NDArray[np.float64], picture: NDArray[Any]) -> NDArray[np.float32]:
    """Four values (4,) by place → what is taken off or divided by, broadcast to a frame.

    (2, 2) tiled to (H, W), or (3,) for RGB, whose green is the mean of both.
    """
    if picture.ndim == 3:
        red, first, second, blue = values
        return np.array([red, (first + second) / 2, blue], dtype=np.float32)
    height, width = picture.shape
    cell = np.asarray(values, dtype=np.float32).reshape(2, 2)
    return np.tile(cell, (height // 2, width // 2))
