"""Frames of one arming on their way from the producer into the ring, and their count."""

from __future__ import annotations

import time
from collections import deque
from typing import TYPE_CHECKING, Final

from acquisition.arrival import NO_ID, NO_TIME, ArrivalFlag
from acquisition.camera.message import Tally

if TYPE_CHECKING:
    from acquisition.camera.genicam import Frame, GenicamCamera
    from acquisition.ring import FrameRing

_RATE_FRAMES: Final = 64


class Flow:
    """One arming.

    Parameters
    ----------
    camera
        Frames are fetched from it.
    ring
        And copied there, at once: the producer's memory changes under whoever keeps it.
    arming
        Number that every frame carries.
    frame_bytes
        Of a whole frame.

    Attributes
    ----------
    delivered, overflow, last_id, timestamps
        As of `acquisition.camera.message.Tally`.
    """

    def __init__(
        self, camera: GenicamCamera, ring: FrameRing, arming: int, frame_bytes: int
    ) -> None:
        self.arming = arming
        self.delivered = 0
        self.overflow = 0
        self.last_id: int | None = None
        self.timestamps: bool | None = None
        self._camera = camera
        self._ring = ring
        self._frame_bytes = frame_bytes
        self._told_incomplete = 0
        self._times_ns: deque[int] = deque(maxlen=_RATE_FRAMES)

    @property
    def incomplete(self) -> int:
        """Frames of which only a part came."""
        return self._camera.incomplete

    @property
    def rate_hz(self) -> float | None:
        """Of the last frames, by the host's clock."""
        times = self._times_ns
        span_ns = times[-1] - times[0] if len(times) > 1 else 0
        return (len(times) - 1) * 1e9 / span_ns if span_ns else None

    def take(self, within_s: float) -> int:
        """Hand over what comes within a time; how many came, the incomplete ones too.

        Raises
        ------
        CameraLost
            The producer fails.
        """
        limit_s = time.monotonic() + within_s
        before = self.delivered + self.incomplete
        while (rest_s := limit_s - time.monotonic()) > 0:
            frame = self._camera.fetch(max(rest_s, 0.001))
            if frame is not None:
                self._hand_over(frame)
                self._camera.give_back()
        return self.delivered + self.incomplete - before

    def tally(self, underrun: int | None) -> Tally:
        """What came."""
        return Tally(
            delivered=self.delivered,
            incomplete=self.incomplete,
            underrun=underrun,
            overflow=self.overflow,
            last_frame_id=self.last_id,
            timestamps=self.timestamps,
        )

    def _hand_over(self, frame: Frame) -> None:
        data = frame.data
        whole = data.nbytes >= self._frame_bytes
        if data.nbytes > self._frame_bytes:
            data = data[: self._frame_bytes // data.itemsize]
        skipped = self.incomplete - self._told_incomplete
        self._told_incomplete = self.incomplete
        fits = self._ring.put(
            self.arming,
            frame.frame_id,
            frame.device_ns,
            frame.host_ns,
            data,
            flags=int(ArrivalFlag.COMPLETE if whole else ArrivalFlag.TRUNCATED),
            skipped=skipped,
        )
        self.overflow += not fits
        self.delivered += 1
        self.timestamps = frame.device_ns != NO_TIME
        self.last_id = None if frame.frame_id == NO_ID else frame.frame_id
        self._times_ns.append(frame.host_ns)
