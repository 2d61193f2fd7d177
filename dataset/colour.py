"""Colour: 8-bit YCbCr 4:2:0, as cameras record it, to RGB, rounded to the nearest code.

ITU-T H.273: with Kr, Kb of the matrix and Kg = 1 - Kr - Kb, and y, cb, cr scaled to 255,

    R = y + 2 (1 - Kr) cr,  B = y + 2 (1 - Kb) cb,
    G = y - (2 Kb (1 - Kb) cb + 2 Kr (1 - Kr) cr) / Kg

Chroma lies on every other column and between rows (H.264's and MPEG-2's default) and is brought to
full size linearly. Whole numbers only: the same on every processor.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from dataset.kernel import compiled

Plane = NDArray[np.uint8]
Row = NDArray[np.int32]

# (Kr, Kb) by the number that a stream states for its matrix; H.273, table 4.
BT709 = 1
BT601 = 6
_WEIGHTS = {
    1: (0.2126, 0.0722),
    4: (0.30, 0.11),
    5: (0.299, 0.114),
    6: (0.299, 0.114),
    7: (0.212, 0.087),
    9: (0.2627, 0.0593),
}
KNOWN_MATRICES = frozenset(_WEIGHTS)

_BITS = 18
_CHROMA_STEPS = 8  # chroma weights are eighths: 3/4 and 1/4 down, 1/2 and 1/2 across
_HALF = 1 << (_BITS - 1)


def rgb_from_yuv420(y: Plane, u: Plane, v: Plane, matrix: int, *, full: bool) -> Plane:
    """RGB of one picture.

    Parameters
    ----------
    y
        (H, W) uint8, luma.
    u, v
        ((H + 1) // 2, (W + 1) // 2) uint8, Cb and Cr.
    matrix
        One of `KNOWN_MATRICES`.
    full
        Whether codes use all of 0..255, or 16..235 and 16..240.

    Returns
    -------
    array
        (H, W, 3) uint8; within one code of the formula in float64.
    """
    rows, columns = y.shape
    if u.shape != ((rows + 1) // 2, (columns + 1) // 2) or v.shape != u.shape:
        raise ValueError(f"planes of {y.shape}, {u.shape} and {v.shape} are not 4:2:0")
    kr, kb = _WEIGHTS[matrix]
    kg = 1 - kr - kb
    luma, chroma, black = (1.0, 1.0, 0) if full else (255 / 219, 255 / 224, 16)
    unit = 1 << _BITS
    step = unit * chroma / _CHROMA_STEPS
    out = np.empty((rows, columns, 3), dtype=np.uint8)
    _convert(
        y,
        u,
        v,
        np.int32(black),
        np.int32(round(unit * luma)),
        np.int32(round(step * 2 * (1 - kr))),
        np.int32(round(step * 2 * kb * (1 - kb) / kg)),
        np.int32(round(step * 2 * kr * (1 - kr) / kg)),
        np.int32(round(step * 2 * (1 - kb))),
        out,
    )
    return out


@compiled
def _convert(
    y: Plane,
    u: Plane,
    v: Plane,
    black: np.int32,
    luma: np.int32,
    red_v: np.int32,
    green_u: np.int32,
    green_v: np.int32,
    blue_u: np.int32,
    out: Plane,
) -> None:
    rows, columns = y.shape
    across = u.shape[1]
    cb = np.empty(2 * across, dtype=np.int32)
    cr = np.empty(2 * across, dtype=np.int32)
    planar = np.empty((3, columns), dtype=np.uint8)
    red, green, blue = planar[0], planar[1], planar[2]
    for row in range(rows):
        near = row // 2
        # Even rows lie above the middle of their chroma row, odd ones below it.
        far = max(near - 1, 0) if row % 2 == 0 else min(near + 1, u.shape[0] - 1)
        _spread(u[near], u[far], cb)
        _spread(v[near], v[far], cr)
        _mix(y[row], cb, cr, black, luma, red_v, green_u, green_v, blue_u, red, green, blue)
        flat = out[row].reshape(3 * columns)
        for i in range(columns):
            flat[3 * i] = red[i]
            flat[3 * i + 1] = green[i]
            flat[3 * i + 2] = blue[i]


@compiled
def _spread(near: Plane, far: Plane, wide: Row) -> None:
    """Eighths of chroma for each column, less its zero (128): 3/4 near and 1/4 far."""
    size = near.size
    zero = np.int32(128 * _CHROMA_STEPS)
    for i in range(size - 1):
        here = np.int32(3) * np.int32(near[i]) + np.int32(far[i])
        right = np.int32(3) * np.int32(near[i + 1]) + np.int32(far[i + 1])
        wide[2 * i] = np.int32(2) * here - zero
        wide[2 * i + 1] = here + right - zero
    last = np.int32(3) * np.int32(near[size - 1]) + np.int32(far[size - 1])
    wide[2 * size - 2] = np.int32(2) * last - zero
    wide[2 * size - 1] = np.int32(2) * last - zero


@compiled
def _mix(
    y: Plane,
    cb: Row,
    cr: Row,
    black: np.int32,
    luma: np.int32,
    red_v: np.int32,
    green_u: np.int32,
    green_v: np.int32,
    blue_u: np.int32,
    red: Plane,
    green: Plane,
    blue: Plane,
) -> None:
    """One row; 32-bit sums stay below 2**28 in size, so that nothing overflows."""
    low, high = np.int32(0), np.int32(255)
    bits, half = np.int32(_BITS), np.int32(_HALF)
    for i in range(y.size):
        light = np.int32((np.int32(y[i]) - black) * luma) + half
        r = np.int32(light + red_v * cr[i]) >> bits
        g = np.int32(light - green_u * cb[i] - green_v * cr[i]) >> bits
        b = np.int32(light + blue_u * cb[i]) >> bits
        red[i] = min(max(r, low), high)
        green[i] = min(max(g, low), high)
        blue[i] = min(max(b, low), high)
