"""The recorder: a process that stores what the cameras' rings hold, and never stops emptying them.

How far it is stands in shared memory, so that asking costs nothing and never waits for the disk.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.child import Child, ChildLost
from acquisition.clip.document import ClipHead
from acquisition.clip.sink import Delivered, FrameShape, OpenSink, Sink
from acquisition.managed import Managed
from acquisition.recorder.message import (
    Abandon,
    Begin,
    FallingBehind,
    Finish,
    Progress,
    Pulses,
    Recorded,
    RecorderNews,
    SinkFailed,
)
from acquisition.recorder.service import BYTES, COUNTERS, FOREIGN, STORED, WRITE_NS, serve
from acquisition.rig import Role
from acquisition.ring import FrameRing

__all__ = [
    "FallingBehind",
    "Progress",
    "Recorded",
    "RecorderNews",
    "RecorderProcess",
    "SinkFailed",
]

OPEN_S: Final = 30.0
CLOSE_S: Final = 300.0
"""A slow disk may have gigabytes to write at the end."""

_LOOK_S: Final = 0.005


def open_clip(part: Path, head: ClipHead, shapes: Mapping[Role, FrameShape]) -> Sink:
    """A clip file as the sink; imports h5py in the recorder's process only."""
    from acquisition.clip.writer import ClipWriter

    return ClipWriter(part, head, shapes)


class RecorderProcess(Managed):
    """A recorder. A context manager: starts it, and ends it in good order.

    Parameters
    ----------
    rings
        Of both cameras; this process is their one reader.
    open_sink
        Where bytes go; must be picklable.
    stuck_s
        The process is ended where the disk has blocked it for so long.
    """

    def __init__(
        self,
        rings: Mapping[Role, FrameRing],
        open_sink: OpenSink = open_clip,
        *,
        stuck_s: float = 30.0,
    ) -> None:
        self._rings = dict(rings)
        shared: Any = multiprocessing.get_context("spawn").RawArray(ctypes.c_int64, COUNTERS)
        self._counters = np.frombuffer(shared, np.int64)
        arguments = (self._rings, open_sink, shared)
        self._child = Child("recorder", serve, arguments, stuck_s=stuck_s, niceness=-5)
        self._part: Path | None = None
        self._news: list[RecorderNews] = []
        self._fault: str | None = None

    @property
    def pid(self) -> int | None:
        """Process number while there is a process."""
        return self._child.pid

    @property
    def alive(self) -> bool:
        """Whether the process runs."""
        return self._child.alive

    def start(self) -> None:
        """Spawn it; from now on the rings are drained.

        Raises
        ------
        ToolkitError
            As of `acquisition.child.Child.start`.
        """
        self._let_go()
        self._child.start()

    def revive(self) -> bool:
        """Start it again where it died; whether it had."""
        if self._child.alive:
            return False
        self._part, self._fault = None, None
        self.start()
        return True

    def begin(
        self,
        part: Path,
        head: ClipHead,
        shapes: Mapping[Role, FrameShape | Delivered],
        arming: int,
    ) -> None:
        """Open the file and store every frame of `arming` from now on.

        Parameters
        ----------
        part
            ``NAME.h5.part``; neither it nor the clip may exist.
        head
            What the clip tells of itself.
        shapes
            Frames of each camera, or cameras as configured.
        arming
            Frames of any other one are never stored.

        Raises
        ------
        UserMistake
            A file of the name exists, or a take is under way.
        ToolkitError
            The folder cannot be written; `ChildLost` where the process died.
        """
        exact = {
            role: shape if isinstance(shape, FrameShape) else FrameShape.of(shape)
            for role, shape in shapes.items()
        }
        self._fault = None
        self._news.clear()
        self._child.ask(Begin(part, head, exact, arming), OPEN_S)
        self._part = part

    def pulses(self, rows: NDArray[np.void]) -> None:
        """Store pulses of `acquisition.ledger.row.PULSE`; does not wait."""
        self._child.tell(Pulses(rows))

    def progress(self) -> Progress:
        """How the take stands; never waits for the disk.

        Raises
        ------
        ToolkitError
            The process died.
        """
        self._hear()
        count = self._counters
        write_s = int(count[WRITE_NS]) / 1e9
        stored_bytes = int(count[BYTES])
        used = {role: ring.used for role, ring in self._rings.items()}
        slots = {role: ring.slots for role, ring in self._rings.items()}
        return Progress(
            stored={role: int(count[place]) for role, place in STORED.items()},
            stored_bytes=stored_bytes,
            used=used,
            slots=slots,
            fill={role: used[role] / slots[role] if slots[role] else 0.0 for role in used},
            overflow={role: ring.overflow for role, ring in self._rings.items()},
            write_mb_s=stored_bytes / 1e6 / write_s if write_s else 0.0,
            foreign=int(count[FOREIGN]),
            fault=self._fault,
        )

    def wait(
        self, counts: Mapping[Role, int], idle_s: float, limit_s: float | None = None
    ) -> Progress:
        """Until so many frames are stored, nothing more comes, or storing has failed.

        Parameters
        ----------
        counts
            Frames of each camera.
        idle_s
            Nothing was stored for so long: no more is coming.
        limit_s
            Longest time to wait; None: none but `idle_s`.

        Raises
        ------
        ToolkitError
            The process died.
        """
        begin_s = changed_s = time.monotonic()
        before: Mapping[Role, int] = {}
        while True:
            progress = self.progress()
            now_s = time.monotonic()
            if progress.stored != before:
                before, changed_s = progress.stored, now_s
            enough = all(progress.stored[role] >= count for role, count in counts.items())
            over = limit_s is not None and now_s - begin_s >= limit_s
            if enough or over or progress.fault is not None or now_s - changed_s >= idle_s:
                return progress
            time.sleep(_LOOK_S)

    def finish(self, timeout_s: float = CLOSE_S) -> Recorded:
        """Store what the rings hold, close the part, wait until it is on the disk.

        A disk that failed is told in `Recorded.fault`; what was stored before is in the part.

        Raises
        ------
        UserMistake
            No take is under way.
        ChildLost
            The process died; the part can be recovered.
        """
        recorded = self._child.ask(Finish(), timeout_s)
        assert isinstance(recorded, Recorded)  # noqa: S101  nothing else is answered
        self._hear()
        self._part = None
        return recorded

    def abandon(self, timeout_s: float = CLOSE_S) -> None:
        """Close the part and remove it; without a take, or after the process died, only remove.

        Raises
        ------
        ToolkitError
            It cannot be removed.
        """
        part, self._part = self._part, None
        if part is None:
            return
        try:
            self._child.ask(Abandon(), timeout_s)
        except ChildLost:
            part.unlink(missing_ok=True)

    def news(self, timeout_s: float = 0.0) -> list[RecorderNews]:
        """What it told since the last call; waits for the first if there is none.

        Raises
        ------
        ToolkitError
            The process died.
        """
        limit_s = time.monotonic() + timeout_s
        self._hear()
        while not self._news and (left_s := limit_s - time.monotonic()) > 0:
            self._hear(left_s)  # may come back early, over a log record
        found, self._news = self._news, []
        return found

    def close(self) -> None:
        """End the process; a take under way is closed and stays as a part. Again is no error.

        Raises
        ------
        ToolkitError
            It could not end in good order.
        """
        try:
            self._child.close(CLOSE_S)
        finally:
            self._let_go()

    def _hear(self, timeout_s: float = 0.0) -> None:
        for news in self._child.news(timeout_s):
            if isinstance(news, SinkFailed):
                self._fault = news.text
            self._news.append(news)

    def _let_go(self) -> None:
        """A reader that died holds nothing."""
        if not self._child.alive:
            for ring in self._rings.values():
                ring.release()
