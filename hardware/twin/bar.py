"""The LED bar as the scene shows it: how long each LED shone in a window of the world's time.

The pattern itself belongs to the bar (`hardware.ledbar.pattern`); here is only its free clock.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from hardware.ledbar import pattern
from hardware.twin.pictures_config import LedBar


class Bar:
    """A bar with its clock.

    Parameters
    ----------
    config
        Its rate, its offset, and whether its jumper is closed.
    """

    def __init__(self, config: LedBar) -> None:
        self._rate = 1.0 + config.clock_ppm * 1e-6
        self._offset_us = config.offset_us
        self._equalise = config.equalise

    def clock_us(self, time_ns: int) -> float:
        """The bar's own time at a time of the world."""
        return time_ns / 1000.0 * self._rate + self._offset_us

    def lit_seconds(self, begin_ns: int, end_ns: int) -> NDArray[np.float64]:
        """World seconds of light of each LED, (75,), over a window of the world's time."""
        begin_us, end_us = self.clock_us(begin_ns), self.clock_us(end_ns)
        lit_us = pattern.light_integral(begin_us, end_us, equalise=self._equalise)
        return lit_us / self._rate * 1e-6
