"""How surely a flat field's shading is known, place by place.

The polynomial is known everywhere alike. The shadows of dust are not: where fine detail is
followed, the pixels' own sensitivities are followed with it, and edges finer than the ladder are
flattened. What that comes to is told by the estimate itself (parametric bootstrap; B. Efron, Annals
of Statistics 7, 1979): pixels with new sensitivities are drawn on the shading found, it is taken
apart again, and what comes out differs from what went in by as much as the first did from the
truth. Edges that were flattened once are flatter to begin with, so there it is still too little.
"""

from __future__ import annotations

from typing import Final

import cv2
import numpy as np
from numpy.typing import NDArray

from acquisition.picture.view import FrameFormat
from calibration.photometry.shading import Shading, shading_of

_DRAWS: Final = 2
_SEED: Final = 0x5AADE
_SMOOTHING_PX: Final = 2.8


def shading_spread(shading: Shading, form: FrameFormat) -> NDArray[np.float32]:
    """Relative standard error of `Shading.level_dn`, (H, W) float32, all channels together.

    Parameters
    ----------
    shading
        Of a flat field.
    form
        Names the mosaic, as for `shading_of`.
    """
    shape = shading.by_place.shape
    total = np.zeros(shape[:2], dtype=np.float64)
    for draw in range(_DRAWS):
        generator = np.random.default_rng(np.random.SeedSequence([_SEED, draw]))
        pixels = 1.0 + shading.pixel_sigma * generator.standard_normal(shape, dtype=np.float32)
        again = shading_of(np.asarray(shading.by_place * pixels, dtype=np.float32), form)
        off = again.level_dn / np.maximum(shading.level_dn, 1e-6) - 1.0
        total += (off.astype(np.float64) ** 2).mean(axis=2)
    # Few draws tell little of one pixel; its neighbours are followed as closely as it is.
    variance = cv2.GaussianBlur(total / _DRAWS, (0, 0), _SMOOTHING_PX)
    return np.sqrt(variance).astype(np.float32)
