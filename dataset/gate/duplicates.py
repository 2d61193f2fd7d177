r"""Whether a camera delivered one exposure twice.

Two exposures differ by their noise, even of a scene that stands still. So a frame repeats another
one where every sample is equal, or where the difference to the frame before is far below the noise
that both show (a driver may have encoded it anew). The noise is told from second differences of
neighbours of one colour, :math:`x_{-1} - 2x_0 + x_1` with the variance :math:`6\sigma^2`, in the
flattest tenth of small blocks, and the difference in the same blocks, :math:`2\sigma^2`.
"""

from __future__ import annotations

import hashlib
from typing import Final

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import Frame

_SIDE: Final = 8
_FLATTEST: Final = 0.1
_FAR_BELOW: Final = 0.1  # of the noise's variance
_LEAST_VARIANCE_DN2: Final = 0.25  # below, rounding hides the noise


def digest(frame: Frame) -> bytes:
    """16 bytes that equal frames, and for all purposes no others, have in common."""
    return hashlib.blake2b(np.ascontiguousarray(frame).data, digest_size=16).digest()


def repeats(before: Frame, after: Frame) -> bool:
    """Whether `after` shows the same exposure as `before`, both (H, W) or (H, W, 3) raw.

    False where the noise is too small to tell; frames that are equal throughout are told by
    `digest`.
    """
    if before.shape != after.shape:
        return False
    first, second = (_corner(each) for each in (before, after))
    curved = _block_squares(first[:, :-4] - 2 * first[:, 2:-2] + first[:, 4:]) / 6
    change = _block_squares((second - first)[:, 2:-2]) / 2
    lit = curved > _LEAST_VARIANCE_DN2
    if lit.sum() < 4 / _FLATTEST:
        return False
    flat = lit & (curved <= np.quantile(curved[lit], _FLATTEST))
    return bool(change[flat].mean() < _FAR_BELOW * curved[flat].mean())


def _corner(frame: Frame) -> NDArray[np.float32]:
    """Every second row pair would do; at most the middle 256 × 512 samples are looked at."""
    plane = frame[..., 1] if frame.ndim == 3 else frame
    height, width = plane.shape
    top, left = max(0, (height - 256) // 2), max(0, (width - 512) // 2)
    return plane[top : top + 256, left : left + 512].astype(np.float32)


def _block_squares(values: NDArray[np.float32]) -> NDArray[np.float64]:
    """Means of squares over blocks of 8 × 8."""
    rows, columns = (side // _SIDE for side in values.shape)
    cut = values[: rows * _SIDE, : columns * _SIDE].astype(np.float64) ** 2
    return np.asarray(cut.reshape(rows, _SIDE, columns, _SIDE).mean(axis=(1, 3)))
