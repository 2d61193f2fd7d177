"""Views to predict with: frames of a session's scenes, taken as known between their pixels.

A frame that has been made into colours serves as truth itself: between its pixels it is the cubic
spline through them. It has lost some of the detail that a scene has; how much that matters, and
how it is put right, is told in `calibration.ceiling.prediction`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from calibration.resampling import Resampler

Picture = NDArray[np.float32]
Places = NDArray[np.float32]

LEAST_SIDE_PX: Final = 128
"""Smaller frames are mostly border."""

PUBLISHED_PX: Final = (640, 480)
"""Width and height that pairs are published in unless a build is told otherwise."""

_EDGE: Final = 8


@dataclass(frozen=True)
class Content:
    """A picture that can be asked anywhere.

    Attributes
    ----------
    full
        (H, W, 3) float32, linear, C1's colours, DN of C1 above black.
    """

    full: Picture

    @property
    def shape(self) -> tuple[int, int]:
        """Height and width of what a prediction compares: a border is left out."""
        return self.full.shape[0] - 2 * _EDGE, self.full.shape[1] - 2 * _EDGE

    def at(self, places: Places) -> Picture:
        """(H, W, 3) at places (x, y) from the first compared pixel on, (H, W, 2) float32."""
        inner = (places + np.float32(_EDGE)).astype(np.float32)
        return Resampler(inner, self.full.shape[:2], "spline").resample(self.full)

    def samples(self) -> Picture:
        """At its own pixels."""
        return self.full[_EDGE:-_EDGE, _EDGE:-_EDGE]


def published_part(frame: NDArray[np.generic]) -> NDArray[np.generic]:
    """The middle of a larger frame, as large as what is published, at an even place; a view."""
    begins = [
        max(0, (side - wanted) // 4 * 2)
        for side, wanted in zip(frame.shape[:2], PUBLISHED_PX[::-1], strict=True)
    ]
    height, width = PUBLISHED_PX[1], PUBLISHED_PX[0]
    return frame[begins[0] : begins[0] + height, begins[1] : begins[1] + width]
