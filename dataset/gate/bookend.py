"""A bookend: the mean of its pairs, and whether it stood still."""

from __future__ import annotations

from typing import Literal

import numpy as np
from numpy.typing import NDArray

from dataset.gate.alignment import ShiftGrid, shift_grid
from dataset.gate.focus import edge_width, relative_defocus
from dataset.gate.pair import AlignedPair, PairPlanes
from dataset.gate.ratio import block_ratio
from dataset.gate.static import way_px

SideName = Literal["first", "last"]
_LEAST_FRAMES = 2


class Bookend:
    """Collects one side of a clip; holds sums, no frames.

    Attributes
    ----------
    name
        Which side.
    frames
        Numbers of its pairs.
    way_px
        The longest way from frame to frame of what moved most.
    ratios
        Of `dataset.gate.ratio.block_ratio`, one a pair.
    """

    def __init__(self, name: SideName) -> None:
        self.name = name
        self.frames: list[int] = []
        self.way_px = 0.0
        self.ratios: list[NDArray[np.float32]] = []
        self._sums: list[NDArray[np.float32]] = []
        self._clear: NDArray[np.bool_] | None = None
        self._before: PairPlanes | None = None

    def add(self, number: int, pair: AlignedPair, planes: PairPlanes) -> None:
        """The next pair of this side."""
        parts = (planes.blurry, planes.sharp, pair.blurry[..., 1], pair.sharp[..., 1])
        if self._before is None or self._clear is None:
            self._sums = [np.array(each, dtype=np.float32) for each in parts]
            self._clear = planes.clear
        else:
            for total, each in zip(self._sums, parts, strict=True):
                total += each
            self._clear = self._clear & planes.clear
            way = way_px(self._before.sharp, planes.sharp, self._clear)
            self.way_px = max(self.way_px, way)
        self._before = planes
        lit = ~(pair.blurry_saturated | pair.sharp_saturated)
        self.ratios.append(block_ratio(pair.blurry, pair.sharp, lit))
        self.frames.append(number)

    def is_still(self, limit_px: float) -> bool:
        """Whether it can be measured on: two frames at least, between which nothing moved."""
        return len(self.frames) >= _LEAST_FRAMES and self.way_px <= limit_px

    def shifts(self) -> ShiftGrid:
        """Of C1 against C2."""
        blurry, sharp, _, _ = self._means()
        return shift_grid(blurry, sharp, self._known())

    def defocus_px(self) -> float | None:
        """By how much C1 is softer than C2; see `dataset.gate.focus.relative_defocus`."""
        blurry, sharp, _, _ = self._means()
        return relative_defocus(blurry, sharp, self._known())

    def edges_px(self) -> tuple[float | None, float | None]:
        """Width of the edges of C1 and of C2."""
        _, _, blurry, sharp = self._means()
        return edge_width(blurry), edge_width(sharp)

    def _means(self) -> list[NDArray[np.float32]]:
        return [total / np.float32(len(self.frames)) for total in self._sums]

    def _known(self) -> NDArray[np.bool_]:
        if self._clear is None:
            raise ValueError(f"the {self.name} bookend has no frame")
        return self._clear
