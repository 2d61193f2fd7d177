"""Image fidelity: how near one image is to another (MSE, PSNR, SSIM).

Pure functions of two arrays. Every figure is computed in float64 and is the same, bit for bit,
for any number of threads: SSIM adds up fixed tiles of rows and then the tiles in order, with no
fused multiply-add and no reordering by the compiler.

References
----------
Z. Wang, A. C. Bovik, H. R. Sheikh, E. P. Simoncelli, "Image quality assessment: from error
visibility to structural similarity", IEEE Trans. Image Processing 13(4), 2004.
"""

import math
from collections.abc import Callable
from typing import Any, TypeVar

import cv2
import numba
import numpy as np
from numpy.typing import NDArray

__all__ = ["SSIM_RADIUS_PX", "mse", "psnr", "ssim", "ssim_map"]

Image = NDArray[np.uint8] | NDArray[np.uint16]
Rows = NDArray[np.float64]
_Function = TypeVar("_Function", bound=Callable[..., Any])

SSIM_RADIUS_PX = 5
"""Radius of SSIM's Gaussian window, and the width of the border that its mean leaves out."""

_SIGMA_PX = 1.5
_K1, _K2 = 0.01, 0.03
_TILE_ROWS = 16
_DTYPE_RANGE: dict[np.dtype[Any], float | None] = {
    np.dtype(np.uint8): 255.0,
    np.dtype(np.uint16): None,
}


def _gaussian_weights() -> tuple[float, ...]:
    """Weights of the window from its centre outwards; the eleven add up to one."""
    half = [math.exp(-0.5 * (k / _SIGMA_PX) ** 2) for k in range(SSIM_RADIUS_PX + 1)]
    total = half[0] + 2.0 * sum(half[1:])
    return tuple(weight / total for weight in half)


# Plain globals, because numba freezes them into the kernels as constants.
_W0, _W1, _W2, _W3, _W4, _W5 = _gaussian_weights()


def _compiled(**options: Any) -> Callable[[_Function], _Function]:
    # NumPy's division has no zero check, and the check would keep loops from being vectorised.
    return numba.njit(nogil=True, cache=True, error_model="numpy", **options)  # type: ignore[no-any-return]


def mse(a: Image, b: Image) -> float:
    """Mean squared difference of two images over all their samples.

    Parameters
    ----------
    a, b
        Images of one shape, ``(H, W)`` or ``(H, W, C)``, and one dtype, uint8 or uint16.

    Returns
    -------
    float
        Squared code values, 0 for identical images. The sum is an exact integer below 2**53.

    Raises
    ------
    ValueError
        Where shapes or dtypes differ or are none of the above, or an image is empty.

    Examples
    --------
    >>> import numpy as np
    >>> mse(np.full((4, 6, 3), 10, np.uint8), np.full((4, 6, 3), 13, np.uint8))
    9.0
    """
    _check_pair(a, b)
    # OpenCV adds up partial sums in floating point; the sum itself is an integer, so rounding
    # takes their error away again.
    squares = round(cv2.norm(_rows(a), _rows(b), cv2.NORM_L2SQR))
    return squares / a.size


def psnr(
    a: Image, b: Image, *, data_range: float | None = None, cap_db: float | None = None
) -> float:
    """Peak signal-to-noise ratio, ``10 log10(data_range**2 / MSE)``.

    Equal to ``skimage.metrics.peak_signal_noise_ratio`` to 1e-12, relative.

    Parameters
    ----------
    a, b
        Images of one shape, ``(H, W)`` or ``(H, W, C)``, and one dtype, uint8 or uint16.
        The mean is over H, W and C together.
    data_range
        The peak, in code values: 255 where it is left out for uint8. It must be given for uint16,
        whose samples may be of 10, 12 or 16 bits.
    cap_db
        Upper limit of the result; without it identical images give infinity.

    Returns
    -------
    float
        Decibels, up to ``cap_db`` or infinity; negative only where the images differ by more
        than ``data_range``.

    Raises
    ------
    ValueError
        Where shapes or dtypes differ or are none of the above, an image is empty, ``data_range``
        is missing for uint16, or it is not a positive number.

    Examples
    --------
    >>> import numpy as np
    >>> sharp = np.full((4, 6, 3), 10, np.uint8)
    >>> round(psnr(sharp, sharp + np.uint8(1)), 4)
    48.1308
    >>> psnr(sharp, sharp), psnr(sharp, sharp, cap_db=100)
    (inf, 100.0)
    """
    _check_pair(a, b)
    peak = _peak(a, data_range)
    error = mse(a, b)
    ratio_db = math.inf if error == 0 else 10.0 * math.log10(peak * peak / error)
    return ratio_db if cap_db is None else min(ratio_db, float(cap_db))


def ssim(a: Image, b: Image, *, data_range: float | None = None) -> float:
    """Mean structural similarity with a Gaussian window of 1.5 px (Wang 2004, equation 13).

    Equal to 1e-12 to ``skimage.metrics.structural_similarity(a, b, gaussian_weights=True,
    sigma=1.5, use_sample_covariance=False, data_range=data_range, channel_axis=-1)``:
    11 taps, K1 = 0.01, K2 = 0.03, population covariance, each channel on its own, and the mean
    over all samples that are at least 5 px from the edge. The result has the same bits for any
    number of threads, which is numba's (``numba.set_num_threads``).

    Parameters
    ----------
    a, b
        Images of one shape, ``(H, W)`` or ``(H, W, C)`` with H and W of 11 or more, and one
        dtype, uint8 or uint16.
    data_range
        The peak, in code values: 255 where it is left out for uint8; must be given for uint16.

    Returns
    -------
    float
        -1 to 1, and exactly 1 for identical images.

    Raises
    ------
    ValueError
        As for `psnr`, and where an image is smaller than the window.

    Examples
    --------
    >>> import numpy as np
    >>> sharp = np.arange(20 * 30 * 3, dtype=np.uint8).reshape(20, 30, 3)
    >>> ssim(sharp, sharp)
    1.0
    >>> round(ssim(np.full((11, 11), 100, np.uint8), np.full((11, 11), 50, np.uint8)), 4)
    0.8001
    """
    step, c1, c2 = _prepare(a, b, data_range)
    # The plain kernel may run in several Python threads at once; numba's simplest threading
    # layer ends the process when the parallel one does.
    kernel = _mean_serial if numba.get_num_threads() == 1 else _mean_parallel
    return float(kernel(_rows(a), _rows(b), step, c1, c2))


def ssim_map(a: Image, b: Image, *, data_range: float | None = None) -> Rows:
    """Structural similarity of each sample (Wang 2004, equation 13); `ssim` is its mean.

    Parameters
    ----------
    a, b, data_range
        As for `ssim`.

    Returns
    -------
    numpy.ndarray
        float64, ``(H - 10, W - 10)`` or ``(H - 10, W - 10, C)``, -1 to 1: its sample (0, 0) is
        the images' (5, 5), because nearer to the edge the window would not be filled.

    Raises
    ------
    ValueError
        As for `ssim`.

    Examples
    --------
    >>> import numpy as np
    >>> sharp = np.arange(20 * 30, dtype=np.uint8).reshape(20, 30)
    >>> ssim_map(sharp, sharp).shape
    (10, 20)
    """
    step, c1, c2 = _prepare(a, b, data_range)
    border = 2 * SSIM_RADIUS_PX
    scores = np.empty((a.shape[0] - border, (a.shape[1] - border) * step))
    _score_rows(_rows(a), _rows(b), step, SSIM_RADIUS_PX, scores, c1, c2)
    return scores.reshape(a.shape[0] - border, a.shape[1] - border, *a.shape[2:])


def _check_pair(a: Image, b: Image) -> None:
    if not isinstance(a, np.ndarray) or not isinstance(b, np.ndarray):
        raise ValueError(f"images must be arrays, got {type(a).__name__} and {type(b).__name__}")
    if a.shape != b.shape:
        raise ValueError(f"images must have one shape, got {a.shape} and {b.shape}")
    if a.dtype != b.dtype:
        raise ValueError(f"images must have one dtype, got {a.dtype} and {b.dtype}")
    if a.dtype not in _DTYPE_RANGE:
        raise ValueError(f"images must be uint8 or uint16, got {a.dtype}: quantise them first")
    if a.ndim not in (2, 3) or a.size == 0:
        raise ValueError(f"images must be (H, W) or (H, W, C) and not empty, got {a.shape}")


def _peak(a: Image, data_range: float | None) -> float:
    peak = _DTYPE_RANGE[a.dtype] if data_range is None else float(data_range)
    if peak is None:
        raise ValueError(
            f"{a.dtype} images need a data_range: 1023, 4095 or 65535 for 10 to 16 bit"
        )
    if not (math.isfinite(peak) and peak > 0):
        raise ValueError(f"data_range must be a positive number, got {data_range}")
    return peak


def _prepare(a: Image, b: Image, data_range: float | None) -> tuple[int, float, float]:
    """Check a pair for SSIM; return the step between neighbours in a row, C1 and C2."""
    _check_pair(a, b)
    peak = _peak(a, data_range)
    window = 2 * SSIM_RADIUS_PX + 1
    if min(a.shape[:2]) < window:
        raise ValueError(
            f"SSIM needs images of at least {window} x {window} px, "
            f"got {a.shape[1]} x {a.shape[0]} (width x height)"
        )
    step = a.shape[2] if a.ndim == 3 else 1
    return step, (_K1 * peak) ** 2, (_K2 * peak) ** 2


def _rows(image: Image) -> NDArray[Any]:
    """View ``(H, W, C)`` as ``(H, W * C)``: neighbours of one channel are then C samples apart."""
    rows = np.ascontiguousarray(image).reshape(image.shape[0], -1)
    # Always read-only, like a memory-mapped frame: numba compiles another kernel for each kind.
    rows.flags.writeable = False
    return rows


@_compiled(forceinline=True)
def _pair(p: float, q: float, t: float, u: float) -> tuple[float, float, float, float]:
    """Sums of x, y, x^2 + y^2 and x y over samples (p, q) and (t, u); exact in float64."""
    xp, yp, xt, yt = np.float64(p), np.float64(q), np.float64(t), np.float64(u)
    return xp + xt, yp + yt, (xp * xp + yp * yp) + (xt * xt + yt * yt), xp * yp + xt * yt


@_compiled()
def _filter_columns(a: Image, b: Image, row: int, moments: Rows) -> None:
    """Filter x, y, x^2 + y^2 and x y down the columns, around one row.

    The four moments are enough: SSIM needs the two variances only as their sum.
    """
    a0, a1, a2, a3, a4, a5 = a[row], a[row - 1], a[row - 2], a[row - 3], a[row - 4], a[row - 5]
    b0, b1, b2, b3, b4, b5 = b[row], b[row - 1], b[row - 2], b[row - 3], b[row - 4], b[row - 5]
    d1, d2, d3, d4, d5 = a[row + 1], a[row + 2], a[row + 3], a[row + 4], a[row + 5]
    e1, e2, e3, e4, e5 = b[row + 1], b[row + 2], b[row + 3], b[row + 4], b[row + 5]
    out_x, out_y, out_square, out_cross = moments[0], moments[1], moments[2], moments[3]
    for j in range(out_x.size):
        p, q = np.float64(a0[j]), np.float64(b0[j])
        x1, y1, s1, m1 = _pair(a1[j], b1[j], d1[j], e1[j])
        x2, y2, s2, m2 = _pair(a2[j], b2[j], d2[j], e2[j])
        x3, y3, s3, m3 = _pair(a3[j], b3[j], d3[j], e3[j])
        x4, y4, s4, m4 = _pair(a4[j], b4[j], d4[j], e4[j])
        x5, y5, s5, m5 = _pair(a5[j], b5[j], d5[j], e5[j])
        out_x[j] = _W0 * p + _W1 * x1 + _W2 * x2 + _W3 * x3 + _W4 * x4 + _W5 * x5
        out_y[j] = _W0 * q + _W1 * y1 + _W2 * y2 + _W3 * y3 + _W4 * y4 + _W5 * y5
        s0, m0 = p * p + q * q, p * q
        out_square[j] = _W0 * s0 + _W1 * s1 + _W2 * s2 + _W3 * s3 + _W4 * s4 + _W5 * s5
        out_cross[j] = _W0 * m0 + _W1 * m1 + _W2 * m2 + _W3 * m3 + _W4 * m4 + _W5 * m5


@_compiled()
def _filter_row(source: Rows, target: Rows, step: int) -> None:
    """Filter along one row whose neighbours are ``step`` apart; 5 steps fall off at each end."""
    size = target.size
    # Shifted views with one index each: offsets in the index would keep the loop scalar.
    v0, v1, v2 = source[:size], source[step : step + size], source[2 * step : 2 * step + size]
    v3, v4 = source[3 * step : 3 * step + size], source[4 * step : 4 * step + size]
    v5, v6 = source[5 * step : 5 * step + size], source[6 * step : 6 * step + size]
    v7, v8 = source[7 * step : 7 * step + size], source[8 * step : 8 * step + size]
    v9, v10 = source[9 * step : 9 * step + size], source[10 * step : 10 * step + size]
    for j in range(size):
        inner = _W0 * v5[j] + _W1 * (v4[j] + v6[j]) + _W2 * (v3[j] + v7[j])
        target[j] = inner + _W3 * (v2[j] + v8[j]) + _W4 * (v1[j] + v9[j]) + _W5 * (v0[j] + v10[j])


@_compiled()
def _similarity(filtered: Rows, scores: Rows, c1: float, c2: float) -> None:
    """Wang 2004, equation 13, from the four filtered moments of one row."""
    mean_x, mean_y, square, cross = filtered[0], filtered[1], filtered[2], filtered[3]
    for j in range(scores.size):
        both = mean_x[j] * mean_y[j]
        squares = mean_x[j] * mean_x[j] + mean_y[j] * mean_y[j]
        above = (2.0 * both + c1) * (2.0 * (cross[j] - both) + c2)
        scores[j] = above / ((squares + c1) * ((square[j] - squares) + c2))


@_compiled()
def _score_rows(
    a: Image, b: Image, step: int, first: int, scores: Rows, c1: float, c2: float
) -> None:
    """Write the similarity of consecutive rows from ``first`` on, one row of ``scores`` each."""
    # Both buffers stay in the cache: 0.2 MB for a row of 1280 px in three colours.
    moments = np.empty((4, a.shape[1]))
    filtered = np.empty((4, scores.shape[1]))
    for i in range(scores.shape[0]):
        _filter_columns(a, b, first + i, moments)
        for k in range(4):
            _filter_row(moments[k], filtered[k], step)
        _similarity(filtered, scores[i], c1, c2)


@_compiled()
def _tile_sum(a: Image, b: Image, step: int, tile: int, c1: float, c2: float) -> float:
    """Sum of the similarity over one tile of rows, in an order that depends on nothing else."""
    first = SSIM_RADIUS_PX + tile * _TILE_ROWS
    rows = min(_TILE_ROWS, a.shape[0] - SSIM_RADIUS_PX - first)
    scores = np.empty((rows, a.shape[1] - 2 * SSIM_RADIUS_PX * step))
    _score_rows(a, b, step, first, scores, c1, c2)
    columns = scores[0]
    for i in range(1, rows):
        columns += scores[i]
    total = 0.0
    for j in range(columns.size):
        total += columns[j]
    return total


@_compiled()
def _mean_of_tiles(sums: Rows, a: Image, step: int) -> float:
    total = 0.0
    for tile in range(sums.size):
        total += sums[tile]
    border = 2 * SSIM_RADIUS_PX
    count: int = (a.shape[0] - border) * (a.shape[1] - border * step)
    return total / count


@_compiled()
def _mean_serial(a: Image, b: Image, step: int, c1: float, c2: float) -> float:
    sums = np.empty((a.shape[0] - 2 * SSIM_RADIUS_PX + _TILE_ROWS - 1) // _TILE_ROWS)
    for tile in range(sums.size):
        sums[tile] = _tile_sum(a, b, step, tile, c1, c2)
    return _mean_of_tiles(sums, a, step)


@_compiled(parallel=True)
def _mean_parallel(a: Image, b: Image, step: int, c1: float, c2: float) -> float:
    sums = np.empty((a.shape[0] - 2 * SSIM_RADIUS_PX + _TILE_ROWS - 1) // _TILE_ROWS)
    for tile in numba.prange(sums.size):
        sums[tile] = _tile_sum(a, b, step, tile, c1, c2)
    return _mean_of_tiles(sums, a, step)
