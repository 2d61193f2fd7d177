"""What is known of a frame when it arrives: one row of metadata, the same in memory and on disk."""

from __future__ import annotations

from enum import IntFlag
from typing import Final

import numpy as np

NO_ID: Final = 2**64 - 1
"""`frame_id` where the producer gives none."""

NO_TIME: Final = -1
"""`device_ns` where the producer gives none."""


class ArrivalFlag(IntFlag):
    """Bits of `flags`.

    Attributes
    ----------
    COMPLETE
        All bytes of the frame arrived.
    TRUNCATED
        Fewer bytes than a frame has arrived; its payload is handed over, padded.
    """

    COMPLETE = 1
    TRUNCATED = 2


ARRIVAL: Final = np.dtype(
    [
        ("arming", "<u4"),
        ("flags", "<u4"),
        ("index", "<u8"),
        ("frame_id", "<u8"),
        ("device_ns", "<i8"),
        ("host_ns", "<i8"),
        ("size", "<u4"),
        ("skipped", "<u4"),
    ]
)
"""One frame as it arrived, 48 bytes, little-endian.

=========== ================================================================================
field       meaning
=========== ================================================================================
arming      number of the arming that the frame belongs to; one arming, one take
flags       bits of `ArrivalFlag`
index       0, 1, 2, … of this arming, as handed over
frame_id    the camera's own number of the frame, or `NO_ID`
device_ns   the camera's clock, in ns since whenever it began to count, or `NO_TIME`
host_ns     CLOCK_MONOTONIC of the host at receipt; orders events, decides nothing
size        bytes filled
skipped     frames known to be lost or incomplete since the one before; 0 where unknown
=========== ================================================================================
"""
