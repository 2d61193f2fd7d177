"""What the recorder's process and its parent tell each other."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from acquisition.clip.document import ClipHead
from acquisition.clip.sink import FrameShape
from acquisition.rig import Role


@dataclass(frozen=True)
class Begin:
    """Open the file and store every frame of `arming` from now on."""

    part: Path
    head: ClipHead
    shapes: Mapping[Role, FrameShape]
    arming: int


@dataclass(frozen=True)
class Pulses:
    """Store rows of `acquisition.ledger.row.PULSE`."""

    rows: NDArray[np.void]


@dataclass(frozen=True)
class Finish:
    """Store what the rings hold now, then close the file."""


@dataclass(frozen=True)
class Abandon:
    """Close the file and remove it."""


@dataclass(frozen=True)
class SinkFailed:
    """The file cannot be written any more; the rings are drained without storing."""

    text: str


@dataclass(frozen=True)
class FallingBehind:
    """The disk is slower than the cameras: a ring fills, or has overflowed. Told once a take."""

    text: str


RecorderNews = SinkFailed | FallingBehind


@dataclass(frozen=True)
class Progress:
    """How a take stands; of the last one where none is on.

    Attributes
    ----------
    stored
        Frames of each camera that a kill cannot take back.
    stored_bytes
        Of the frames.
    used, slots, fill, overflow
        Of each ring: frames waiting, room, the one over the other, frames that found no room.
    write_mb_s
        Bytes over the time spent in storing them: what the disk is good for; 0 before the first.
    foreign
        Frames of another arming, which were not stored.
    fault
        Why nothing is stored any more, in one line; None where it is.
    """

    stored: Mapping[Role, int]
    stored_bytes: int
    used: Mapping[Role, int]
    slots: Mapping[Role, int]
    fill: Mapping[Role, float]
    overflow: Mapping[Role, int]
    write_mb_s: float
    foreign: int
    fault: str | None


@dataclass(frozen=True)
class Recorded:
    """What a take left in its part, which is closed and on the disk.

    Attributes
    ----------
    part
        The file; still there where a fault stopped the storing.
    stored, stored_bytes
        As of `Progress`.
    arrivals
        Rows of `acquisition.arrival.ARRIVAL` of the stored frames.
    overflow
        Frames that found a ring full, since the recording began.
    foreign
        As of `Progress`.
    write_s, close_s
        Seconds spent in storing, and in closing the file.
    fault
        Why nothing was stored any more; None where all was.
    trouble
        The fault and remarks, one line each.
    """

    part: Path
    stored: dict[Role, int]
    stored_bytes: int
    arrivals: dict[Role, NDArray[np.void]]
    overflow: dict[Role, int]
    foreign: int
    write_s: float
    close_s: float
    fault: str | None
    trouble: list[str] = field(default_factory=list)
