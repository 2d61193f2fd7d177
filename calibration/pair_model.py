r"""All that turns a recorded pair into an aligned one, as arrays: what a calibration is read for.

With :math:`r_1, r_2` the samples of C1 and C2, :math:`b` their black levels, :math:`p` the gain of
C2's pixels, D a demosaic and W the resampling from C2's pixels to C1's,

.. math:: I_1 = D(r_1 - b_1), \qquad I_2 = M \; \frac{W(D((r_2 - b_2) / p))}{\rho}

where :math:`\rho` is the normalised ratio of the two flats and M the matrix between the colours of
the two cameras. :math:`I_2` is then in the geometry, the shading and the DN of C1.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from acquisition.rig import Role

Map = NDArray[np.float32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True)
class PairModel:
    """The calibration of one setting at one moment of a session.

    Upright views, pixel centres at integers, points (x, y).

    Attributes
    ----------
    formats
        How the frames of each camera are to be read.
    black_dn
        (4,) float32 by position in the upright 2 × 2 cell, row by row.
    map_xy
        "R", "G", "B" → (H1, W1, 2) float32: where in C2 each pixel of C1 lies. One object for all
        three where there is no lateral colour.
    ratio
        (H1, W1, 3) float32, C2's flat over C1's in C1's geometry, mean 1 per channel.
    matrix
        (3, 3) float64, C1's linear RGB from C2's.
    white_dn
        (3,) float64: the lower common level at which a channel of C1 or the matched C2 clips, in
        DN of C1 above black.
    defects
        (H, W) bool of pixels that are not to be believed, or None.
    pixel_gain_2
        (H2, W2) float32, mean 1: sensitivity of C2's single pixels; None where it is not known.
    response
        (2^bits, 3) float32 linear light above black per code of cameras that deliver encoded RGB
        (`black_dn` is taken off already), or None.
    """

    formats: Mapping[Role, FrameFormat]
    black_dn: Mapping[Role, Map]
    map_xy: Mapping[str, Map]
    ratio: Map
    matrix: NDArray[np.float64]
    white_dn: NDArray[np.float64]
    defects: Mapping[Role, Mask | None] = field(
        default_factory=lambda: {"blurry": None, "sharp": None}
    )
    pixel_gain_2: Map | None = None
    response: Mapping[Role, Map | None] = field(
        default_factory=lambda: {"blurry": None, "sharp": None}
    )

    @property
    def shape_1(self) -> tuple[int, int]:
        """Height and width of C1's upright view."""
        height, width = self.map_xy["G"].shape[:2]
        return int(height), int(width)
