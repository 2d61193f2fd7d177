"""What lens, filter and splitter make of an even surface: smooth, but for dust.

A flat field holds the shading, which is smooth, the shadows of dust, which are some pixels wide and
the same in all colours, and each pixel's own sensitivity (PRNU), which is white noise on top. They
are taken apart so: a polynomial for each place of the cell; what is left over, of all pixels
together, goes through a ladder of Gaussians, and of each rung only what stands out of the pixels'
own noise is kept.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from itertools import pairwise
from typing import Final

import cv2
import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from calibration.photometry.position import POSITIONS, by_channel, cells, spots

_DEGREE: Final = 6
_BLOCK: Final = 4
_REWEIGHTINGS: Final = 6
_TUKEY: Final = 4.685
_LADDER_PX: Final = (1.4, 2.0, 2.8, 4.0, 5.6, 8.0, 11.0, 16.0, 32.0)
_FINE_PX: Final = 2.0
_SIGNIFICANT: Final = 4.0
_MAD_TO_SIGMA: Final = 1.4826


@dataclass(frozen=True)
class Shading:
    """An even surface in one view, without the pixels' own sensitivities.

    Attributes
    ----------
    level_dn
        (H, W, 3) float32: signal above black by channel.
    by_place
        (H, W) or (H, W, 3) float32: the same as the sensor samples it.
    pixel_sigma
        Relative spread of the pixels about it: PRNU and what noise is left.
    sigma
        Relative statistical uncertainty of `level_dn`, RMS over the view.
    detailed_share
        Share of the view where more than the polynomial is followed.
    """

    level_dn: NDArray[np.float32]
    by_place: NDArray[np.float32]
    pixel_sigma: float
    sigma: float
    detailed_share: float


def shading_of(signal_dn: NDArray[np.float32], form: FrameFormat) -> Shading:
    """Take a flat field's mean apart.

    Parameters
    ----------
    signal_dn
        (H, W) or (H, W, 3) float32, upright: mean of the frames above black, defects mended.
    form
        Names the mosaic.

    Returns
    -------
    Shading
    """
    shape = signal_dn.shape[:2]
    surfaces, residual = [], np.empty_like(signal_dn)
    places = spots(signal_dn)
    targets = cells(residual)
    for plane, place, target in zip(cells(signal_dn), places, targets, strict=True):
        coefficients = _fit(plane, place, shape)
        surface = _surface(coefficients, shape)
        surfaces.append(surface)
        row, column, step = place
        target[...] = plane / np.maximum(surface[row::step, column::step], 1e-6) - 1
    white = residual.mean(axis=2) if residual.ndim == 3 else residual
    detail, pixel_sigma, sigma, share = _detail(white)
    clear = 1 + detail
    stack = np.stack(surfaces, axis=-1)
    level = by_channel(stack, form, rgb=signal_dn.ndim == 3) * clear[..., None]
    by_place = np.empty_like(signal_dn)
    for surface, place, target in zip(surfaces, places, cells(by_place), strict=True):
        row, column, step = place
        target[...] = (surface * clear)[row::step, column::step]
    terms = (_DEGREE + 1) * (_DEGREE + 2) / 2
    polynomial = pixel_sigma * math.sqrt(terms * POSITIONS / white.size)
    return Shading(
        level.astype(np.float32), by_place, pixel_sigma, math.hypot(sigma, polynomial), share
    )


def _fit(
    plane: NDArray[np.float32], place: tuple[int, int, int], shape: tuple[int, int]
) -> NDArray[np.float64]:
    """Legendre coefficients (7, 7), those above the degree 0, by Tukey's reweighting."""
    rows, columns = (max(1, side // _BLOCK) for side in plane.shape)
    used = plane[: rows * _BLOCK, : columns * _BLOCK].astype(np.float64)
    blocks = used.reshape(rows, _BLOCK, columns, _BLOCK).mean(axis=(1, 3))
    middle = (_BLOCK - 1) / 2
    row, column, step = place
    y = _scaled(row + step * (np.arange(rows) * _BLOCK + middle), shape[0])
    x = _scaled(column + step * (np.arange(columns) * _BLOCK + middle), shape[1])
    pairs = [(i, j) for i in range(_DEGREE + 1) for j in range(_DEGREE + 1 - i)]
    in_y, in_x = legendre.legvander(y, _DEGREE), legendre.legvander(x, _DEGREE)
    basis = np.stack([np.outer(in_y[:, i], in_x[:, j]).ravel() for i, j in pairs], axis=1)
    values = blocks.ravel()
    weights = np.ones(values.size)
    solved = np.zeros(len(pairs))
    for _ in range(_REWEIGHTINGS):
        solved, *_ = np.linalg.lstsq(basis * weights[:, None], values * weights, rcond=None)
        misfit = values - basis @ solved
        sigma = max(_MAD_TO_SIGMA * float(np.median(np.abs(misfit))), 1e-9)
        weights = np.maximum(0.0, 1 - (misfit / (_TUKEY * sigma)) ** 2)
    coefficients = np.zeros((_DEGREE + 1, _DEGREE + 1))
    for (i, j), value in zip(pairs, solved, strict=True):
        coefficients[i, j] = value
    return coefficients


def _surface(coefficients: NDArray[np.float64], shape: tuple[int, int]) -> NDArray[np.float64]:
    """The polynomial on every pixel of the view, (H, W)."""
    y, x = (legendre.legvander(_scaled(np.arange(side), side), _DEGREE) for side in shape)
    return np.asarray(y @ coefficients @ x.T)


def _scaled(at: NDArray[np.float64] | NDArray[np.int64], side: int) -> NDArray[np.float64]:
    return np.asarray(2.0 * at / max(1, side - 1) - 1.0)


def _detail(
    residual: NDArray[np.float32],
) -> tuple[NDArray[np.float64], float, float, float]:
    """What stands out of the pixels' noise; their sigma, that of the detail, the share kept.

    Twice, the second time of what the first has left: Gaussians flatten the edges of a shadow.
    """
    sharp = residual - _blurred(residual, _FINE_PX)
    kept = 1 - 2 * _mass(0.0, _FINE_PX) + _mass(_FINE_PX, _FINE_PX)
    pixel_sigma = _MAD_TO_SIGMA * float(np.median(np.abs(sharp))) / math.sqrt(kept)
    first, variance, share = _climbed(residual, pixel_sigma)
    second, more, _ = _climbed((residual - first).astype(np.float32), pixel_sigma)
    return first + second, pixel_sigma, math.sqrt(variance + more), share


def _climbed(
    residual: NDArray[np.float32], pixel_sigma: float
) -> tuple[NDArray[np.float64], float, float]:
    """Of each rung of the ladder what is significant, the noise in it, and the share kept."""
    rungs = [_blurred(residual, sigma_px) for sigma_px in _LADDER_PX]
    detail = np.zeros(residual.shape)
    variance, share = 0.0, np.zeros(residual.shape, dtype=bool)
    steps = [finer - coarser for finer, coarser in pairwise(rungs)] + [rungs[-1]]
    whites = [
        _mass(narrow, narrow) + _mass(wide, wide) - 2 * _mass(narrow, wide)
        for narrow, wide in pairwise(_LADDER_PX)
    ] + [_mass(_LADDER_PX[-1], _LADDER_PX[-1])]
    for step, white, width_px in zip(steps, whites, _LADDER_PX, strict=True):
        sigma = pixel_sigma * math.sqrt(white)
        mask = _grown(np.abs(step) > _SIGNIFICANT * sigma, width_px)
        detail += np.where(mask, step, 0.0)
        variance += sigma**2 * float(mask.mean())
        share |= mask
    return detail, variance, float(share.mean())


def _mass(one_px: float, other_px: float) -> float:
    """Integral of the product of two Gaussians (σ in px): what is left of white noise's variance.

    Of a single pixel and a Gaussian it is the Gaussian's peak.
    """
    return 1 / (2 * math.pi * (one_px**2 + other_px**2))


def _blurred(residual: NDArray[np.float32], sigma_px: float) -> NDArray[np.float32]:
    border = cv2.BORDER_REFLECT_101
    return np.asarray(cv2.GaussianBlur(residual, (0, 0), sigma_px, borderType=border))


def _grown(mask: NDArray[np.bool_], radius_px: float) -> NDArray[np.bool_]:
    side = 2 * max(1, round(radius_px)) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (side, side))
    return np.asarray(cv2.dilate(mask.astype(np.uint8), kernel)).astype(bool)
