r"""Whether C2 holds the light that the calibration makes it expect: means of blocks, C2 over C1.

A mean over a block survives motion blur but for what crosses the block's border, which is as often
too much as too little: the median over the blocks of a frame, and over the frames, holds. So the
scene tells the level, and bookends that stand still the pattern over the view; where they moved,
the scene tells both. Light that flickers in step with the
frames (120 Hz at 15 Hz) is wrong by the same factor in all of them and shows only here. Light that
flickers out of step varies; its mean over the clip is taken out by the ratio of the raw frames,
which is known of every frame (`dataset.gate.flicker`).
"""

from __future__ import annotations

from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from dataset.gate.flicker import FLICKER_FRAMES

BLOCK_PX: Final = 32
_LEAST_LEVEL: Final = 0.02  # of the brightest tenth: a quotient of noise is none
_LEAST_CLEAR: Final = 0.9
_SHARE: Final = 95.0
_SIGMA_OF_MAD: Final = 1.4826
_MEDIAN_LOSS: Final = 1.2533  # standard error of a median over that of a mean
LEAST_FRAMES: Final = 3
_LEAST_CELLS: Final = 0.4  # of all


class LocalRatio(NamedTuple):
    """The clip's ratio, less 1, in per cent.

    Attributes
    ----------
    excess_percent
        What nineteen twentieths of the blocks keep, two standard errors taken off.
    mean_percent
        Of the whole view, signed: positive where C2 is too bright.
    percent
        (rows, columns, 3) float64 of the blocks, NaN where nothing could be compared.
    """

    excess_percent: float
    mean_percent: float
    percent: NDArray[np.float64]


def block_ratio(
    blurry: NDArray[np.float32], sharp: NDArray[np.float32], clear: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """C2/C1 by blocks of 32 × 32 pixels and channel.

    Parameters
    ----------
    blurry, sharp
        (h, w, 3) float32, aligned, linear, in one unit.
    clear
        (h, w): False where either is clipped.

    Returns
    -------
    array
        (h / 32, w / 32, 3) float32, NaN where a block is dark or clipped.
    """
    rows, columns = (side // BLOCK_PX for side in clear.shape)
    part = slice(0, rows * BLOCK_PX), slice(0, columns * BLOCK_PX)
    weight = np.ascontiguousarray(clear[part], dtype=np.float32)
    size = columns, rows
    known = np.asarray(cv2.resize(weight, size, interpolation=cv2.INTER_AREA))
    masked = (np.ascontiguousarray(each[part]) * weight[..., None] for each in (blurry, sharp))
    first, second = (cv2.resize(each, size, interpolation=cv2.INTER_AREA) for each in masked)
    first, second = first.reshape(rows, columns, 3), second.reshape(rows, columns, 3)
    least = _LEAST_LEVEL * np.percentile(first, 90, axis=(0, 1))
    good = (first > least) & (second > 0) & (known.reshape(rows, columns) > _LEAST_CLEAR)[..., None]
    quotient = np.where(good, second, np.nan) / np.where(good, first, 1.0)
    return np.asarray(quotient, dtype=np.float32)


def level(ratios: NDArray[np.float32]) -> float:
    """Median over the blocks of a frame's green, 1 where the light is as expected; NaN if none."""
    green = ratios[..., 1]
    told = green[np.isfinite(green)]
    return float(np.median(told)) if told.size else float("nan")


def mean_level(frames: NDArray[np.float32], levels: NDArray[np.float64]) -> float | None:
    """Mean over a scene of what `level` tells of its frames; arguments as of `local_ratio`."""
    told = np.array([level(each) for each in frames]) / levels
    told = told[np.isfinite(told)]
    return float(np.mean(told)) if len(told) else None


def level_error(ratios: NDArray[np.float64]) -> float:
    """How well the mean light of a clip is known: relative standard error of `raw_ratio`s' mean.

    Light at 100 Hz is met at three phases by 15 frames a second; of a short clip, whose frames do
    not fill them evenly, the mean is no more than a guess, which is not the pattern's fault.
    0 where there are too few frames for gate "flicker": nothing then tells light that varies.
    """
    told = ratios[np.isfinite(ratios)]
    if len(told) < FLICKER_FRAMES:
        return 0.0
    return float(told.std(ddof=1) / told.mean() / np.sqrt(len(told)))


def local_ratio(
    frames: NDArray[np.float32], levels: NDArray[np.float64], whole_error: float = 0.0
) -> LocalRatio | None:
    """The ratio of a clip, by blocks.

    Parameters
    ----------
    frames
        (n, rows, columns, 3) of `block_ratio`.
    levels
        (n,) float64: how the light of each frame stands to the clip's mean (its C2/C1 over the
        mean of all frames); 1 where nothing flickers.
    whole_error
        Standard error that all blocks have in common, see `level_error`.

    Returns
    -------
    LocalRatio or None
        None where too few frames or blocks can be compared.
    """
    if len(frames) < LEAST_FRAMES or not np.isfinite(levels).all():
        return None
    steady = frames.astype(np.float64) / levels[:, None, None, None]
    often = np.isfinite(steady).sum(axis=0) >= max(LEAST_FRAMES, len(frames) // 2)
    if often.mean() < _LEAST_CELLS:
        return None
    cells = steady[:, often]
    median = np.nanmedian(cells, axis=0)
    spread = _SIGMA_OF_MAD * np.nanmedian(np.abs(cells - median), axis=0)
    error = _MEDIAN_LOSS * spread / np.sqrt(np.isfinite(cells).sum(axis=0))
    excess = np.maximum(np.abs(median - 1) - 2 * np.hypot(error, whole_error), 0)
    percent = np.full(often.shape, np.nan)
    percent[often] = 100 * (median - 1)
    return LocalRatio(
        100 * float(np.percentile(excess, _SHARE)), 100 * float(np.median(median) - 1), percent
    )
