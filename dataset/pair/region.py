"""Where both cameras see: the crop of C1 that pairs are made of."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, NamedTuple, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.errors import UserMistake
from calibration.pair_model import PairModel

Mask = NDArray[np.bool_]
Scalar = TypeVar("Scalar", bound=np.generic)

RAW_MARGIN_PX: Final = 8
"""Pixels of C2 around the footprint of a crop that belong to a RAW pair."""

_STEP: Final = 2  # of a mosaic


class Crop(NamedTuple):
    """A part of an upright view: first column and row, width and height; all even."""

    x: int
    y: int
    width: int
    height: int

    @property
    def rows(self) -> slice:
        """For an array."""
        return slice(self.y, self.y + self.height)

    @property
    def columns(self) -> slice:
        """For an array."""
        return slice(self.x, self.x + self.width)

    def of(self, frame: NDArray[Scalar]) -> NDArray[Scalar]:
        """Cut out of (H, W) or (H, W, C): a view."""
        return frame[self.rows, self.columns]


def covered(model: PairModel, shape_2: tuple[int, int], margin_px: int) -> Mask:
    """(H1, W1): C2 sees this pixel of C1, at least `margin_px` from its borders, in all colours."""
    seen = np.ones(model.shape_1, dtype=np.bool_)
    most = np.array([shape_2[1] - 1 - margin_px, shape_2[0] - 1 - margin_px], dtype=np.float32)
    done: list[object] = []
    for map_xy in model.map_xy.values():
        if not any(map_xy is each for each in done):
            done.append(map_xy)
            seen &= ((map_xy >= margin_px) & (map_xy <= most)).all(axis=-1)
    return seen


def find_crop(
    models: Iterable[PairModel],
    shape_2: tuple[int, int],
    footprint_px: tuple[int, int],
    margin_px: int,
) -> Crop:
    """The crop that lies nearest to the middle of what both cameras see.

    Parameters
    ----------
    models
        Of all moments that the crop shall serve.
    shape_2
        Height and width of C2's upright view.
    footprint_px
        Width and height in C1's pixels, even.
    margin_px
        What resampling and demosaicing need of C2 around it, and of C1 to be like all other pixels.

    Raises
    ------
    UserMistake
        No such crop: names the largest that there is.
    """
    seen = np.logical_and.reduce([covered(model, shape_2, margin_px) for model in models])
    width, height = footprint_px
    places = _places(seen, width, height)
    if not len(places):
        most = _largest(seen, width, height)
        raise UserMistake(
            f"both cameras see no common area of {width} × {height} px: at most"
            f" {most[0]} × {most[1]} of this shape; choose a smaller size, or align the views"
        )
    y, x = np.nonzero(seen)
    middle = np.array([(y.min() + y.max() + 1 - height) / 2, (x.min() + x.max() + 1 - width) / 2])
    top, left = places[int(np.argmin(((places - middle) ** 2).sum(axis=1)))]
    return Crop(int(left), int(top), width, height)


def footprint(map_xy: Iterable[NDArray[np.float32]], shape_2: tuple[int, int], margin: int) -> Crop:
    """The part of C2 that maps (h, w, 2) lie in, with a margin, at even places within the view."""
    ends = []
    held = list(map_xy)
    for axis, length in ((0, shape_2[1]), (1, shape_2[0])):
        low = min(float(each[..., axis].min()) for each in held)
        high = max(float(each[..., axis].max()) for each in held)
        begin = max(0, int(np.floor(low)) - margin) // _STEP * _STEP
        end = min(length, -(-(int(np.ceil(high)) + 1 + margin) // _STEP) * _STEP)
        ends.append((begin, end - begin))
    (x, width), (y, height) = ends
    return Crop(x, y, width, height)


def around(crop: Crop, shape: tuple[int, int], margin: int) -> Crop:
    """A crop and an even margin, as far as a view of (height, width) goes."""
    x, y = max(0, crop.x - margin), max(0, crop.y - margin)
    right = min(shape[1], crop.x + crop.width + margin)
    bottom = min(shape[0], crop.y + crop.height + margin)
    return Crop(x, y, right - x, bottom - y)


def _places(seen: Mask, width: int, height: int) -> NDArray[np.int64]:
    """(n, 2) even (y, x) at which a crop is covered."""
    if height > seen.shape[0] or width > seen.shape[1]:
        return np.empty((0, 2), dtype=np.int64)
    sums = cv2.integral(seen.astype(np.uint8))
    bottom, top = sums[height:], sums[: sums.shape[0] - height]
    inner = bottom[:, width:] - bottom[:, :-width] - top[:, width:] + top[:, :-width]
    return np.argwhere(inner[::_STEP, ::_STEP] == width * height) * _STEP


def _largest(seen: Mask, width: int, height: int) -> tuple[int, int]:
    """Largest crop of this shape, width and height even; by halving."""
    low, high = 0.0, 1.0
    best = (0, 0)
    for _ in range(12):
        share = (low + high) / 2
        size = (int(width * share) // _STEP * _STEP, int(height * share) // _STEP * _STEP)
        if min(size) >= _STEP and len(_places(seen, *size)):
            low, best = share, size
        else:
            high = share
    return best
