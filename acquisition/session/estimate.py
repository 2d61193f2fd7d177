"""How much disk a plan of clips takes."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final

from acquisition.arrival import ARRIVAL
from acquisition.ledger.row import LEDGER, PULSE
from acquisition.rig import ROLES, Role

_INDEX_BYTES: Final = 80
"""Of a frame in the chunk index, measured; the index grows in steps, so this is the mean."""

_CLIP_BYTES: Final = 256 << 10
"""Of a clip without a frame: head, tables with their first blocks, tail."""


def estimated_bytes(frames: Iterable[int], frame_bytes: Mapping[Role, int]) -> int:
    """Size of uncompressed clips; what is compressed is at most so large.

    Parameters
    ----------
    frames
        Frames of each clip, bookends included.
    frame_bytes
        Of one frame of each camera.

    Examples
    --------
    >>> round(estimated_bytes([150] * 3, {"blurry": 921_600, "sharp": 921_600}) / 1e6)
    830
    """
    rows = ARRIVAL.itemsize * len(ROLES) + LEDGER.itemsize + PULSE.itemsize
    each = sum(frame_bytes.values()) + _INDEX_BYTES * len(ROLES) + rows
    return sum(_CLIP_BYTES + count * each for count in frames)
