"""A raw frame as blocks of 16 × 16 pixels: means by colour, what is clipped, the green planes.

The common ground of the measures: everything is linear, the black level is taken off, the view is
upright, and no colour is interpolated.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import Any, Final

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import CHANNELS, Frame, FrameFormat, planes, unflip
from bsd.errors import UserMistake

BLOCK_PX: Final = 16
_SIDE: Final = BLOCK_PX // 2  # samples of one plane along a block

Map = NDArray[np.float32]

CELLS: Final = (6, 8)
"""Most rows and columns of a grid over the view."""


@dataclass(frozen=True)
class Blocks:
    """One upright frame. Rows and columns at the end that fill no block are left out.

    Attributes
    ----------
    means
        Channel ("R", "G", "B"; of a plain picture "Y") → (rows, columns) mean DN less black.
    clipped
        Channel → (rows, columns) share of clipped samples.
    greens
        Two planes (8 · rows, 8 · columns) in DN less black, pixels a diagonal apart; of a plain
        picture two of its four.
    full_scale
        White less black in DN.
    size_px
        Width and height of the whole frame, even; blocks begin at its upper left corner.
    """

    means: dict[str, Map]
    clipped: dict[str, Map]
    greens: tuple[Map, Map]
    full_scale: float
    size_px: tuple[int, int]

    @property
    def shape(self) -> tuple[int, int]:
        """Rows and columns of blocks."""
        rows, columns = next(iter(self.means.values())).shape
        return int(rows), int(columns)

    @property
    def luminance(self) -> Map:
        """The channel that the others are measured against: "G", or "Y"."""
        return self.means.get("G", next(iter(self.means.values())))

    @cached_property
    def any_clipped(self) -> NDArray[np.bool_]:
        """(rows, columns): whether any sample of a block is clipped."""
        return np.asarray(np.max(list(self.clipped.values()), axis=0) > 0)

    @cached_property
    def green(self) -> Map:
        """Mean of both greens: bins of 2 × 2 pixels, centred in them whatever the mosaic."""
        return np.asarray(cv2.addWeighted(self.greens[0], 0.5, self.greens[1], 0.5, 0))

    def part(self, rows: int, columns: int) -> Blocks:
        """The upper left part, for a comparison with a frame of another size."""
        if (rows, columns) == self.shape:
            return self
        height, width = rows * _SIDE, columns * _SIDE
        return Blocks(
            {name: each[:rows, :columns] for name, each in self.means.items()},
            {name: each[:rows, :columns] for name, each in self.clipped.items()},
            (self.greens[0][:height, :width], self.greens[1][:height, :width]),
            self.full_scale,
            self.size_px,
        )


def blocks(frame: Frame, form: FrameFormat) -> Blocks:
    """Cut a frame (H, W) or (H, W, 3), as delivered, into blocks.

    Raises
    ------
    UserMistake
        It is smaller than a block.
    """
    rows, columns = frame.shape[0] // BLOCK_PX, frame.shape[1] // BLOCK_PX
    if not rows or not columns:
        raise UserMistake(
            f"a frame of {frame.shape[1]} × {frame.shape[0]} pixels is too small to be measured;"
            f" choose a region of at least {BLOCK_PX} × {BLOCK_PX}"
        )
    upright = unflip(frame, form)
    size_px = (upright.shape[1], upright.shape[0])
    upright = upright[: rows * BLOCK_PX, : columns * BLOCK_PX]
    shape = (rows, columns)
    if upright.ndim == 3:
        return _of_colour(upright, form, shape, size_px)
    four = planes(upright, FrameFormat(form.upright_cfa, form.bits))
    packed = [np.ascontiguousarray(each) for each in (four.red, *four.greens, four.blue)]
    linear = [_linear(each, form) for each in packed]
    clipped = [_clipped(each, form, shape) for each in packed]
    means = [block_means(each, shape) for each in linear]
    greens = (linear[1], linear[2])
    full_scale = form.white_dn - form.black_dn
    if form.cfa is None:
        return Blocks({"Y": _mean(means)}, {"Y": _mean(clipped)}, greens, full_scale, size_px)
    return Blocks(
        {"R": means[0], "G": _mean(means[1:3]), "B": means[3]},
        {"R": clipped[0], "G": _mean(clipped[1:3]), "B": clipped[3]},
        greens,
        full_scale,
        size_px,
    )


def block_means(plane: Map, shape: tuple[int, int]) -> Map:
    """Means over blocks that divide a plane evenly."""
    return np.asarray(cv2.resize(plane, shape[::-1], interpolation=cv2.INTER_AREA))


def parts(shape: tuple[int, ...]) -> list[tuple[slice, slice]]:
    """Cut (rows, columns) of blocks into at most `CELLS` parts, row by row."""
    rows, columns = (
        [slice(*ends) for ends in itertools.pairwise(each)] for each in _cuts(shape[0], shape[1])
    )
    return list(itertools.product(rows, columns))


def part_sums(values: NDArray[Any]) -> NDArray[np.float64]:
    """Sums over the `parts` of a map (rows, columns), as a grid."""
    rows, columns = _cuts(values.shape[0], values.shape[1])
    bands = np.add.reduceat(values, rows[:-1], axis=0, dtype=np.float64)
    return np.asarray(np.add.reduceat(bands, columns[:-1], axis=1))


@lru_cache(maxsize=16)
def _cuts(rows: int, columns: int) -> tuple[list[int], list[int]]:
    first, second = (
        np.linspace(0, length, min(length, most) + 1).round().astype(int).tolist()
        for length, most in zip((rows, columns), CELLS, strict=True)
    )
    return first, second


def _of_colour(
    upright: Frame, form: FrameFormat, shape: tuple[int, int], size_px: tuple[int, int]
) -> Blocks:
    """A frame that the camera has interpolated itself."""
    packed = [np.ascontiguousarray(upright[..., index]) for index in range(3)]
    linear = [_linear(each, form) for each in packed]
    clipped = [_clipped(each, form, shape) for each in packed]
    green = linear[1]
    return Blocks(
        {name: block_means(each, shape) for name, each in zip(CHANNELS, linear, strict=True)},
        dict(zip(CHANNELS, clipped, strict=True)),
        (np.ascontiguousarray(green[0::2, 1::2]), np.ascontiguousarray(green[1::2, 0::2])),
        form.white_dn - form.black_dn,
        size_px,
    )


def _linear(plane: NDArray[Any], form: FrameFormat) -> Map:
    linear = plane.astype(np.float32)
    linear -= np.float32(form.black_dn)
    return linear


def _clipped(plane: NDArray[Any], form: FrameFormat, shape: tuple[int, int]) -> Map:
    if int(plane.max()) < form.clip_dn:  # the rule
        return np.zeros(shape, dtype=np.float32)
    return block_means((plane >= form.clip_dn).astype(np.float32), shape)


def _mean(maps: list[Map]) -> Map:
    return np.asarray(np.mean(maps, axis=0, dtype=np.float32))
