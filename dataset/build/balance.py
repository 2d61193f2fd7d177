"""White balance of a clip: one set of gains for both views and all frames."""

from __future__ import annotations

from typing import Final

import numpy as np
from numpy.typing import NDArray

_POWER: Final = 6
_LEAST, _MOST = 0.25, 4.0
_DECIMALS: Final = 4  # gains are published: the last bits of a sum must not show


class LightSum:
    """Adds up aligned sharp pictures of a clip and tells the gains that make its light grey.

    The light of a scene is taken as the Minkowski mean of its colours with the power 6 (shades of
    grey: Finlayson & Trezzi, Color Imaging Conference 2004), over pixels that are not saturated.
    """

    def __init__(self) -> None:
        self._sums = np.zeros(3, dtype=np.float64)
        self._count = 0

    def add(
        self,
        sharp: NDArray[np.float32],
        saturated: NDArray[np.bool_],
        white_dn: NDArray[np.float64],
    ) -> None:
        """Add a picture.

        Parameters
        ----------
        sharp
            (h, w, 3) float32 linear, DN above black.
        saturated
            (h, w); those pixels do not count.
        white_dn
            (3,) level of white: keeps the powers within range.
        """
        shares = np.clip(sharp[::2, ::2] / np.max(white_dn), 0.0, 1.0).astype(np.float64)
        usable = ~saturated[::2, ::2]
        self._sums += np.sum(shares[usable] ** _POWER, axis=0)
        self._count += int(usable.sum())

    def gains(self) -> tuple[float, float, float]:
        """Red, green and blue, green 1, each within 0.25 and 4; 1 where nothing was seen."""
        if self._count == 0 or np.any(self._sums <= 0):
            return (1.0, 1.0, 1.0)
        light = (self._sums / self._count) ** (1 / _POWER)
        red, blue = (
            round(float(np.clip(light[1] / light[place], _LEAST, _MOST)), _DECIMALS)
            for place in (0, 2)
        )
        return (red, 1.0, blue)
