"""Four by four weights at every pixel of a map: where they come from, and the loops.

Neighbours of a map mostly come from neighbours of the source. Such runs are looked for once; then
a run is a sum of products over four rows, which compilers turn into wide instructions.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Final, Literal

import numpy as np
from numpy.typing import NDArray

from calibration.kernel import compiled, compiled_fused

Kernel = Literal["keys", "spline"]
Map = NDArray[np.float32]
Flat = NDArray[np.float32]

TILE = 640
_LANES = 16  # pixels that are worked on at once, wherever the processor is wide enough
_WHOLE = np.uint64(2**64 - _LANES)
_PATCH = TILE + 3 + _LANES
_RUN = 5  # numbers that describe a run

# Rows: taps at −1, 0, 1, 2; columns: 1, t, t², t³ of the fraction t.
WEIGHTS: Final[dict[Kernel, NDArray[np.float32]]] = {
    "keys": np.array(
        [[0, -0.5, 1, -0.5], [1, 0, -2.5, 1.5], [0, 0.5, 2, -1.5], [0, 0, -0.5, 0.5]],
        dtype=np.float32,
    ),
    "spline": (np.array([[1, -3, 3, -1], [4, 0, -6, 3], [1, 3, 3, -3], [0, 0, 0, 1]]) / 6).astype(
        np.float32
    ),
}


@dataclass(frozen=True)
class Plan:
    """Where the pixels of a channel come from, and how to get there quickly.

    Attributes
    ----------
    fraction
        (2, H, W) float32, flat: x and y beyond the whole pixel.
    runs
        (n, 5) int32, flat: first and last + 1 column, source column and row of the first tap of the
        first pixel, whether all taps lie inside. Pixels of a run come from neighbours in one row.
    first_run
        (H + 1,) of each row.
    """

    fraction: NDArray[np.float32]
    runs: NDArray[np.int32]
    first_run: NDArray[np.int64]


def held(map_xy: Map, source_shape: tuple[int, int]) -> Map:
    """Positions at most a pixel beyond the source; what is no number lies there, too."""
    most = np.array([source_shape[1], source_shape[0]], dtype=np.float32) - np.float32(0.001)
    return np.asarray(np.clip(np.nan_to_num(map_xy, nan=-1.0), np.float32(-1.0), most))


def plan(map_xy: Map, source_shape: tuple[int, int]) -> Plan:
    """Look for the runs of a map (H, W, 2) over a source (h, w)."""
    place = held(map_xy, source_shape)
    floor = np.floor(place)
    fraction = np.moveaxis(place - floor, 2, 0).astype(np.float32).ravel()
    base = floor.astype(np.int32) - 1
    safe = (base >= 0).all(axis=-1)
    safe &= (base[..., 0] + 3 < source_shape[1]) & (base[..., 1] + 3 < source_shape[0])
    breaks = np.ones(base.shape[:2], dtype=np.bool_)
    breaks[:, 1:] = (np.diff(base[..., 0], axis=1) != 1) | (np.diff(base[..., 1], axis=1) != 0)
    breaks[:, 1:] |= safe[:, 1:] != safe[:, :-1]
    breaks[:, ::TILE] = True
    row, begin = np.nonzero(breaks)
    end = np.append(begin[1:], 0)
    end[np.append(row[1:] != row[:-1], True)] = base.shape[1]
    runs = (
        np.column_stack((begin, end, base[row, begin], safe[row, begin])).astype(np.int32).ravel()
    )
    first_run = np.searchsorted(row, np.arange(base.shape[0] + 1)).astype(np.int64)
    return Plan(fraction, runs, first_run)


# The loops below index flat arrays by unsigned numbers: a slice would count references, for which
# threads wait on each other, and a signed index is looked at for being negative, which keeps a
# loop from being vectorised.


@compiled
def mirrored(place: int, size: int) -> int:
    """A row or column of a source of `size`, whose borders are mirrors (reflect-101)."""
    if place < 0:
        place = -place
    if place >= size:
        place = 2 * (size - 1) - place
    return place


@compiled
def separate(interleaved: NDArray[Any], first: int, last: int, area: int, planes: Flat) -> None:
    """Colours of the pixels `first` to `last`, one after another → planes of `area` pixels."""
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    green, blue = np.uint64(area), np.uint64(2 * area)
    start = np.uint64(first)
    for i in range(np.uint64(last - first)):
        at = start + i
        planes[at] = interleaved[three * at]
        planes[green + at] = interleaved[three * at + one]
        planes[blue + at] = interleaved[three * at + two]


@compiled_fused
def _polynomials(
    fraction: Flat, begin: int, n: int, c: NDArray[np.float32], weights: Flat, target: int
) -> None:
    """Four weights of each fraction, as four rows of `TILE` from `target` on."""
    for tap in range(4):
        c0, c1, c2, c3 = c[tap, 0], c[tap, 1], c[tap, 2], c[tap, 3]
        first = np.uint64(target + tap * TILE)
        start = np.uint64(begin)
        for i in range(np.uint64(n)):
            t = fraction[start + i]
            weights[first + i] = c0 + t * (c1 + t * (c2 + t * c3))


@compiled_fused
def _near(
    source: NDArray[Any],
    start: int,
    stride: int,
    n: int,
    weights: Flat,
    begin: int,
    out: Flat,
    target: int,
) -> None:
    """Pixels of a run from four rows of the source.

    Up to `_LANES` − 1 more are made, which the next run replaces: a rest would be slow.
    """
    p0 = np.uint64(start)
    p1, p2, p3 = p0 + np.uint64(stride), p0 + np.uint64(2 * stride), p0 + np.uint64(3 * stride)
    one, two, three = np.uint64(1), np.uint64(2), np.uint64(3)
    w0, tile = np.uint64(begin), np.uint64(TILE)
    w1, w2, w3 = w0 + tile, w0 + two * tile, w0 + three * tile
    v0 = w3 + tile
    v1, v2, v3 = v0 + tile, v0 + two * tile, v0 + three * tile
    to = np.uint64(target)
    for i in range(np.uint64(n + _LANES - 1) & _WHOLE):
        a, b, c, d = weights[w0 + i], weights[w1 + i], weights[w2 + i], weights[w3 + i]
        q0, q1, q2, q3 = p0 + i, p1 + i, p2 + i, p3 + i
        s0 = a * source[q0] + b * source[q0 + one] + c * source[q0 + two] + d * source[q0 + three]
        s1 = a * source[q1] + b * source[q1 + one] + c * source[q1 + two] + d * source[q1 + three]
        s2 = a * source[q2] + b * source[q2 + one] + c * source[q2 + two] + d * source[q2 + three]
        s3 = a * source[q3] + b * source[q3 + one] + c * source[q3 + two] + d * source[q3 + three]
        outer = weights[v0 + i] * s0 + weights[v3 + i] * s3
        out[to + i] = outer + (weights[v1 + i] * s1 + weights[v2 + i] * s2)


@compiled
def _fill_patch(
    source: NDArray[Any],
    origin: int,
    height: int,
    width: int,
    n: int,
    column: int,
    row: int,
    patch: Flat,
) -> None:
    """Four rows of n + 3 samples for a run at the border, which is a mirror."""
    for j in range(4):
        line = origin + mirrored(row + j, height) * width
        for i in range(n + 3):
            place = np.uint64(line + mirrored(column + i, width))
            patch[np.uint64(j * _PATCH + i)] = source[place]


@compiled_fused
def mix(
    colours: Flat,
    n: int,
    gain: Flat,
    plane: int,
    start: int,
    matrix: NDArray[np.float32],
    out: Flat,
) -> None:
    """Gain and matrix, from three rows of `TILE` to interleaved colours."""
    one, two, three = np.uint64(1), np.uint64(TILE), np.uint64(3)
    size = np.uint64(n)
    if gain.size:
        for channel in range(3):
            row = np.uint64(channel * TILE)
            first = np.uint64(channel * plane + start)
            for i in range(size):
                colours[row + i] *= gain[first + i]
    a, b, c = matrix[0, 0], matrix[0, 1], matrix[0, 2]
    d, e, f = matrix[1, 0], matrix[1, 1], matrix[1, 2]
    g, h, k = matrix[2, 0], matrix[2, 1], matrix[2, 2]
    row1, row2 = two, two + two
    for i in range(size):
        red, green, blue = colours[i], colours[row1 + i], colours[row2 + i]
        colours[i] = a * red + b * green + c * blue
        colours[row1 + i] = d * red + e * green + f * blue
        colours[row2 + i] = g * red + h * green + k * blue
    # Apart from the sums: together they would not be vectorised.
    to = np.uint64(3 * start)
    for i in range(size):
        place = to + three * i
        out[place] = colours[i]
        out[place + one] = colours[row1 + i]
        out[place + one + one] = colours[row2 + i]


@compiled_fused
def _runs(
    source: NDArray[Any],
    origin: int,
    height: int,
    width: int,
    runs: NDArray[np.int32],
    place: int,
    x: int,
    n: int,
    weights: Flat,
    patch: Flat,
    colours: Flat,
    target: int,
) -> int:
    """The runs of one channel within a tile; the number of the run that follows."""
    done = 0
    while done < n:
        at = np.uint64(_RUN * place)
        begin = runs[at] - x
        end = runs[at + np.uint64(1)] - x
        column, row = runs[at + np.uint64(2)], runs[at + np.uint64(3)]
        start = origin + row * width + column
        if runs[at + np.uint64(4)] and start + 3 * width + end - begin + 3 + _LANES <= source.size:
            _near(source, start, width, end - begin, weights, begin, colours, target + begin)
        else:
            _fill_patch(source, origin, height, width, end - begin, column, row, patch)
            _near(patch, 0, _PATCH, end - begin, weights, begin, colours, target + begin)
        done = end
        place += 1
    return place


@compiled_fused
def interpolated_rows(
    source: NDArray[Any],
    shape: tuple[int, int],
    fractions: tuple[Flat, Flat, Flat],
    runs: tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]],
    first_runs: tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]],
    one_map: bool,
    polynomials: NDArray[np.float32],
    gain: Flat,
    matrix: NDArray[np.float32],
    out: Flat,
    out_shape: tuple[int, int],
    first: int,
    last: int,
) -> None:
    """Rows `first` to `last` of the result, in tiles that stay in the nearest cache."""
    weights = np.empty(8 * TILE + _LANES, dtype=np.float32)
    colours = np.empty(3 * TILE + _LANES, dtype=np.float32)
    patch = np.zeros(4 * _PATCH, dtype=np.float32)
    height, width = shape
    rows, columns = out_shape
    plane, area = rows * columns, height * width
    fraction0, fraction1, fraction2 = fractions
    runs0, runs1, runs2 = runs
    for y in range(first, last):
        r0, r1, r2 = first_runs[0][y], first_runs[1][y], first_runs[2][y]
        for x in range(0, columns, TILE):
            n = min(TILE, columns - x)
            start = y * columns + x
            _polynomials(fraction0, start, n, polynomials, weights, 0)
            _polynomials(fraction0, plane + start, n, polynomials, weights, 4 * TILE)
            r0 = _runs(source, 0, height, width, runs0, r0, x, n, weights, patch, colours, 0)
            if not one_map:
                _polynomials(fraction1, start, n, polynomials, weights, 0)
                _polynomials(fraction1, plane + start, n, polynomials, weights, 4 * TILE)
            r1 = _runs(source, area, height, width, runs1, r1, x, n, weights, patch, colours, TILE)
            if not one_map:
                _polynomials(fraction2, start, n, polynomials, weights, 0)
                _polynomials(fraction2, plane + start, n, polynomials, weights, 4 * TILE)
            r2 = _runs(
                source, 2 * area, height, width, runs2, r2, x, n, weights, patch, colours, 2 * TILE
            )
            mix(colours, n, gain, plane, start, matrix, out)
