r"""How the two views lie to each other: a similarity by least squares, for aligning a rig by hand.

The upright views are compared as planes of 2 × 2 bins (green: its two pixels lie evenly about the
bin's centre, whatever the mosaic and the mirror), both low-passed so that the blurry and the sharp
one look alike. First the whole shift by phase correlation, then Gauss-Newton steps (inverse
compositional: Baker and Matthews, IJCV 56, 2004, section 3.2) on shift, turn, scale and the light's
gain and offset, with Huber weights, from coarse to fine. The covariance is the sandwich over blocks
(White 1980; errors inside a block are not independent), so that what the model does not explain
(parallax, things that move) widens the uncertainty. A blur that is not even about its middle (a
shake that turns within the exposure) shifts C1 by itself: stand still to align.

Convention: points (x, y) in sensor pixels, centres at integers, C2 → C1. With the middles
:math:`m` of the views,
:math:`p_1 = m_1 + s R(\varphi) (p_2 - m_2) + t`.

This is an aid: the calibration measures with a target, and a homography. A regular grid repeats
itself: a picture of one may be matched a period away.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.blocks import BLOCK_PX, Blocks, Map, blocks
from acquisition.picture.view import Frame, FrameFormat

FINEST_PX: Final = 400
"""Planes are shrunk until their longer side is at most so long: accurate enough, and quick."""

_SMOOTHING: Final = 1.2  # standard deviation of the low-pass, in pixels of the level
_SHADING: Final = 12.0
_STEPS: Final = 12
_SETTLED: Final = 5e-3  # pixels of the level
_HUBER: Final = 1.345
_LEAST_SIDE: Final = 24
_CLUSTER: Final = 10  # pixels of a level along a cluster
_SIGMA_OF_MAD: Final = 1.4826
_LEAST_RESPONSE: Final = 0.02
_LEAST_LIKENESS: Final = 0.4
_WORST_CONDITION: Final = 1e16


class Offset(NamedTuple):
    """A similarity and its standard errors.

    Attributes
    ----------
    shift_px
        Of the middle of C2 in C1, (x, y).
    rotation_mrad, scale
        Of C2 in C1; positive turns x towards y.
    shift_error_px, rotation_error_mrad, scale_error
        Standard errors.
    likeness
        Correlation of the aligned views, 0 to 1.
    """

    shift_px: tuple[float, float]
    rotation_mrad: float
    scale: float
    shift_error_px: tuple[float, float]
    rotation_error_mrad: float
    scale_error: float
    likeness: float


class _Level(NamedTuple):
    """Both planes at one resolution, and what of C2's may be compared."""

    blurry: Map
    sharp: Map
    clear: NDArray[np.bool_]
    pitch_px: float


class _Similarity(NamedTuple):
    """p1 = turn · p2 + shift on complex numbers x + iy, from the middles, in pixels of a level."""

    turn: complex
    shift: complex


class _Fit(NamedTuple):
    """A regression of warped C1 on C2: gain, offset, change of turn (2) and shift (2)."""

    coefficients: NDArray[np.float64]
    normal: NDArray[np.float64]
    rest: Map
    weights: Map


def register_frames(
    blurry: Frame, sharp: Frame, forms: tuple[FrameFormat, FrameFormat]
) -> Offset | None:
    """`register` for frames as delivered; 10 to 40 ms."""
    return register(blocks(blurry, forms[0]), blocks(sharp, forms[1]))


def register(blurry: Blocks, sharp: Blocks) -> Offset | None:
    """Where C2's pixels lie in C1; None where the views show nothing that could be compared.

    Parameters
    ----------
    blurry, sharp
        Frames of one pulse, C1 and C2. Of unlike sizes the upper left parts are compared.
    """
    rows, columns = (min(pair) for pair in zip(blurry.shape, sharp.shape, strict=True))
    levels = _pyramid(blurry.part(rows, columns), sharp.part(rows, columns))
    guess = _Similarity(1 + 0j, _whole_shift(levels[-1]))
    fit: _Fit | None = None
    for level in reversed(levels):
        refined = _refined(level, guess)
        if refined is None:
            return None
        guess, fit = refined
        if level is not levels[0]:
            guess = _Similarity(guess.turn, 2 * guess.shift)
    if fit is None:
        return None
    return _offset(levels[0], guess, fit, _middles(blurry, sharp, (rows, columns)))


def _pyramid(blurry: Blocks, sharp: Blocks) -> list[_Level]:
    """Finest level first."""
    planes = blurry.green, sharp.green
    clipped = (blurry.any_clipped | sharp.any_clipped).astype(np.uint8)
    clear = cv2.dilate(clipped, np.ones((3, 3), dtype=np.uint8)) == 0
    pitch_px = 2.0
    levels = []
    while True:
        height, width = planes[0].shape
        if max(height, width) <= FINEST_PX:
            smooth = [_band(each) for each in planes]
            mask = cv2.resize(
                clear.astype(np.uint8), (width, height), interpolation=cv2.INTER_NEAREST
            )
            levels.append(_Level(smooth[0], smooth[1], mask > 0, pitch_px))
            if min(height, width) < 2 * _LEAST_SIDE:
                return levels
        half = width // 2, height // 2
        planes = _halved(planes[0], half), _halved(planes[1], half)
        pitch_px *= 2


def _band(plane: Map) -> Map:
    """Low-passed, and less the shading, which is no picture of the scene."""
    fine, coarse = (cv2.GaussianBlur(plane, (0, 0), sigma) for sigma in (_SMOOTHING, _SHADING))
    return np.asarray(cv2.subtract(fine, coarse))


def _halved(plane: Map, half: tuple[int, int]) -> Map:
    even = plane[: half[1] * 2, : half[0] * 2]
    return np.asarray(cv2.resize(even, half, interpolation=cv2.INTER_AREA))


def _whole_shift(level: _Level) -> complex:
    """By phase correlation."""
    window = np.outer(np.hanning(level.sharp.shape[0]), np.hanning(level.sharp.shape[1]))
    first, second = (
        ((each - each.mean()) * window).astype(np.float64) for each in (level.blurry, level.sharp)
    )
    (x, y), response = cv2.phaseCorrelate(second, first)
    return complex(x, y) if response > _LEAST_RESPONSE else 0j


def _refined(level: _Level, guess: _Similarity) -> tuple[_Similarity, _Fit] | None:
    """Gauss-Newton steps at one level; None where the planes hold nothing to hold on to."""
    design = _jacobian(level.sharp).reshape(-1, 6)
    reach = max(level.sharp.shape) / 2
    weights: Map | None = None
    fit: _Fit | None = None
    for _ in range(_STEPS):
        warped, inside = _warped(level.blurry, guess)
        used = (inside & level.clear).ravel()
        if used.sum() < _CLUSTER**2:
            return None
        weights = used.astype(np.float32) if weights is None else weights * used
        fit = _fitted(design, warped.ravel(), used, weights)
        if fit is None or fit.coefficients[0] <= 0:
            return None
        weights = fit.weights
        turn, shift = (
            complex(*fit.coefficients[at : at + 2]) / fit.coefficients[0] for at in (2, 4)
        )
        guess = _Similarity(guess.turn * (1 + turn), guess.shift + guess.turn * shift)
        if abs(shift) + abs(turn) * reach < _SETTLED:
            break
    return None if fit is None else (guess, fit)


def _jacobian(sharp: Map) -> Map:
    """(h, w, 6): C2, 1, and minus its change with turn (2) and shift (2)."""
    height, width = sharp.shape
    y, x = np.mgrid[0:height, 0:width].astype(np.float32)
    x -= np.float32((width - 1) / 2)
    y -= np.float32((height - 1) / 2)
    dy, dx = np.gradient(sharp)
    columns = (sharp, np.ones_like(sharp), -(dx * x + dy * y), dx * y - dy * x, -dx, -dy)
    return np.stack(columns, axis=2).astype(np.float32, copy=False)


def _warped(plane: Map, guess: _Similarity) -> tuple[Map, NDArray[np.bool_]]:
    """C1 where C2's pixels look, bilinear (OpenCV's moves in steps of 1/32), and which it has."""
    height, width = plane.shape
    x = np.arange(width, dtype=np.float32) - np.float32((width - 1) / 2)
    y = np.arange(height, dtype=np.float32)[:, None] - np.float32((height - 1) / 2)
    cos, sin = np.float32(guess.turn.real), np.float32(guess.turn.imag)
    at_x = (cos * x - sin * y) + np.float32(guess.shift.real + (width - 1) / 2)
    at_y = (sin * x + cos * y) + np.float32(guess.shift.imag + (height - 1) / 2)
    inside = (at_x >= 0) & (at_x < width - 1) & (at_y >= 0) & (at_y < height - 1)
    left = np.clip(at_x, 0, width - 2).astype(np.int32)
    top = np.clip(at_y, 0, height - 2).astype(np.int32)
    u, v = at_x - left, at_y - top
    first = top * np.int32(width) + left
    flat = plane.ravel()
    upper, lower = (
        flat.take(at) + u * (flat.take(at + 1) - flat.take(at)) for at in (first, first + width)
    )
    return upper + v * (lower - upper), inside


def _fitted(design: Map, warped: Map, used: NDArray[np.bool_], weights: Map) -> _Fit | None:
    """Regression of warped C1, all (N,), on the design (N, 6), and the next Huber weights."""
    weighted = design * weights[:, None]
    normal = (weighted.T @ design).astype(np.float64)
    if np.linalg.cond(normal) > _WORST_CONDITION:
        return None
    moments = (weighted.T @ warped).astype(np.float64)
    solved = np.asarray(np.linalg.solve(normal, moments), dtype=np.float64)
    rest = warped - design @ solved.astype(np.float32)
    limit = np.float32(max(_HUBER * _SIGMA_OF_MAD * float(np.median(np.abs(rest[used]))), 1e-9))
    return _Fit(solved, normal, rest, used / np.maximum(np.float32(1), np.abs(rest) / limit))


def _errors(level: _Level, fit: _Fit) -> NDArray[np.float64]:
    """Standard errors of the coefficients, where errors inside a cluster go together."""
    design = _jacobian(level.sharp)
    scores = design * (fit.weights * fit.rest).reshape(level.sharp.shape)[..., None]
    height, width = (length // _CLUSTER for length in level.sharp.shape)
    cut = scores[: height * _CLUSTER, : width * _CLUSTER]
    sums = cut.reshape(height, _CLUSTER, width, _CLUSTER, 6).sum(axis=(1, 3), dtype=np.float64)
    flat = sums.reshape(-1, 6)
    inverse = np.linalg.inv(fit.normal)
    variances = np.diag(inverse @ (flat.T @ flat) @ inverse)
    return np.asarray(np.sqrt(np.maximum(variances, 0.0)) / fit.coefficients[0])


def _likeness(level: _Level, guess: _Similarity) -> float:
    warped, inside = _warped(level.blurry, guess)
    used = inside & level.clear
    return float(np.corrcoef(level.sharp[used], warped[used])[0, 1])


def _middles(blurry: Blocks, sharp: Blocks, shape: tuple[int, int]) -> tuple[complex, complex]:
    """Middles of the whole views, from the middle of what was compared."""
    compared = complex(shape[1], shape[0]) * BLOCK_PX
    first, second = ((complex(*each.size_px) - compared) / 2 for each in (blurry, sharp))
    return first, second


def _offset(
    level: _Level, guess: _Similarity, fit: _Fit, middles: tuple[complex, complex]
) -> Offset | None:
    likeness = _likeness(level, guess)
    if not likeness > _LEAST_LIKENESS:
        return None
    errors = _errors(level, fit)
    shift = guess.shift * level.pitch_px + guess.turn * middles[1] - middles[0]
    return Offset(
        shift_px=(shift.real, shift.imag),
        rotation_mrad=1000.0 * math.atan2(guess.turn.imag, guess.turn.real),
        scale=abs(guess.turn),
        shift_error_px=(float(errors[4]) * level.pitch_px, float(errors[5]) * level.pitch_px),
        rotation_error_mrad=1000.0 * float(errors[3]),
        scale_error=float(errors[2]),
        likeness=likeness,
    )
