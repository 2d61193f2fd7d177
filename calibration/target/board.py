"""The calibration target: a ChArUco board or a plain chessboard, as it was printed."""

from __future__ import annotations

from functools import lru_cache
from typing import Annotated, Literal

import cv2
import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from bsd.document import Part

Side = Annotated[int, Field(ge=3, le=64)]


class BoardSpec(Part):
    """What was printed. Inner corners are numbered row by row from the board's upper left.

    Attributes
    ----------
    kind
        ChArUco tells its own orientation and hand; a plain chessboard needs the picture around it.
    columns, rows
        Squares, not inner corners.
    square_mm
        Side of a square, measured on the print.
    marker_share
        Side of a marker over that of a square.
    dictionary
        OpenCV's name of the markers' dictionary.
    legacy_pattern
        Drawn by OpenCV before 4.6, with a light square at the upper left where `rows` is even.
    """

    kind: Literal["charuco", "chessboard"] = "charuco"
    columns: Side = 9
    rows: Side = 7
    square_mm: Annotated[float, Field(gt=0)] = 60.0
    marker_share: Annotated[float, Field(gt=0.2, lt=1)] = 0.75
    dictionary: str = "DICT_5X5_100"
    legacy_pattern: bool = False

    @model_validator(mode="after")
    def _can_be_drawn(self) -> BoardSpec:
        if self.kind == "charuco":
            if not hasattr(cv2.aruco, self.dictionary):
                raise ValueError(f"OpenCV has no dictionary '{self.dictionary}'")
            held, needed = len(dictionary(self.dictionary).bytesList), self.markers
            if held < needed:
                raise ValueError(
                    f"{self.columns} × {self.rows} squares need {needed} markers,"
                    f" {self.dictionary} has {held}"
                )
        return self

    @property
    def inner(self) -> tuple[int, int]:
        """Inner corners across and down."""
        return self.columns - 1, self.rows - 1

    @property
    def corners(self) -> int:
        """How many inner corners there are."""
        return self.inner[0] * self.inner[1]

    @property
    def markers(self) -> int:
        """How many markers a ChArUco board carries: one in every light square."""
        return self.columns * self.rows // 2

    @property
    def cells(self) -> int:
        """Cells along a marker's side, its dark border included."""
        return int(dictionary(self.dictionary).markerSize) + 2

    @property
    def words(self) -> str:
        """The board in a few words, for messages."""
        squares = f"{self.columns} × {self.rows} squares"
        if self.kind == "chessboard":
            return f"chessboard of {squares} ({self.inner[0]} × {self.inner[1]} inner corners)"
        return f"ChArUco board of {squares}, {self.dictionary}"

    def points(self, ids: NDArray[np.int64] | None = None) -> NDArray[np.float64]:
        """Inner corners on the board in squares from its upper left, (n, 2) float64 (x, y)."""
        chosen = np.arange(self.corners) if ids is None else ids
        across = self.inner[0]
        return np.stack([chosen % across + 1, chosen // across + 1], axis=1).astype(np.float64)


def dictionary(name: str) -> cv2.aruco.Dictionary:
    """One of OpenCV's dictionaries by its name; `AttributeError` where there is none."""
    return cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, name))


@lru_cache(maxsize=8)
def drawing(spec: BoardSpec) -> cv2.aruco.CharucoBoard:
    """OpenCV's own description of a ChArUco board, one unit to a square."""
    board = cv2.aruco.CharucoBoard(
        (spec.columns, spec.rows), 1.0, spec.marker_share, dictionary(spec.dictionary)
    )
    board.setLegacyPattern(spec.legacy_pattern)
    return board
