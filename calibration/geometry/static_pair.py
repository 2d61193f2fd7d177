"""Both views of a scene at rest, and the textured pixels by which they are laid on each other."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from scipy.ndimage import spline_filter

from calibration.geometry.view_map import Points

Picture = NDArray[np.float32]
Values = NDArray[np.float64]

BORDER_PX = 12
"""Beyond the reach of the smoothing and the spline's prefilter, in both views."""

_SMOOTHING_PX = 1.0  # takes away what demosaicing makes differently in the two mosaics
_MOST_PIXELS = 60_000
_TEXTURED = 0.85
_TILE_PX = 48


@dataclass(frozen=True)
class StaticPair:
    """Both views of a scene at rest.

    Attributes
    ----------
    image_1, image_2
        (H, W) float32, upright linear luminance, mean of the clip's frames.
    mask_1
        (H1, W1) bool of pixels that may be used, e.g. not clipped, or None for all.
    pose
        Name of the pose of the target that the clip shows, "" for another scene.
    """

    image_1: Picture
    image_2: Picture
    mask_1: NDArray[np.bool_] | None = None
    pose: str = ""


@dataclass(frozen=True)
class Sampled:
    """A pair made ready: where C1 is textured, its values there, and C2's spline.

    Attributes
    ----------
    at
        (n, 2) float64, upright pixels of C1.
    values, gradient
        (n,) and (n, 2) float64 of the smoothed C1 there.
    spline
        (H2, W2) float64: cubic B-spline coefficients of the smoothed C2.
    tile
        (n,) which square of C1 each pixel lies in.
    """

    at: Points
    values: Values
    gradient: Points
    spline: NDArray[np.float64]
    tile: NDArray[np.int64]


def sampled(pair: StaticPair) -> Sampled:
    """Textured pixels of C1, evenly thinned out, and C2's spline coefficients."""
    first, second = (
        np.asarray(
            cv2.GaussianBlur(image.astype(np.float32), (0, 0), _SMOOTHING_PX), dtype=np.float32
        )
        for image in (pair.image_1, pair.image_2)
    )
    dx, dy = _gradients(first)
    strength = np.hypot(dx, dy)
    allowed = np.zeros(first.shape, dtype=bool)
    allowed[BORDER_PX:-BORDER_PX, BORDER_PX:-BORDER_PX] = True
    if pair.mask_1 is not None:
        spoilt = cv2.dilate((~pair.mask_1).astype(np.uint8), np.ones((9, 9), np.uint8))
        allowed &= spoilt == 0
    # The noise of a flat area's gradient would only add noise to the solution.
    least = np.quantile(strength[allowed], _TEXTURED) if allowed.any() else 0.0
    y, x = np.nonzero(allowed & (strength >= least) & (strength > 0))
    stride = -(-len(x) // _MOST_PIXELS) or 1
    x, y = x[::stride], y[::stride]
    columns = first.shape[1] // _TILE_PX + 1
    return Sampled(
        at=np.column_stack([x, y]).astype(np.float64),
        values=first[y, x].astype(np.float64),
        gradient=np.column_stack([dx[y, x], dy[y, x]]).astype(np.float64),
        spline=np.asarray(spline_filter(second.astype(np.float64), order=3), dtype=np.float64),
        tile=(y // _TILE_PX) * columns + x // _TILE_PX,
    )


def _gradients(image: Picture) -> tuple[Picture, Picture]:
    kernel = np.array([[-0.5, 0.0, 0.5]], dtype=np.float32)
    dx = cv2.filter2D(image, cv2.CV_32F, kernel)
    dy = cv2.filter2D(image, cv2.CV_32F, kernel.T)
    return np.asarray(dx, dtype=np.float32), np.asarray(dy, dtype=np.float32)
