"""Rows of the ledger: which frames of both cameras belong to which pulse, and what came of each."""

from __future__ import annotations

from enum import IntEnum
from typing import Final

import numpy as np

from acquisition.rig import Role

NO_PULSE: Final = 2**64 - 1
"""`pulse` of a row that belongs to none."""

NO_INDEX: Final = -1
"""`cN_index` where a camera has no frame in a row."""

PREFIX: Final[dict[Role, str]] = {"blurry": "c1", "sharp": "c2"}
"""Role → how the fields of its camera begin."""


class Verdict(IntEnum):
    """What came of a frame or of a row; 0 is the one that claims nothing.

    A camera's verdict of a row is about its own frame; the row's is `PAIRED` where both cameras'
    are, else it is the worse one of what befell them.

    Attributes
    ----------
    UNDECIDED
        What the devices told does not settle it.
    PAIRED
        Both frames were exposed by this pulse.
    UNPAIRED
        This camera's frame is sound; the other one has none for this pulse.
    MISSED
        The camera did not expose at this pulse: its ids go on, its time jumps.
    INCOMPLETE
        Exposed and lost on its way, or only a part of it arrived.
    LATE_ARMED
        One of the first pulses, before the camera's first frame.
    ENDED_EARLY
        One of the last pulses, after the camera's last frame.
    UNTRIGGERED
        The controller completed no pulse on this channel, or cut it short.
    EXTRA
        A frame that no pulse exposed.
    SLIPPED
        A frame that stands where it cannot belong: frames were missed and others made up.
    DRIFTING
        The camera's clock left the trigger's: its time places no frame safely.
    FOREIGN
        A frame of another arming.
    REPEATED
        A frame that was handed over before.
    FREE_RUNNING
        A frame of a camera that no trigger drives.
    """

    UNDECIDED = 0
    PAIRED = 1
    UNPAIRED = 2
    MISSED = 3
    INCOMPLETE = 4
    LATE_ARMED = 5
    ENDED_EARLY = 6
    UNTRIGGERED = 7
    EXTRA = 8
    SLIPPED = 9
    DRIFTING = 10
    FOREIGN = 11
    REPEATED = 12
    FREE_RUNNING = 13


class TakePart(IntEnum):
    """Part of the take that a pulse belongs to."""

    SCENE = 0
    BOOKEND = 1


PULSE: Final = np.dtype([("n", "<u8"), ("ticks", "<u8")])
"""A pulse as the controller told it: its number in the run, from 0, and its begin in ticks."""

LEDGER: Final = np.dtype(
    [
        ("pulse", "<u8"),
        ("pulse_ns", "<i8"),
        ("part", "u1"),
        *(
            field
            for prefix in PREFIX.values()
            for field in (
                (f"{prefix}_index", "<i8"),
                (f"{prefix}_frame_id", "<u8"),
                (f"{prefix}_device_ns", "<i8"),
                (f"{prefix}_host_ns", "<i8"),
                (f"{prefix}_verdict", "u1"),
            )
        ),
        ("verdict", "u1"),
    ]
)
"""One row of the ledger, 84 bytes, little-endian, packed.

================ ==============================================================================
field            meaning
================ ==============================================================================
pulse            number of the pulse in its run, from 0, or `NO_PULSE`
pulse_ns         its begin by the trigger's clock, in ns after the begin of pulse 0; −1 without
part             `TakePart`
cN_index         position of the frame in ``/cN/frames``, or `NO_INDEX`
cN_frame_id      as in `acquisition.arrival.ARRIVAL`; `NO_ID` without a frame
cN_device_ns     the same; `NO_TIME` without a frame
cN_host_ns       the same; −1 without a frame
cN_verdict       `Verdict` of this camera at this pulse
verdict          `Verdict` of the row: `PAIRED`, or what stood in the way
================ ==============================================================================
"""
