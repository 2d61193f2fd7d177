"""The inner loops: samples' rays → texels of the layers → light.

Written in two passes a row, because the first (where does each ray meet the layer?) has no branch
and runs on the processor's vector unit, and only the second (fetch four texels) does not.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from numpy.typing import NDArray

from hardware.twin.pictures import MIRROR, ONCE

_ONCE, _MIRROR = ONCE, MIRROR  # numba freezes globals into the kernels
_HIDDEN = np.float32(1e-4)
_Function = TypeVar("_Function", bound=Callable[..., Any])
Array = NDArray[Any]


def compiled(function: _Function) -> _Function:
    """A kernel that releases the interpreter while it runs."""
    kernel: Any = numba.njit(nogil=True, cache=True, error_model="numpy")(function)
    return kernel  # type: ignore[no-any-return]


@compiled
def march(
    ray_x: Array,
    ray_y: Array,
    to_texel: Array,
    light: Array,
    texels: Array,
    first: Array,
    size: Array,
    out: Array,
) -> None:
    """Add every step's light to the samples of some rows, layers front to back.

    Parameters
    ----------
    ray_x, ray_y
        (rows, columns) float32 slopes.
    to_texel, light, texels, first, size
        As in `hardware.twin.integration.Passes`.
    out
        (rows, columns, 3) float32, added to.
    """
    steps, layers = light.shape
    columns = out.shape[1]
    clear = np.empty(columns, dtype=np.float32)
    right = np.empty(columns, dtype=np.float32)
    below = np.empty(columns, dtype=np.float32)
    index = np.empty(columns, dtype=np.int32)
    for row in range(out.shape[0]):
        for step in range(steps):
            clear[:] = 1
            for layer in range(layers):
                h = to_texel[step, layer]
                _locate(ray_x[row], ray_y[row], h, size[layer], index, right, below)
                picture = texels[first[step, layer] :]
                width = np.int32(size[layer, 1])
                _fetch(index, right, below, picture, width, light[step, layer], clear, out[row])


@compiled
def _fold(at: Any, size: Any) -> Any:
    """A texel coordinate in a picture that goes on as its mirror image, in [0, size - 1]."""
    period = np.float32(2 * size)
    at = at + np.float32(0.5)
    at = at - np.floor(at / period) * period
    at = min(at, period - at)
    return min(max(at - np.float32(0.5), np.float32(0)), np.float32(size - 1))


@compiled
def _locate(
    ray_x: Array,
    ray_y: Array,
    h: Array,
    size: Array,
    index: Array,
    right: Array,
    below: Array,
) -> None:
    """The texel to the upper left of each ray's hit (-1 for none), and the way on from it."""
    h00, h01, h02 = h[0, 0], h[0, 1], h[0, 2]
    h10, h11, h12 = h[1, 0], h[1, 1], h[1, 2]
    h20, h21, h22 = h[2, 0], h[2, 1], h[2, 2]
    height, width, extent = np.int32(size[0]), np.int32(size[1]), size[2]
    last_u, last_v = np.float32(width - 1), np.float32(height - 1)
    for column in range(ray_x.shape[0]):
        x = ray_x[column]
        y = ray_y[column]
        depth = h20 * x + h21 * y + h22
        inverse = np.float32(1) / depth
        u = (h00 * x + h01 * y + h02) * inverse
        v = (h10 * x + h11 * y + h12) * inverse
        if extent == _MIRROR:
            u = _fold(u, width)
            v = _fold(v, height)
        within = (u >= 0) & (u < last_u) & (v >= 0) & (v < last_v)
        u = min(max(u, np.float32(0)), last_u)
        v = min(max(v, np.float32(0)), last_v)
        left = min(np.int32(u), width - np.int32(2))
        top = min(np.int32(v), height - np.int32(2))
        right[column] = u - np.float32(left)
        below[column] = v - np.float32(top)
        hit = (depth > 0) & ((extent != _ONCE) | within)
        index[column] = top * width + left if hit else np.int32(-1)


@compiled
def _fetch(
    index: Array,
    right: Array,
    below: Array,
    texels: Array,
    width: Any,
    light: Any,
    clear: Array,
    out: Array,
) -> None:
    """Add a layer's light to a row, behind what `clear` leaves through; take its cover off that."""
    for column in range(index.shape[0]):
        a = index[column]
        through = clear[column]
        if a < 0 or through < _HIDDEN:
            continue
        b = a + width
        w11 = right[column] * below[column]
        w10 = below[column] - w11
        w01 = right[column] - w11
        w00 = np.float32(1) - right[column] - w10
        red = w00 * texels[a, 0] + w01 * texels[a + 1, 0]
        red += w10 * texels[b, 0] + w11 * texels[b + 1, 0]
        green = w00 * texels[a, 1] + w01 * texels[a + 1, 1]
        green += w10 * texels[b, 1] + w11 * texels[b + 1, 1]
        blue = w00 * texels[a, 2] + w01 * texels[a + 1, 2]
        blue += w10 * texels[b, 2] + w11 * texels[b + 1, 2]
        cover = w00 * texels[a, 3] + w01 * texels[a + 1, 3]
        cover += w10 * texels[b, 3] + w11 * texels[b + 1, 3]
        gain = through * light
        out[column, 0] += gain * red
        out[column, 1] += gain * green
        out[column, 2] += gain * blue
        clear[column] = through * (np.float32(1) - cover)
