"""Frames in memory that processes share: one writer, one reader, any number of onlookers.

The memory is an unlinked file that the processes inherit when they are spawned, so a kill of all of
them leaves nothing behind, and there is no lock that a dead process could keep. Every counter has
one writer. Counters never go back: a layout begins at a number of its own, and what a reader of the
layout before still says changes nothing.
"""

from __future__ import annotations

import ctypes
import multiprocessing
import os
import shutil
import tempfile
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from acquisition.arrival import ARRIVAL, NO_ID, NO_TIME, ArrivalFlag
from bsd.errors import EnvironmentFault, UserMistake

__all__ = [
    "ARRIVAL",
    "COMPLETE",
    "LEAST_SLOTS",
    "NO_ID",
    "NO_TIME",
    "TRUNCATED",
    "FrameRing",
    "Slot",
]

COMPLETE = int(ArrivalFlag.COMPLETE)
TRUNCATED = int(ArrivalFlag.TRUNCATED)

LEAST_SLOTS = 8

_LINE = 64  # bytes of a cache line
_PAGE = 4096
_HELD_S = 5.0
_LOOK_S = 0.001

# One cache line for what the writer writes, one for what the reader writes.
_STAMP, _BASE, _WRITTEN, _OVERFLOW, _FRAME_BYTES, _SLOTS = range(6)
_TAKEN, _HELD = 8, 9
_COUNTERS = 16


@dataclass(frozen=True, slots=True)
class Slot:
    """A frame in the ring, the reader's until `FrameRing.release`.

    Attributes
    ----------
    arrival
        A record of `ARRIVAL`, a copy.
    data
        uint8 view on the shared memory, (frame_bytes,).
    """

    arrival: np.void
    data: NDArray[np.uint8]


class FrameRing:
    """Made by the parent, handed over as an argument of the processes that it spawns.

    Parameters
    ----------
    capacity_bytes
        Memory for the frames; taken at once.

    Raises
    ------
    EnvironmentFault
        The machine has not that much shared memory.
    """

    def __init__(self, capacity_bytes: int) -> None:
        self.capacity_bytes = capacity_bytes
        self._memory: Any = _shared(capacity_bytes + 2 * _PAGE)
        self._begin = -ctypes.addressof(self._memory) % _PAGE  # the same in every process
        self._attach()

    def __getstate__(self) -> dict[str, Any]:
        return {
            "capacity_bytes": self.capacity_bytes,
            "_memory": self._memory,
            "_begin": self._begin,
        }

    def __setstate__(self, state: dict[str, Any]) -> None:
        self.__dict__.update(state)
        self._attach()

    def _attach(self) -> None:
        whole = np.frombuffer(self._memory, np.uint8)[self._begin :]
        self._count = whole[: _COUNTERS * 8].view(np.uint64)
        self._space = whole[_PAGE : _PAGE + self.capacity_bytes]
        self._lock = threading.Lock()
        self._arming = -1
        self._index = 0
        self._skipped = 0
        self._next = 0

    # What anybody may ask.

    @property
    def generation(self) -> int:
        """Grows with every layout; 0: there was none."""
        return int(self._count[_STAMP]) // 2

    @property
    def frame_bytes(self) -> int:
        """Bytes of one frame; 0 before the first layout."""
        return int(self._count[_FRAME_BYTES])

    @property
    def slots(self) -> int:
        """Frames that the ring holds; 0 before the first layout."""
        return int(self._count[_SLOTS])

    @property
    def written(self) -> int:
        """Frames put since the layout."""
        return int(self._count[_WRITTEN]) - int(self._count[_BASE])

    @property
    def overflow(self) -> int:
        """Frames that found the ring full since the layout."""
        return int(self._count[_OVERFLOW])

    @property
    def used(self) -> int:
        """Frames put and not yet released."""
        return max(0, int(self._count[_WRITTEN]) - self._first_unread())

    # The writer.

    def lay_out(self, frame_bytes: int, patience_s: float = _HELD_S) -> int:
        """Cut the memory into frames, all empty; counters begin anew. What was unread is gone.

        Parameters
        ----------
        frame_bytes
            Bytes of one frame as put.
        patience_s
            How long to wait for a reader that holds a frame of the layout before.

        Returns
        -------
        int
            Number of frames that fit, at least `LEAST_SLOTS`.

        Raises
        ------
        UserMistake
            Fewer would fit.
        EnvironmentFault
            The reader does not let go of its frame.
        """
        slots = self.capacity_bytes // _slot_bytes(frame_bytes) if frame_bytes > 0 else 0
        if slots < LEAST_SLOTS:
            raise UserMistake(
                f"ring of {self.capacity_bytes / 1e6:.1f} MB: holds {slots} frames of"
                f" {frame_bytes / 1e6:.3f} MB, at least {LEAST_SLOTS} are needed; give it more"
                " memory, or take a smaller region or an 8-bit format"
            )
        count = self._count
        stamp = int(count[_STAMP])
        laying = stamp + 1 if stamp % 2 == 0 else stamp + 2  # a writer died in between
        count[_STAMP] = laying
        self._order()
        limit_s = time.monotonic() + patience_s
        while count[_HELD]:
            if time.monotonic() > limit_s:
                count[_STAMP] = laying + 1
                raise EnvironmentFault(
                    f"ring: its reader has held a frame for {patience_s:g} s; the disk may be"
                    " stuck: wait for the recorder, or end it, then configure again"
                )
            time.sleep(_LOOK_S)
        count[_BASE] = count[_WRITTEN]
        count[_OVERFLOW] = 0
        count[_FRAME_BYTES] = frame_bytes
        count[_SLOTS] = slots
        self._arming, self._skipped = -1, 0
        self._order()
        count[_STAMP] = laying + 1
        return slots

    def put(
        self,
        arming: int,
        frame_id: int,
        device_ns: int,
        host_ns: int,
        data: NDArray[np.uint8] | NDArray[np.uint16],
        flags: int = COMPLETE,
        skipped: int = 0,
    ) -> bool:
        """Copy a frame in. Never waits.

        Parameters
        ----------
        arming, frame_id, device_ns, host_ns, flags, skipped
            As of `ARRIVAL`.
        data
            1-D, contiguous; shorter than a frame is filled up with zeros.

        Returns
        -------
        bool
            False: the ring is full, the frame is counted in `overflow` and in `skipped` of the
            next one.

        Raises
        ------
        EnvironmentFault
            The ring is not laid out, or the frame is larger than what it was laid out for.
        """
        count = self._count
        payload = data.reshape(-1).view(np.uint8)
        frame_bytes = int(count[_FRAME_BYTES])
        if not 0 < payload.size <= frame_bytes:
            raise EnvironmentFault(
                f"ring: a frame of {payload.size} bytes, laid out for {frame_bytes}; configure the"
                " camera again"
            )
        if arming != self._arming:
            self._arming, self._index, self._skipped = arming, 0, 0
        number = int(count[_WRITTEN])
        if number - self._first_unread() >= int(count[_SLOTS]):
            count[_OVERFLOW] += np.uint64(1)
            self._skipped += 1 + skipped
            return False
        arrival, room = self._slot(number)
        lost = self._skipped + skipped
        arrival[0] = (
            *(arming, flags, self._index, frame_id),
            *(device_ns, host_ns, payload.size, lost),
        )
        room[: payload.size] = payload
        room[payload.size :] = 0
        self._order()
        count[_WRITTEN] = number + 1
        self._index += 1
        self._skipped = 0
        return True

    # The one reader.

    def take(self) -> Slot | None:
        """The oldest unread frame, or None. Another call before `release` gives the same one."""
        count = self._count
        stamp = int(count[_STAMP])
        number = self._first_unread()
        if stamp % 2 or number >= int(count[_WRITTEN]):
            return None
        count[_HELD] = number + 1
        self._order()  # a writer that lays out either sees this, or is seen here
        if int(count[_STAMP]) != stamp or self._first_unread() != number:
            count[_HELD] = 0
            return None
        self._next = number + 1
        arrival, data = self._slot(number)
        return Slot(_record(arrival), data)

    def release(self) -> None:
        """Give the frame back; without one, only say that none is held (a reader that died)."""
        if self._next:
            self._order()
            self._count[_TAKEN] = self._next
            self._next = 0
        self._order()
        self._count[_HELD] = 0

    # Onlookers.

    def newest(self) -> tuple[np.void, NDArray[np.uint8]] | None:
        """Copies of the newest arrival and frame; None where there is none or it was overwritten.

        Looking takes nothing away and never holds the writer up.
        """
        for _ in range(2):
            found = self._look()
            if found is not None:
                return found
        return None

    def _look(self) -> tuple[np.void, NDArray[np.uint8]] | None:
        count = self._count
        stamp = int(count[_STAMP])
        written, base = int(count[_WRITTEN]), int(count[_BASE])
        frame_bytes, slots = int(count[_FRAME_BYTES]), int(count[_SLOTS])
        self._order()
        if stamp % 2 or int(count[_STAMP]) != stamp or written <= base:
            return None
        found, data = self._place((written - 1 - base) % slots, frame_bytes)
        copied = _record(found), data.copy()
        self._order()
        # Where so many more are written, the next one goes into this place, and has perhaps begun.
        overwritten = int(count[_WRITTEN]) >= written - 1 + slots
        return None if overwritten or int(count[_STAMP]) != stamp else copied

    def _first_unread(self) -> int:
        return max(int(self._count[_TAKEN]), int(self._count[_BASE]))

    def _slot(self, number: int) -> tuple[NDArray[np.void], NDArray[np.uint8]]:
        """Where a frame of the present layout lies: a row of one arrival, and the frame."""
        count = self._count
        place = (number - int(count[_BASE])) % int(count[_SLOTS])
        return self._place(place, int(count[_FRAME_BYTES]))

    def _place(self, place: int, frame_bytes: int) -> tuple[NDArray[np.void], NDArray[np.uint8]]:
        begin = place * _slot_bytes(frame_bytes)
        arrival = self._space[begin : begin + ARRIVAL.itemsize].view(ARRIVAL)
        return arrival, self._space[begin + _LINE : begin + _LINE + frame_bytes]

    def _order(self) -> None:
        """Nothing before happens after anything behind: a lock's two edges, twice, are a fence.

        x86 needs it only in `take`, between telling and looking; other machines everywhere.
        """
        for _ in range(2):
            with self._lock:
                pass


def _record(arrival: NDArray[np.void]) -> np.void:
    copied: np.void = arrival.copy()[0]
    return copied


def _slot_bytes(frame_bytes: int) -> int:
    return _LINE + -(-frame_bytes // _LINE) * _LINE


def _shared(size: int) -> Any:
    folders = [Path("/dev/shm"), Path(tempfile.gettempdir())]  # noqa: S108  only looked at
    room = max(shutil.disk_usage(folder).free for folder in folders if folder.is_dir())
    if os.name == "posix" and size > room:
        raise EnvironmentFault(
            f"ring of {size / 1e6:.0f} MB: there is shared memory for {room / 1e6:.0f} MB; end"
            " other programs, enlarge /dev/shm, or make the ring smaller"
        )
    try:
        return multiprocessing.get_context("spawn").RawArray(ctypes.c_uint8, size)
    except (OSError, MemoryError) as error:
        raise EnvironmentFault(
            f"ring of {size / 1e6:.0f} MB: no shared memory: {error}; end other programs or make"
            " the ring smaller"
        ) from error
