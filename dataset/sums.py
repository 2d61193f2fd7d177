"""Sums of a window's frames, in code values or in light: tables and kernels.

Sums are whole numbers, so a result is the same for any number of threads and any grouping of the
frames. A code c counts as ``round(S f(c / 255))`` with S as large as a 32-bit sum of the window
allows; a window's code is the k with ``n S f((k - 1/2) / 255) <= sum < n S f((k + 1/2) / 255)``,
which is the rounding, half up, of the inverse response of the mean. The rounding of the table
(1/3400 of the darkest code's light at x^2.2 and 13 frames) is the only difference to float64.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from bsd.errors import UserMistake
from dataset.kernel import compiled

Codes = NDArray[np.uint8]
Sums = NDArray[np.uint32]
Response = Callable[[NDArray[np.float64]], NDArray[np.float64]]

GROUP_FRAMES = 8
"""Frames that `sum_part` takes at a time."""

MOST_FRAMES = 1 << 16
"""Longest window: its sum of code values and a rounding step still fit 32 bits."""

TILE = 4096
"""Samples that are summed while they stay in the processor's first cache."""

_CODES = 256
_SHIFT = 16
_LARGEST_SUM = 2**32 - 2


@dataclass(frozen=True)
class SumTable:
    """Turns codes into summable whole numbers and a window's sum into a code.

    Attributes
    ----------
    frames
        Frames of the window that it is made for.
    linear
        (256,) uint32, linear light of each code; 0 for black.
    thresholds
        (257,) uint32, the least sum of each code; the last is never reached.
    first_code
        (65536,) uint8, the code of the least sum with these upper 16 bits.
    factor
        What a sum is multiplied by before it is compared, so that it fills 32 bits.
    code_values
        Whether `linear` is the code itself: then frames are summed without a look-up.
    """

    frames: int
    linear: NDArray[np.uint32]
    thresholds: NDArray[np.uint32]
    first_code: NDArray[np.uint8]
    factor: np.uint32
    code_values: bool


def code_value_table(frames: int) -> SumTable:
    """Table of the average of code values: the mean is exact, ``floor(mean + 1/2)``."""
    _check_frames(frames)
    codes = np.arange(_CODES, dtype=np.int64)
    # An even factor keeps (k - 1/2) * frames * factor whole.
    factor = _LARGEST_SUM // (255 * frames) // 2 * 2
    thresholds = (2 * codes - 1) * (frames * factor // 2)
    return _sum_table(frames, codes, thresholds, factor, code_values=True)


def response_table(response: Response, frames: int) -> SumTable:
    """Table of the average in light.

    Parameters
    ----------
    response
        From code values in 0..1 (float64) to linear light in 0..1, rising, 0 at 0 and 1 at 1.
    frames
        Frames of the window.

    Raises
    ------
    UserMistake
        The response is so flat that neighbouring codes cannot be told apart after the sum.
    """
    _check_frames(frames)
    codes = np.arange(_CODES, dtype=np.float64)
    scale = _LARGEST_SUM // frames
    linear = np.floor(scale * response(codes / 255.0) + 0.5).astype(np.int64)
    edges = response(np.maximum(codes - 0.5, 0.0) / 255.0)
    thresholds = np.ceil(float(frames) * float(scale) * edges).astype(np.int64)
    return _sum_table(frames, linear, thresholds, 1, code_values=False)


def _check_frames(frames: int) -> None:
    if not 1 <= frames <= MOST_FRAMES:
        raise UserMistake(f"window.frames={frames}: 1 to {MOST_FRAMES} frames fit a 32-bit sum")


def _sum_table(
    frames: int,
    linear: NDArray[np.int64],
    thresholds: NDArray[np.int64],
    factor: int,
    *,
    code_values: bool,
) -> SumTable:
    edges = np.concatenate([thresholds, [_LARGEST_SUM + 1]])
    edges[0] = 0
    sums = frames * linear * factor
    if linear[0] != 0 or np.any(sums < edges[:-1]) or np.any(sums >= edges[1:]):
        raise UserMistake(
            f"response: dark codes cannot be told apart in a window of {frames} frames;"
            " use a response that is less steep or a shorter window"
        )
    lowest = np.arange(1 << 16, dtype=np.int64) << _SHIFT
    first_code = np.searchsorted(edges[:-1], lowest, side="right") - 1
    return SumTable(
        frames,
        linear.astype(np.uint32),
        edges.astype(np.uint32),
        first_code.astype(np.uint8),
        np.uint32(factor),
        code_values,
    )


def quantise(sums: NDArray[np.uint32], table: SumTable) -> NDArray[np.uint8]:
    """Codes of whole windows' sums, rounded half up.

    Parameters
    ----------
    sums
        Any shape, uint32: sums of ``table.linear`` over ``table.frames`` frames.
    table
        From `code_value_table` or `response_table`.

    Returns
    -------
    array
        Same shape, uint8.
    """
    flat = np.ascontiguousarray(sums).reshape(-1)
    out = np.empty(flat.size, dtype=np.uint8)
    _quantise(flat, table.factor, table.thresholds, table.first_code, out)
    return out.reshape(sums.shape)


@compiled
def sum_part(
    group: tuple[Codes, ...],
    count: int,
    start: int,
    stop: int,
    linear: Sums,
    code_values: bool,
    fresh: bool,
    sums: Sums,
    finish: bool,
    factor: np.uint32,
    thresholds: Sums,
    first_code: Codes,
    out: Codes,
) -> None:
    """Sum a group over ``start:stop`` tile by tile, and quantise while a tile is at hand."""
    g = group
    for low in range(start, stop, TILE):
        high = min(low + TILE, stop)
        # Slices that start at 0: the compiler then knows that no index is negative.
        tile = sums[low:high]
        if fresh:
            tile[:] = 0
        a, b, c, d = g[0][low:high], g[1][low:high], g[2][low:high], g[3][low:high]
        if code_values:
            _add_codes(a, b, c, d, count, tile)
        else:
            _add_light(a, b, c, d, count, linear, tile)
        if count > 4:
            a, b, c, d = g[4][low:high], g[5][low:high], g[6][low:high], g[7][low:high]
            if code_values:
                _add_codes(a, b, c, d, count - 4, tile)
            else:
                _add_light(a, b, c, d, count - 4, linear, tile)
        if finish:
            _quantise(tile, factor, thresholds, first_code, out[low:high])


@compiled
def _add_codes(a: Codes, b: Codes, c: Codes, d: Codes, count: int, sums: Sums) -> None:
    """Add one to four frames' codes; every loop becomes vector instructions."""
    if count >= 4:
        for i in range(sums.size):
            sums[i] += np.uint16(np.uint16(a[i]) + b[i]) + np.uint16(np.uint16(c[i]) + d[i])
        return
    for i in range(sums.size):
        sums[i] += a[i]
    if count >= 2:
        for i in range(sums.size):
            sums[i] += b[i]
    if count >= 3:
        for i in range(sums.size):
            sums[i] += c[i]


@compiled
def _add_light(
    a: Codes, b: Codes, c: Codes, d: Codes, count: int, linear: Sums, sums: Sums
) -> None:
    """Add one to four frames' light in one pass over the tile."""
    if count >= 4:
        for i in range(sums.size):
            sums[i] += linear[a[i]] + linear[b[i]] + linear[c[i]] + linear[d[i]]
    elif count == 3:
        for i in range(sums.size):
            sums[i] += linear[a[i]] + linear[b[i]] + linear[c[i]]
    elif count == 2:
        for i in range(sums.size):
            sums[i] += linear[a[i]] + linear[b[i]]
    else:
        for i in range(sums.size):
            sums[i] += linear[a[i]]


@compiled
def _quantise(
    sums: Sums, factor: np.uint32, thresholds: Sums, first_code: Codes, out: Codes
) -> None:
    """Look up the lowest code that fits the upper bits, then step up to the right one."""
    for i in range(sums.size):
        total = np.uint32(sums[i] * factor)
        code = first_code[total >> np.uint32(_SHIFT)]
        while total >= thresholds[code + 1]:
            code += 1
        out[i] = code
