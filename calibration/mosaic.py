"""From a mosaic to colours: demosaicing, and repair of pixels that are not to be believed.

Malvar, He and Cutler, "High-quality linear interpolation for demosaicing of Bayer-patterned color
images", ICASSP 2004, figure 2: four linear filters of 5 × 5 pixels. Menon, Andriani and Calvagno,
"Demosaicing with directional filtering and a posteriori decision", IEEE Transactions on Image
Processing 16 (2007), from the package ``colour-demosaicing``. Values are float32 in DN above
black; nothing is clipped, so noise around black stays unbiased.
"""

from __future__ import annotations

import warnings
from typing import Any, Final, Literal

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import CHANNELS, Cfa
from calibration.bands import Bands
from calibration.kernel import compiled_fused

Demosaic = Literal["malvar", "menon"]

Mosaic = NDArray[np.float32]
Planes = NDArray[np.float32]
"""(3, H, W): red, green, blue."""

SUPPORT_PX: Final[dict[Demosaic, int]] = {"malvar": 2, "menon": 8}
"""How far (rows or columns) from a pixel the samples lie that its colour is made of."""

_MENON_PAD_PX: Final = 8
_ONE_THREAD: Final = Bands(1)


def channel_index(cfa: Cfa) -> NDArray[np.int64]:
    """(2, 2): which of R, G, B (0, 1, 2) each position of the upper left cell sees."""
    return np.array([CHANNELS.index(colour) for colour in cfa], dtype=np.int64).reshape(2, 2)


def demosaic(mosaic: Mosaic, cfa: Cfa, method: Demosaic = "malvar") -> NDArray[np.float32]:
    """Colours of a mosaic.

    Parameters
    ----------
    mosaic
        (H, W) float32, at least 4 × 4 (Menon: 18 × 18), of either sign.
    cfa
        Colours of its upper left cell.
    method
        ``malvar``: linear, quick; ``menon``: follows edges, about fifty times slower.

    Returns
    -------
    array
        (H, W, 3) float32 RGB. Beyond the borders the mosaic is taken as mirrored in its last row
        or column (reflect-101), which keeps the phase of the colours.
    """
    merged = cv2.merge(list(demosaic_planes(mosaic, cfa, method)))
    return np.asarray(merged, dtype=np.float32)


def demosaic_planes(
    mosaic: Mosaic,
    cfa: Cfa,
    method: Demosaic = "malvar",
    bands: Bands = _ONE_THREAD,
    out: Planes | None = None,
) -> Planes:
    """As `demosaic`, with the colours as planes (3, H, W); `out`: where Malvar may put them."""
    if mosaic.ndim != 2 or mosaic.dtype != np.float32:
        raise ValueError(f"a mosaic (H, W) float32 is needed, got {mosaic.shape} {mosaic.dtype}")
    pad = SUPPORT_PX["malvar"] if method == "malvar" else _MENON_PAD_PX
    if min(mosaic.shape) < 2 * (pad // 2) + 2:
        raise ValueError(f"a mosaic of {mosaic.shape} is too small for {method}")
    bordered = cv2.copyMakeBorder(mosaic, pad, pad, pad, pad, cv2.BORDER_REFLECT_101)
    padded = np.asarray(bordered, dtype=np.float32)
    if method == "menon":
        return np.ascontiguousarray(_menon(padded, cfa)[:, pad:-pad, pad:-pad])
    planes = np.empty((3, *mosaic.shape), dtype=np.float32) if out is None else out
    if planes.shape != (3, *mosaic.shape) or planes.dtype != np.float32:
        raise ValueError(f"out: float32 planes {(3, *mosaic.shape)} are needed")
    red_row, red_column = divmod(cfa.index("R"), 2)

    def rows(first: int, last: int) -> None:
        _malvar_rows(padded, red_row, red_column, planes, first, last)

    bands.run(rows, mosaic.shape[0])
    return planes


def repair(mosaic: Mosaic, defects: NDArray[np.bool_], step: int = 2) -> Mosaic:
    """A mosaic whose defects are replaced; see `DefectRepair`. The input stays as it is."""
    repaired = mosaic.copy()
    DefectRepair(defects, step).apply(repaired)
    return repaired


class DefectRepair:
    """Replaces pixels by their neighbours of the same colour.

    Of the four pairs of opposite neighbours (across, along, both diagonals) that which differs
    least is averaged, so that an edge is followed; where no pair is whole, the nearest good
    neighbours.

    Parameters
    ----------
    defects
        (H, W) bool.
    step
        Pixels between neighbours of one colour: 2 in a mosaic, 1 in a plain picture.
    """

    def __init__(self, defects: NDArray[np.bool_], step: int = 2) -> None:
        self.count = int(defects.sum())
        """Pixels that are replaced."""
        self._shape = defects.shape
        places = [_neighbours(defects, int(y), int(x), step) for y, x in np.argwhere(defects)]
        self._targets = np.flatnonzero(defects).astype(np.int64)
        self._pairs = np.array(places, dtype=np.int64).reshape(-1, 4, 2)

    def apply(self, mosaic: NDArray[Any]) -> None:
        """Replace in place; (H, W) or (H, W, C) float32."""
        if mosaic.shape[:2] != self._shape:
            raise ValueError(f"a frame of {mosaic.shape} and a map of defects of {self._shape}")
        if not self.count:
            return
        flat = mosaic.reshape(self._shape[0] * self._shape[1], -1)
        ends = flat[self._pairs]
        chosen = np.argmin(np.abs(ends[:, :, 0] - ends[:, :, 1]).sum(axis=-1), axis=1)
        flat[self._targets] = ends[np.arange(self.count), chosen].mean(axis=1)


_DIRECTIONS: Final = ((0, 1), (1, 0), (1, 1), (1, -1))
_FARTHEST_STEPS: Final = 8


def _neighbours(defects: NDArray[np.bool_], y: int, x: int, step: int) -> list[tuple[int, int]]:
    """Four pairs of flat places to choose from; a pair that is not whole gives way to another."""
    height, width = defects.shape

    def place(row: int, column: int) -> int | None:
        good = 0 <= row < height and 0 <= column < width and not defects[row, column]
        return row * width + column if good else None

    singles: list[int] = []
    for reach in range(step, (_FARTHEST_STEPS + 1) * step, step):
        pairs = []
        for down, across in _DIRECTIONS:
            first = place(y - reach * down, x - reach * across)
            second = place(y + reach * down, x + reach * across)
            if first is not None and second is not None:
                pairs.append((first, second))
            singles += [end for end in (first, second) if end is not None]
        if pairs:
            return pairs + [pairs[0]] * (4 - len(pairs))
        if singles:
            return [(singles[0], singles[-1])] * 4
    return [(y * width + x, y * width + x)] * 4  # nothing good near: left as it is


def _menon(padded: Mosaic, cfa: Cfa) -> Planes:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # its import and SciPy disagree about names
        from colour_demosaicing import demosaicing_CFA_Bayer_Menon2007

        colours = demosaicing_CFA_Bayer_Menon2007(padded, cfa)
    return np.moveaxis(np.asarray(colours, dtype=np.float32), 2, 0)


@compiled_fused
def _malvar_rows(
    padded: Mosaic, red_row: int, red_column: int, planes: Planes, first: int, last: int
) -> None:
    """Rows of the planes from a mosaic with two more pixels at each border."""
    width = padded.shape[1] - 4
    eighth = np.float32(0.125)
    half, three_halves = np.float32(0.5), np.float32(1.5)
    two, four, five, six = np.float32(2), np.float32(4), np.float32(5), np.float32(6)
    for y in range(first, last):
        red = (y & 1) == red_row
        # Of the colours that meet in this row: one is sampled here, the other in the next row.
        here = planes[0 if red else 2, y]
        there = planes[2 if red else 0, y]
        green = planes[1, y]
        phase = red_column if red else 1 - red_column
        up2, up1, row = padded[y], padded[y + 1], padded[y + 2]
        down1, down2 = padded[y + 3], padded[y + 4]
        for x in range(width):
            c = row[x + 2]
            n1, h1 = up1[x + 2] + down1[x + 2], row[x + 1] + row[x + 3]
            n2, h2 = up2[x + 2] + down2[x + 2], row[x] + row[x + 4]
            d = (up1[x + 1] + up1[x + 3]) + (down1[x + 1] + down1[x + 3])
            if (x & 1) == phase:
                here[x] = c
                green[x] = eighth * (four * c + two * (n1 + h1) - (n2 + h2))
                there[x] = eighth * (six * c + two * d - three_halves * (n2 + h2))
            else:
                here[x] = eighth * (five * c + four * h1 - h2 - d + half * n2)
                green[x] = c
                there[x] = eighth * (five * c + four * n1 - n2 - d + half * h2)
