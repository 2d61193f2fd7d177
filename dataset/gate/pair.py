"""What the gates need of an aligned pair."""

from __future__ import annotations

from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from dataset.gate.blur import Plane, halved, luminance


class AlignedPair(Protocol):
    """A pair in C1's geometry and units.

    Attributes
    ----------
    blurry, sharp
        (h, w, 3) float32, linear DN of C1 above black.
    blurry_saturated, sharp_saturated
        (h, w) bool: clipped, or interpolated from something clipped.
    """

    @property
    def blurry(self) -> NDArray[np.float32]:
        """C1."""
        ...

    @property
    def sharp(self) -> NDArray[np.float32]:
        """C2, resampled and matched to C1."""
        ...

    @property
    def blurry_saturated(self) -> NDArray[np.bool_]:
        """Of C1."""
        ...

    @property
    def sharp_saturated(self) -> NDArray[np.bool_]:
        """Of C2."""
        ...


class PairPlanes:
    """A pair as the measures take it.

    Attributes
    ----------
    blurry, sharp
        (h / 2, w / 2) float32 luminance.
    clear
        (h / 2, w / 2) bool: nothing clipped.
    """

    def __init__(self, pair: AlignedPair) -> None:
        self.blurry: Plane = luminance(pair.blurry)
        self.sharp: Plane = luminance(pair.sharp)
        lit = ~(pair.blurry_saturated | pair.sharp_saturated)
        self.clear: NDArray[np.bool_] = halved(lit.astype(np.float32)) > 0.99
