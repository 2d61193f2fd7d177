"""Pictures to predict with: as detailed as the camera shows scenes, yet known between the pixels.

Demosaicing costs most where detail is finest, so that a prediction needs pictures with the detail
of the camera's own. They are made from a session's frames at half their size: a pixel of the
prediction is the mean of 2 × 2 real ones, with its finest detail made weaker or stronger until
greens of a mosaic curve as much as in the raw frames (noise taken off). The statistics of natural
scenes do not depend on scale (Ruderman and Bialek, Physical Review Letters 73, 1994). Between its
pixels the picture is known from the finer one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import Cfa
from calibration.mosaic import channel_index, demosaic
from calibration.resampling import Resampler

Picture = NDArray[np.float32]
Places = NDArray[np.float32]

_STEPS: Final = 12
_MOST_DETAIL: Final = 1.5
_COARSE_PX: Final = 1.3
"""Sigma, in pixels of the prediction, below which detail is made weaker or stronger. Tried from
0.7 to 1.7 on six rendered views, where it leaves both ceilings within 0.8 dB of the true ones."""
_CORNERS: Final = np.array([[1, 0, 1], [0, 0, 0], [1, 0, 1]], dtype=np.float32) / 4
_EDGE: Final = 4  # pixels of the prediction that the fine picture reaches farther


@dataclass(frozen=True)
class Content:
    """A picture that can be asked anywhere.

    Attributes
    ----------
    fine
        (2h, 2w, 3) float32, linear: means of 2 × 2 pixels, beginning at each of the fine ones.
    """

    fine: Picture

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width in pixels of the prediction."""
        return self.fine.shape[0] // 2 - 2 * _EDGE, self.fine.shape[1] // 2 - 2 * _EDGE

    def at(self, places: Places) -> Picture:
        """(H, W, 3) at places (x, y) in pixels of the prediction, (H, W, 2) float32."""
        inner = np.float32(2.0) * (places + np.float32(_EDGE))
        return Resampler(inner.astype(np.float32), self.fine.shape[:2], "spline").resample(
            self.fine
        )

    def samples(self) -> Picture:
        """At its own pixels."""
        rows, columns = self.shape
        first = 2 * _EDGE
        return self.fine[first : first + 2 * rows : 2, first : first + 2 * columns : 2]


def content_of(
    mosaic: Picture, cfa: Cfa, matrix: NDArray[np.float64], noise_variance_dn2: float
) -> Content:
    """A picture with the detail of a raw frame.

    Parameters
    ----------
    mosaic
        (H, W) float32 of C2, upright, DN above black.
    cfa
        Its colours.
    matrix
        C1's colours from C2's.
    noise_variance_dn2
        Mean variance in time of its green samples.
    """
    wanted = max(0.0, detail(mosaic, cfa) - 1.25 * noise_variance_dn2)
    colours = demosaic(mosaic, cfa) @ matrix.T.astype(np.float32)
    pairs = _pairs(colours)
    soft = np.asarray(
        cv2.GaussianBlur(pairs, (0, 0), 2.0 * _COARSE_PX, borderType=cv2.BORDER_REFLECT_101),
        dtype=np.float32,
    )
    rest = pairs - soft
    gain = float(matrix[1].sum())
    low, high = 0.0, _MOST_DETAIL
    for _ in range(_STEPS):
        share = 0.5 * (low + high)
        green = np.float32(1 / gain) * (soft[::2, ::2, 1] + np.float32(share) * rest[::2, ::2, 1])
        if 0.5 * (_curvature(green, 0, 1) + _curvature(green, 1, 0)) < wanted:
            low = share
        else:
            high = share
    return Content(soft + np.float32(low) * rest)


def _pairs(colours: Picture) -> Picture:
    """Means of 2 × 2 pixels beginning at each one."""
    blurred = cv2.blur(colours, (2, 2), anchor=(0, 0), borderType=cv2.BORDER_REFLECT_101)
    return np.asarray(blurred, dtype=np.float32)


def detail(mosaic: Picture, cfa: Cfa) -> float:
    """Mean square of what greens differ from the mean of the four greens around them, DN²."""
    places = np.argwhere(channel_index(cfa) == 1)
    (y0, x0), (y1, x1) = (tuple(int(v) for v in place) for place in places)
    return 0.5 * (_curvature(mosaic, y0, x0) + _curvature(mosaic, y1, x1))


def _curvature(picture: Picture, y: int, x: int) -> float:
    """The same of every second pixel from (y, x) on, whose neighbours lie a diagonal away."""
    corners = cv2.filter2D(picture, cv2.CV_32F, _CORNERS, borderType=cv2.BORDER_REFLECT_101)
    difference = (picture - corners)[y::2, x::2]
    return float(np.mean(np.square(difference, dtype=np.float64)))
