"""Drawn targets: chessboard, ChArUco board, colour chart, dots, LED bar.

Each function gives linear reflectance (H, W, 3) float32 and the picture's size in millimetres. A
texel is `texel_mm` or a little finer; all edges lie between texels, so that the interpolated edge
stands exactly where the target's drawing says.
"""

from __future__ import annotations

import math

import cv2
import numpy as np
from numpy.typing import NDArray

from bsd.errors import UserMistake
from hardware.twin.pictures_config import Chart, Charuco, Chessboard, Dots, LedBar

Reflectance = NDArray[np.float32]
_LARGEST_SIDE = 8192
_SUPERSAMPLES = 16

CHART_COLUMNS, CHART_ROWS = 6, 4
CHART_REFLECTANCE: tuple[tuple[float, float, float], ...] = (
    (0.18, 0.08, 0.05), (0.55, 0.30, 0.22), (0.12, 0.20, 0.35), (0.10, 0.15, 0.05),
    (0.24, 0.22, 0.44), (0.13, 0.52, 0.41), (0.68, 0.20, 0.02), (0.08, 0.11, 0.39),
    (0.55, 0.09, 0.12), (0.11, 0.04, 0.14), (0.34, 0.50, 0.04), (0.75, 0.36, 0.03),
    (0.03, 0.05, 0.30), (0.06, 0.30, 0.06), (0.43, 0.03, 0.04), (0.80, 0.57, 0.01),
    (0.50, 0.09, 0.30), (0.02, 0.23, 0.37), (0.90, 0.90, 0.90), (0.59, 0.59, 0.59),
    (0.36, 0.36, 0.36), (0.19, 0.19, 0.19), (0.09, 0.09, 0.09), (0.03, 0.03, 0.03),
)  # fmt: skip
"""Linear RGB reflectance of the chart's patches, row by row from the upper left; six are grey."""

CHART_GROUND = 0.05
LED_COLUMNS, LED_ROWS = 10, 13
"""Cells of the bar's board: a margin, 8 × 8 LEDs, a gap, the counter, the reference LEDs."""


def chessboard(board: Chessboard, texel_mm: float) -> tuple[Reflectance, tuple[float, float]]:
    """Squares and a light margin one square wide; the board's centre is the picture's centre."""
    side = _texels(board.square_mm, texel_mm, max(board.columns, board.rows) + 2)
    cells = np.full((board.rows + 2, board.columns + 2), board.light, dtype=np.float32)
    y, x = np.mgrid[0 : board.rows, 0 : board.columns]
    cells[1:-1, 1:-1] = np.where((x + y) % 2 == 0, board.dark, board.light)
    return _grey(np.kron(cells, np.ones((side, side), np.float32))), (
        (board.columns + 2) * board.square_mm,
        (board.rows + 2) * board.square_mm,
    )


def charuco(board: Charuco, texel_mm: float) -> tuple[Reflectance, tuple[float, float]]:
    """OpenCV's board with a light margin one square wide.

    Raises
    ------
    UserMistake
        OpenCV has no such dictionary.
    """
    if not hasattr(cv2.aruco, board.dictionary):
        raise UserMistake(f"charuco: OpenCV has no dictionary '{board.dictionary}'")
    dictionary = cv2.aruco.getPredefinedDictionary(getattr(cv2.aruco, board.dictionary))
    side = _texels(board.square_mm, texel_mm, max(board.columns, board.rows) + 2)
    drawing = cv2.aruco.CharucoBoard(
        (board.columns, board.rows),
        board.square_mm,
        board.square_mm * board.marker_share,
        dictionary,
    )
    size = (board.columns * side, board.rows * side)
    image = drawing.generateImage(size, marginSize=0, borderBits=1)
    inside = np.where(image > 127, board.light, board.dark).astype(np.float32)
    framed = np.pad(inside, side, constant_values=board.light)
    return _grey(framed), (
        (board.columns + 2) * board.square_mm,
        (board.rows + 2) * board.square_mm,
    )


def chart(board: Chart, texel_mm: float) -> tuple[Reflectance, tuple[float, float]]:
    """Twenty-four patches on a dark ground, with gaps of `gap_share` of a patch's pitch."""
    side = _texels(board.patch_mm, texel_mm, CHART_COLUMNS)
    gap = max(1, round(side * board.gap_share / 2.0))
    image = np.full((CHART_ROWS * side, CHART_COLUMNS * side, 3), CHART_GROUND, dtype=np.float32)
    for index, colour in enumerate(CHART_REFLECTANCE):
        top, left = (index // CHART_COLUMNS) * side, (index % CHART_COLUMNS) * side
        image[top + gap : top + side - gap, left + gap : left + side - gap] = colour
    return image, (CHART_COLUMNS * board.patch_mm, CHART_ROWS * board.patch_mm)


def dots(board: Dots, texel_mm: float) -> tuple[Reflectance, tuple[float, float]]:
    """A grid of discs, each in the middle of its cell."""
    cell = _disc(board.pitch_mm, board.diameter_mm, texel_mm, max(board.columns, board.rows))
    shape = np.tile(cell, (board.rows, board.columns))
    return _grey(board.dark + (board.light - board.dark) * shape), (
        board.columns * board.pitch_mm,
        board.rows * board.pitch_mm,
    )


def led_masks(
    bar: LedBar, texel_mm: float
) -> tuple[Reflectance, NDArray[np.int64], tuple[float, float]]:
    """One LED's disc (n, n), the upper left texel (75, 2: row, column) of each, the board's size.

    LEDs 0 to 63 are the matrix row by row from the upper left, 64 to 71 the counter, bit 0 left,
    72 to 74 the reference LEDs below it.
    """
    cell = _disc(bar.pitch_mm, bar.diameter_mm, texel_mm, LED_ROWS)
    corners = np.asarray(led_cells(), dtype=np.int64) * cell.shape[0]
    return cell, corners, (LED_COLUMNS * bar.pitch_mm, LED_ROWS * bar.pitch_mm)


def led_cells() -> list[tuple[int, int]]:
    """Row and column of each LED's cell on the board, in the order of the pattern."""
    matrix = [(1 + n // 8, 1 + n % 8) for n in range(64)]
    return matrix + [(10, 1 + n) for n in range(8)] + [(11, 1 + n) for n in range(3)]


def _disc(pitch_mm: float, diameter_mm: float, texel_mm: float, cells: int) -> Reflectance:
    """Coverage of a disc in a square cell, from 16 × 16 samples a texel."""
    side = _texels(pitch_mm, texel_mm, cells)
    fine = (np.arange(side * _SUPERSAMPLES) + 0.5) / (side * _SUPERSAMPLES) - 0.5
    inside = np.hypot(fine[:, None], fine[None]) * pitch_mm <= diameter_mm / 2.0
    blocks = inside.reshape(side, _SUPERSAMPLES, side, _SUPERSAMPLES)
    return np.asarray(blocks.mean(axis=(1, 3)), dtype=np.float32)


def _texels(length_mm: float, texel_mm: float, cells: int) -> int:
    side = max(4, math.ceil(length_mm / texel_mm))
    return max(4, min(side, _LARGEST_SIDE // cells))


def _grey(image: NDArray[np.float32]) -> Reflectance:
    return np.repeat(image[..., None], 3, axis=2).astype(np.float32)
