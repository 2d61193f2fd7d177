"""How fast board time may pass while pictures are being computed.

The board runs in real time at most. Exposures that wait for their pictures slow it down step by
step, rather than stop and go: a controller that creeps still answers its host within the host's
patience, and hears its heartbeats more often than it asks for. With ``b`` exposures of the busier
camera under way and a limit of N, the speed is

====================  ===========================
b ≤ 1                 1
1 < b < N             4^(1 - b), at least 1/1024
b ≥ N                 0
====================  ===========================

so that it settles where as many pictures are asked for as can be made, a few exposures behind.
Credit that was given at full speed is not taken back: up to `overrun_frames` exposures come beyond
the limit where they follow each other fast.
"""

from __future__ import annotations

import math
from typing import Final

HORIZON_NS: Final = 20_000_000
"""Credit beyond what the board has told of: covers the way there and back at full speed."""

AHEAD_FRAMES: Final = 6
"""Exposures of one camera that may wait before board time stands still."""

_SLOWEST: Final = 1 / 1024


def board_speed(waiting: int, ahead_frames: int = AHEAD_FRAMES) -> float:
    """Board time per wall time, 0 to 1.

    Parameters
    ----------
    waiting
        Exposures of the busier camera that are over and not yet pictures.
    ahead_frames
        N of the table above.
    """
    if waiting >= ahead_frames:
        return 0.0
    return float(max(_SLOWEST, 4.0 ** min(0, 1 - waiting)))


def overrun_frames(period_ns: int) -> int:
    """Exposures of one camera that the credit given at full speed lets come beyond the limit.

    Parameters
    ----------
    period_ns
        Shortest distance of two exposures, above 0.
    """
    return math.ceil(HORIZON_NS / period_ns)


class Pacer:
    """The credit of a board, from what it has told and what waits.

    Parameters
    ----------
    begin_ns
        Board time at the beginning.
    ahead_frames
        Exposures of a camera that may wait before time stands still.
    """

    def __init__(self, begin_ns: int, ahead_frames: int = AHEAD_FRAMES) -> None:
        self._ahead_frames = ahead_frames
        self.granted_ns = begin_ns + HORIZON_NS

    def grant(self, reached_ns: int, passed_ns: int, waiting: int) -> int:
        """The next credit.

        Parameters
        ----------
        reached_ns
            Latest board time that has been told.
        passed_ns
            Wall time since the last call.
        waiting
            Exposures of the busier camera that are not yet pictures.

        Returns
        -------
        int
            Board time up to which the board may run; it never falls.
        """
        speed = board_speed(waiting, self._ahead_frames)
        if speed >= 1.0:
            wanted = reached_ns + HORIZON_NS
        else:
            wanted = min(self.granted_ns + int(passed_ns * speed), reached_ns + HORIZON_NS)
        self.granted_ns = max(self.granted_ns, wanted)
        return self.granted_ns
