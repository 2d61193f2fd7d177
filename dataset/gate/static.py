"""How far things move from one sharp frame to the next."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

from dataset.gate.alignment import shift_grid
from dataset.gate.blur import Plane

_SHARE: Final = 95.0
_SIGMAS: Final = 3.0
_FAR_PX: Final = 2.0
_ALIKE: Final = 0.9


def way_px(before: Plane, after: Plane, clear: NDArray[np.bool_]) -> float:
    """The way of what moves most between two sharp planes, three standard errors taken off.

    Parameters
    ----------
    before, after
        `dataset.gate.blur.luminance` of the sharp view of two frames.
    clear
        False where either is clipped.

    Returns
    -------
    float
        Pixels of the full-size view: the 95th percentile over blocks. Where the planes are so
        unlike that no shift explains them, at least 2.
    """
    grid = shift_grid(before, after, clear)
    if not len(grid.error_px):
        return 0.0 if _alike(before, after) else _FAR_PX
    lengths = np.hypot(*grid.shift_px.T) - _SIGMAS * grid.error_px
    way = float(np.percentile(np.maximum(lengths, 0.0), _SHARE))
    return way if way > 0 or _alike(before, after) else _FAR_PX


def _alike(first: Plane, second: Plane) -> bool:
    """Whether their correlation is high, or both are flat."""
    spread = first.std() * second.std()
    if spread <= 1e-12 * max(1.0, float(abs(first.mean() * second.mean()))):
        return True
    product = ((first - first.mean()) * (second - second.mean())).mean()
    return bool(product > _ALIKE * spread)
