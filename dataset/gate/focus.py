r"""How sharp the two views are, on what stands still.

*Relative*: the variance v of the Gaussian by which one view is softer than the other. With the
spectra of `dataset.gate.blur`, a = exp(−2π²·max(−v, 0)·f²) laid on C1, b = exp(−2π²·max(v, 0)·f²)
on C2, v is where

.. math:: \frac{2 g \sum w\,ab\,\Re(B S^*)}{\sum w\,(a^2 |B|^2 + g^2 b^2 |S|^2)}

is largest: the view that is sharper is softened until both are alike.

*Absolute*: the width of edges from the ratio of their gradients at two scales (Zhuo and Sim,
Pattern Recognition 44, 2011, section 3): an edge of standard deviation σ has a gradient that is
proportional to :math:`1/\sqrt{\sigma^2 + s^2}` after smoothing with s, so with the ratio R of
those at :math:`s_1 < s_2`

.. math:: \sigma^2 = (s_2^2 - R^2 s_1^2) / (R^2 - 1)

of which the sharpest quarter counts: a scene may hold soft things.
"""

from __future__ import annotations

import math
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from dataset.gate.blur import Plane, Spectra, block_plan, block_spectra

_BIN_PX: Final = 2
_VARIANCES: Final = np.concatenate(
    [-np.geomspace(0.02, 9.0, 40)[::-1], [0.0], np.geomspace(0.02, 9.0, 40)]
)
_LEAST_BLOCKS: Final = 3
_SCALES: Final = (1.0, 2.0)
_DIFFERENCE: Final = 1 / 3  # variance of the box, 2 px wide, that a difference of neighbours is
_LEAST_EDGES: Final = 200
_SHARPEST: Final = 25.0
_STRONGEST: Final = 90.0


def relative_defocus(blurry: Plane, sharp: Plane, clear: NDArray[np.bool_]) -> float | None:
    """By how much C1 is softer than C2, as a standard deviation with a sign.

    Parameters
    ----------
    blurry, sharp
        `dataset.gate.blur.luminance` of still views, float32 in one unit.
    clear
        False where anything is clipped.

    Returns
    -------
    float or None
        Pixels of the full-size view; negative where C2 is softer. None where there is no detail.
    """
    spectra = block_spectra(blurry, sharp, clear)
    if not len(spectra.gain):
        return None
    likeness = _likeness(spectra)
    detail = (np.abs(spectra.sharp) ** 2).mean(axis=1) > 4 * spectra.noise
    if detail.sum() < _LEAST_BLOCKS:
        return None
    curve = np.median(likeness[detail], axis=0)
    best = int(np.clip(curve.argmax(), 1, len(curve) - 2))
    variance = float(_vertex(_VARIANCES[best - 1 : best + 2], curve[best - 1 : best + 2]))
    return math.copysign(math.sqrt(abs(variance)), variance) * _BIN_PX


def edge_width(picture: NDArray[np.float32]) -> float | None:
    """Standard deviation, in pixels, of the sharper edges of a still picture.

    Parameters
    ----------
    picture
        (h, w, 3) or (h, w) float32, linear; the mean of some frames where there are some.

    Returns
    -------
    float or None
        None where too few edges stand out of the noise.
    """
    plane = picture if picture.ndim == 2 else np.asarray(picture[..., 1])
    fine, coarse = (_gradient(plane, scale) for scale in _SCALES)
    # crests of the coarse gradient: those of the fine one are thin lines, which seem sharper
    strong = coarse > np.percentile(coarse, _STRONGEST)
    crest = coarse >= cv2.dilate(coarse, np.ones((3, 3), np.uint8)) * np.float32(0.999)
    border = np.zeros_like(crest)
    border[8:-8, 8:-8] = True
    edges = strong & crest & border
    if edges.sum() < _LEAST_EDGES * plane.size / 307_200:
        return None
    square = (fine[edges] / np.maximum(coarse[edges], 1e-12)).astype(np.float64) ** 2
    first, second = (scale**2 + _DIFFERENCE for scale in _SCALES)
    variance = (second - square * first) / np.maximum(square - 1, 1e-3)
    return float(math.sqrt(max(0.0, float(np.percentile(variance, _SHARPEST)))))


def _likeness(spectra: Spectra) -> NDArray[np.float64]:
    """(n, K) of all blocks and candidates."""
    plan = block_plan()
    square = plan.x**2 + plan.y**2
    softened = [
        np.exp(-2 * math.pi**2 * np.maximum(sign * _VARIANCES, 0)[:, None] * square)
        for sign in (-1.0, 1.0)
    ]
    gain = spectra.gain[:, None]
    cross = (spectra.blurry * spectra.sharp.conj()).real
    shared = 2 * gain * (cross @ (plan.weight * softened[0] * softened[1]).T)
    own = (np.abs(spectra.blurry) ** 2) @ (plan.weight * softened[0] ** 2).T
    other = gain**2 * ((np.abs(spectra.sharp) ** 2) @ (plan.weight * softened[1] ** 2).T)
    return np.asarray(shared / np.maximum(own + other, 1e-30), dtype=np.float64)


def _vertex(x: NDArray[np.float64], y: NDArray[np.float64]) -> float:
    """Of the parabola through three points, kept between the outer ones."""
    a, b, _ = np.polyfit(x, y, 2)
    return float(x[1]) if a >= 0 else float(np.clip(-b / (2 * a), x[0], x[2]))


def _gradient(plane: Plane, scale: float) -> Plane:
    smooth = cv2.GaussianBlur(plane, (0, 0), scale)
    across, along = (cv2.Sobel(smooth, cv2.CV_32F, *order, ksize=1) for order in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(across, along), dtype=np.float32)
