"""How much of a pair is clipped."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def clipped_percent(blurry: NDArray[np.bool_], sharp: NDArray[np.bool_]) -> float:
    """Share of pixels, in per cent, that are clipped in either view; both (h, w) bool."""
    return 100.0 * float(np.count_nonzero(blurry | sharp)) / blurry.size
