"""Views to predict with: as detailed as the camera shows scenes, yet known between the pixels.

Demosaicing costs most where detail is finest, so that a prediction needs pictures with the detail
of the camera's own. They are made from a session's frames at half their size: a pixel of the
prediction is the mean of 2 × 2 real ones, and between its pixels the picture is known from the
finer one. The statistics of natural scenes do not depend much on scale (Ruderman and Bialek,
Physical Review Letters 73, 1994); what they do is taken up twice: by a second picture whose finest
detail is made weaker or stronger until greens of a mosaic curve as much as in the raw frame (noise
taken off), and by what a second demosaicing does to the frame in its full size (see
`calibration.ceiling.prediction`).
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
"""Sigma, in pixels of the prediction, below which detail is made weaker or stronger."""
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


@dataclass(frozen=True)
class View:
    """What a raw frame is to a prediction.

    Attributes
    ----------
    full
        (H, W, 3) float32: the frame, demosaiced, in C1's colours.
    halves
        The frame at half its size, as it is and with its detail matched.
    """

    full: Picture
    halves: tuple[Content, Content]


def view_of(
    mosaic: Picture, cfa: Cfa, matrix: NDArray[np.float64], noise_variance_dn2: float
) -> View:
    """Prepare a raw frame.

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
    matched = _matched(pairs, float(matrix[1].sum()), wanted)
    return View(np.asarray(colours, dtype=np.float32), (Content(pairs), Content(matched)))


def _matched(pairs: Picture, gain: float, wanted: float) -> Picture:
    """Detail weaker or stronger, until greens in DN of C2 curve as `wanted`."""
    soft = np.asarray(
        cv2.GaussianBlur(pairs, (0, 0), 2.0 * _COARSE_PX, borderType=cv2.BORDER_REFLECT_101),
        dtype=np.float32,
    )
    rest = pairs - soft
    low, high = 0.0, _MOST_DETAIL
    for _ in range(_STEPS):
        share = 0.5 * (low + high)
        green = np.float32(1 / gain) * (soft[::2, ::2, 1] + np.float32(share) * rest[::2, ::2, 1])
        if 0.5 * (_curvature(green, 0, 1) + _curvature(green, 1, 0)) < wanted:
            low = share
        else:
            high = share
    return np.asarray(soft + np.float32(low) * rest, dtype=np.float32)


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
