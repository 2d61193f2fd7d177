"""What the newest frames look like while they are recorded: an onlooker of the rings."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import TYPE_CHECKING, Final

from acquisition.picture.measurement import PairMeasurement, measure_pair
from acquisition.picture.registration import Offset, register_frames
from acquisition.picture.view import Frame, FrameFormat
from acquisition.rig import ROLES, Rig, Role
from acquisition.ring import FrameRing

if TYPE_CHECKING:
    from acquisition.camera.message import Configured

EVERY_S: Final = 1.0
REGISTER_EVERY_S: Final = 3.0


def frame_format(rig: Rig, role: Role, configured: Configured) -> FrameFormat:
    """How a camera's frames are to be read."""
    return FrameFormat(
        cfa=configured.cfa,  # type: ignore[arg-type]
        bits=configured.bits,
        black_dn=configured.black_level_dn or 0.0,
        flip=rig.camera(role).flip,
    )


class Monitor:
    """Measures the newest pair now and then; costs some milliseconds each time.

    The two newest frames are not always of one pulse: what is measured here warns an operator, and
    decides nothing. How the views lay to each other is found more seldom, and only of frames that
    both came as the same one of their arming: moved views of two pulses lie elsewhere.

    Parameters
    ----------
    rings
        Looked at, never emptied.
    rig, configured
        What the frames are.
    every_s
        Least time between two measurements.
    register_every_s
        Least time between two registrations.
    """

    def __init__(
        self,
        rings: Mapping[Role, FrameRing],
        rig: Rig,
        configured: Mapping[Role, Configured],
        every_s: float = EVERY_S,
        register_every_s: float = REGISTER_EVERY_S,
    ) -> None:
        self._rings = rings
        self._configured = dict(configured)
        self._forms = tuple(frame_format(rig, role, configured[role]) for role in ROLES)
        self._every_s = every_s
        self._register_every_s = register_every_s
        self._due_s = self._register_due_s = 0.0
        self._offset: Offset | None = None
        self._offsets = 0

    @property
    def offset(self) -> Offset | None:
        """How the views lay to each other when last found; None before."""
        return self._offset

    @property
    def offsets(self) -> int:
        """How often `offset` was found: a new number is a new one."""
        return self._offsets

    def look(self, arming: int | None = None) -> PairMeasurement | None:
        """Measure the newest frames of both cameras; None where it is not time or there are none.

        Parameters
        ----------
        arming
            Only frames of this arming count.
        """
        now_s = time.monotonic()
        if now_s < self._due_s:
            return None
        frames: list[Frame] = []
        places: list[tuple[int, int]] = []
        for role in ROLES:
            newest = self._rings[role].newest()
            if newest is None or (arming is not None and int(newest[0]["arming"]) != arming):
                return None
            frames.append(self._shaped(role, newest[1]))
            places.append((int(newest[0]["arming"]), int(newest[0]["index"])))
        self._due_s = now_s + self._every_s
        forms = (self._forms[0], self._forms[1])
        # Both were armed before the first pulse: equal places are one pulse, unless one was lost.
        if places[0] == places[1] and now_s >= self._register_due_s:
            self._register_due_s = now_s + self._register_every_s
            found = register_frames(frames[0], frames[1], forms)
            if found is not None:
                self._offset, self._offsets = found, self._offsets + 1
        return measure_pair(frames[0], frames[1], forms)

    def _shaped(self, role: Role, data: Frame) -> Frame:
        known = self._configured[role]
        shape = (known.height, known.width, known.channels)
        frame = data[: known.frame_bytes].view(known.dtype).reshape(shape)
        return frame[:, :, 0] if known.channels == 1 else frame
