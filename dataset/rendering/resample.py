"""Sub-pixel exact resampling of still pictures in linear light.

A picture is brought to a grid of `OVERSAMPLING` samples per view pixel, integrated there over
the optics and the pixel's area, and turned into cubic B-spline coefficients (exact on ramps and
at the samples). A view pixel is then one look-up at a floating-point position. The spare octave
of the grid keeps sharpness independent of the sub-pixel phase: at half the view's Nyquist
frequency the response is 0.999 midway between samples, at Nyquist 0.97. (`cv2.remap` moves in
steps of 1/32 px.)
"""

from __future__ import annotations

import math
from typing import cast

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy import ndimage, sparse

from dataset.kernel import compiled

OVERSAMPLING = 2
"""Grid samples per view pixel along each axis."""

SUPPORT_PX = 4
"""View pixels beyond the view's edge that a frame may depend on (optics, pixel, spline)."""

_BUCKETS = 4096
_PIXEL = np.array([1, 12, 22, 12, 1]) / 48  # a cubic B-spline integrated over two cells

Float32 = NDArray[np.float32]
Array = NDArray[np.float64]
Codes = NDArray[np.uint8]


def to_linear(codes: Codes, exponent: float) -> Float32:
    """Linear light ``(code / 255) ** exponent`` of 8-bit code values; same shape, 0 to 1."""
    table = (np.arange(256) / 255.0) ** exponent
    return table.astype(np.float32)[codes]


class Encoder:
    """Linear light back to 8-bit code values: ``floor(255 · v ** (1 / exponent) + 1/2)``, clipped.

    The rounding is exact: values are compared with the 255 levels where the code changes.
    """

    def __init__(self, exponent: float) -> None:
        levels = ((np.arange(1, 256) - 0.5) / 255.0) ** exponent
        self._levels = np.append(levels, np.inf)
        starts = np.arange(_BUCKETS + 1) / _BUCKETS
        self._first = np.searchsorted(levels, starts, side="right").astype(np.uint8)

    def encode(self, linear: Float32) -> Codes:
        """Code values of (H, W, C ≥ 3) linear light; the first three channels."""
        codes = np.empty((*linear.shape[:2], 3), np.uint8)
        _encode(linear, self._levels, self._first, codes)
        return codes


def spline_coefficients(samples: Float32) -> Float32:
    """Cubic B-spline coefficients of (H, W, C) samples, mirrored at the border; float32."""
    found = samples
    for axis in (0, 1):
        found = ndimage.spline_filter1d(found, order=3, axis=axis, mode="mirror", output=np.float32)
    return np.ascontiguousarray(found)


def to_grid(linear: Float32, width: int, height: int) -> Float32:
    """Bring a linear (H, W, 3) picture to a grid of another size that covers the same area.

    An axis is reduced by exact averages of the picture's cubic spline over the grid's cells and
    enlarged by reading the spline at the grid's samples: sample x of the picture comes to lie
    at ``(x + 1/2) · width / W - 1/2``.
    """
    coefficients = spline_coefficients(linear)
    rows = _resizer(linear.shape[0], height) @ coefficients.reshape(linear.shape[0], -1)
    turned = rows.reshape(height, linear.shape[1], -1).swapaxes(0, 1)
    columns = _resizer(linear.shape[1], width) @ turned.reshape(linear.shape[1], -1)
    return np.ascontiguousarray(columns.reshape(width, height, -1).swapaxes(0, 1), np.float32)


def _resizer(size: int, count: int) -> sparse.csr_array:
    """(count, size) weights of the spline coefficients of one axis, float32."""
    step = size / count
    if count > size:
        places = (np.arange(count) + 0.5) * step - 0.5
        reach = np.floor(places)[:, None] + np.arange(-1, 3)
        weights = _cubic(places[:, None] - reach)
    else:
        edges = np.arange(count + 1) * step - 0.5
        reach = np.floor(edges[:-1])[:, None] + np.arange(-1, math.ceil(step) + 4)
        weights = _cubic_integral(edges[1:, None] - reach) - _cubic_integral(
            edges[:-1, None] - reach
        )
        weights /= step
    taps = np.abs(reach.astype(np.int64))  # mirrored about the first sample, then the last
    taps = np.abs(size - 1 - np.abs(size - 1 - taps)) if size > 1 else np.zeros_like(taps)
    rows = np.repeat(np.arange(count), taps.shape[1])
    return sparse.csr_array(
        (weights.ravel().astype(np.float32), (rows, taps.ravel())), shape=(count, size)
    )


def _cubic(u: Array) -> Array:
    """The centred cubic B-spline."""
    a = np.abs(u)
    inner, outer = 2 / 3 - a**2 + a**3 / 2, np.maximum(2 - a, 0) ** 3 / 6
    return np.where(a < 1, inner, outer)


def _cubic_integral(u: Array) -> Array:
    """Integral of the centred cubic B-spline from minus infinity to `u`."""
    a = np.minimum(np.abs(u), 2.0)
    half = np.where(a < 1, 2 * a / 3 - a**3 / 3 + a**4 / 8, 0.5 - (2 - a) ** 4 / 24)
    return 0.5 + np.sign(u) * half


def with_alpha(linear: Float32) -> Float32:
    """(H, W, 3) → (H, W, 4) with an alpha of 1."""
    return np.dstack([linear, np.ones(linear.shape[:2], np.float32)])


def expose(grid: Float32, optics_sigma_px: float) -> Float32:
    """Integrate a grid over the optics' Gaussian (σ in view px) and the area of a view pixel.

    The pixel is the exact integral of the grid's cubic spline over two cells.
    """
    kernel = _PIXEL
    if optics_sigma_px > 0:
        sigma = optics_sigma_px * OVERSAMPLING
        reach = np.arange(-math.ceil(4 * sigma), math.ceil(4 * sigma) + 1)
        gauss = np.exp(-0.5 * (reach / sigma) ** 2)
        kernel = np.convolve(kernel, gauss / gauss.sum())
    exposed = cv2.sepFilter2D(
        spline_coefficients(grid), cv2.CV_32F, kernel, kernel, borderType=cv2.BORDER_REFLECT_101
    )
    return cast(Float32, exposed)


@compiled
def sample(coefficients: Float32, view_to_grid: Array, out: Float32) -> None:
    """Evaluate a cubic B-spline at affine positions.

    Parameters
    ----------
    coefficients
        (H, W, 4) float32, H and W at least 4.
    view_to_grid
        (2, 3) affine from pixels of `out` to samples of the grid. Positions beyond the grid
        take the value at its border.
    out
        (h, w, 4) float32, written.
    """
    height, width = coefficients.shape[0], coefficients.shape[1]
    for row in range(out.shape[0]):
        start_x = view_to_grid[0, 1] * row + view_to_grid[0, 2]
        start_y = view_to_grid[1, 1] * row + view_to_grid[1, 2]
        for column in range(out.shape[1]):
            x = min(max(view_to_grid[0, 0] * column + start_x, 1.0), width - 2.000001)
            y = min(max(view_to_grid[1, 0] * column + start_y, 1.0), height - 2.000001)
            left, top = int(x) - 1, int(y) - 1
            wx0, wx1, wx2, wx3 = _weights(np.float32(x - int(x)))
            wy = _weights(np.float32(y - int(y)))
            red = green = blue = alpha = np.float32(0)
            for k in range(4):
                line = coefficients[top + k]
                w0, w1, w2, w3 = wy[k] * wx0, wy[k] * wx1, wy[k] * wx2, wy[k] * wx3
                a, b, c, d = line[left], line[left + 1], line[left + 2], line[left + 3]
                red += w0 * a[0] + w1 * b[0] + w2 * c[0] + w3 * d[0]
                green += w0 * a[1] + w1 * b[1] + w2 * c[1] + w3 * d[1]
                blue += w0 * a[2] + w1 * b[2] + w2 * c[2] + w3 * d[2]
                alpha += w0 * a[3] + w1 * b[3] + w2 * c[3] + w3 * d[3]
            out[row, column, 0] = red
            out[row, column, 1] = green
            out[row, column, 2] = blue
            out[row, column, 3] = alpha


@compiled
def _weights(t: np.float32) -> tuple[np.float32, np.float32, np.float32, np.float32]:
    sixth, one = np.float32(1.0 / 6.0), np.float32(1.0)
    s = one - t
    first, last = sixth * s * s * s, sixth * t * t * t
    second = np.float32(2.0 / 3.0) - np.float32(0.5) * t * t * (np.float32(2.0) - t)
    return first, second, one - first - second - last, last


@compiled
def lay_over(front: Float32, back: Float32, top: int, left: int) -> None:
    """Composite a premultiplied RGBA patch over a part of `back`, in place, in linear light."""
    for row in range(front.shape[0]):
        for column in range(front.shape[1]):
            rest = np.float32(1) - front[row, column, 3]
            for channel in range(3):
                back[top + row, left + column, channel] = (
                    front[row, column, channel] + rest * back[top + row, left + column, channel]
                )


@compiled
def _encode(linear: Float32, levels: Array, first: Codes, codes: Codes) -> None:
    for row in range(codes.shape[0]):
        for column in range(codes.shape[1]):
            for channel in range(3):
                value = np.float64(linear[row, column, channel])
                bucket = int(min(max(value, 0.0), 1.0) * _BUCKETS)
                code = int(first[bucket])
                while value >= levels[code]:
                    code += 1
                codes[row, column, channel] = code
