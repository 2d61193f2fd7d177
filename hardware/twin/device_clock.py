"""A camera's own clock: it began to count some time, and runs at its own rate."""

from __future__ import annotations

import bisect
from typing import NamedTuple


class _Stretch(NamedTuple):
    """From a board time on: the device time there, and the rate."""

    board_ns: int
    device_ns: int
    drift_ppm: float


class DeviceClock:
    """Device time as a function of board time, both in ns.

    Parameters
    ----------
    offset_ns
        Device time at board time 0.
    drift_ppm
        How much faster than the board's it runs.
    """

    def __init__(self, offset_ns: int = 0, drift_ppm: float = 0.0) -> None:
        self._stretches = [_Stretch(0, offset_ns, drift_ppm)]

    def at(self, board_ns: int) -> int:
        """Device time at a board time, which may lie in the past; never below 0."""
        index = bisect.bisect_right(self._stretches, board_ns, key=lambda s: s.board_ns) - 1
        stretch = self._stretches[max(index, 0)]
        passed = board_ns - stretch.board_ns
        return max(stretch.device_ns + passed + round(passed * stretch.drift_ppm * 1e-6), 0)

    def drift(self, board_ns: int, drift_ppm: float) -> None:
        """Run at another rate from a board time on, without a jump."""
        self._stretches.append(_Stretch(board_ns, self.at(board_ns), drift_ppm))

    def reset(self, board_ns: int) -> None:
        """Count from 0 again."""
        self._stretches.append(_Stretch(board_ns, 0, self._stretches[-1].drift_ppm))
