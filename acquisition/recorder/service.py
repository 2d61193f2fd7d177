"""The recorder's process: one loop that empties the rings, whether or not a take is on.

A fault of the disk stops the storing and never the loop, so that nothing else stalls. Closing a
file, which waits for the disk, is left to a thread.
"""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Mapping
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from acquisition.arrival import ARRIVAL
from acquisition.child import Desk, Given
from acquisition.clip.sink import OpenSink, Sink
from acquisition.recorder.message import (
    Abandon,
    Begin,
    FallingBehind,
    Finish,
    Pulses,
    Recorded,
    SinkFailed,
)
from acquisition.rig import ROLES, Role
from acquisition.ring import FrameRing, Slot
from bsd.errors import ToolkitError, UserMistake, explain_os_error

STORED: Final[dict[Role, int]] = {"blurry": 0, "sharp": 1}
BYTES, WRITE_NS, FOREIGN = 2, 3, 4
COUNTERS: Final = 5
"""Places in the counters that the recorder shares with its parent, int64."""

_ORDERS_S: Final = 0.01
_IDLE_S: Final = 0.001
_REST_S: Final = 0.005  # without a take
_LOOK_S: Final = 0.25
_FULL_SHARE: Final = 0.5

log = logging.getLogger(__name__)


def serve(desk: Desk, rings: Mapping[Role, FrameRing], open_sink: OpenSink, shared: Any) -> None:
    """Body of the process; see `acquisition.recorder.process.RecorderProcess`."""
    service = _Service(desk, rings, open_sink, np.frombuffer(shared, np.int64))
    desk.ready()
    try:
        service.work()
    finally:
        service.leave()


class _Take:
    """A take under way: its sink until that fails, and what was stored."""

    def __init__(
        self,
        begin: Begin,
        sink: Sink,
        overflow: dict[Role, int],
        counters: NDArray[np.int64],
    ) -> None:
        self.begin = begin
        self.sink: Sink | None = sink
        self.fault: str | None = None
        self.trouble: list[str] = []
        self.warned = False
        self.rows: dict[Role, bytearray] = {role: bytearray() for role in ROLES}
        self.counters = counters
        self.overflow_before = overflow
        counters[:] = 0

    def store(self, role: Role, slot: Slot) -> None:
        """One frame into the sink; counted once the sink has it safe."""
        if slot.arrival["arming"] != self.begin.arming:
            self.counters[FOREIGN] += 1
            return
        if self.sink is None:
            return
        begin_ns = time.perf_counter_ns()
        self.sink.append(role, slot.arrival, slot.data)
        self.counters[WRITE_NS] += time.perf_counter_ns() - begin_ns
        self.rows[role] += slot.arrival.tobytes()
        self.counters[BYTES] += slot.data.size
        self.counters[STORED[role]] += 1


class _Closing:
    """A sink being closed in a thread, and the order that waits for it."""

    def __init__(self, sink: Sink | None, given: Given | None) -> None:
        self.given = given
        self.fault: str | None = None
        self.begin_s = time.monotonic()
        self.close_s = 0.0
        self._thread = threading.Thread(target=self._close, args=(sink,), daemon=True)
        self._thread.start()

    @property
    def done(self) -> bool:
        return not self._thread.is_alive()

    def _close(self, sink: Sink | None) -> None:
        try:
            if sink is not None:
                sink.close()
        except (ToolkitError, OSError) as error:
            self.fault = _in_words(error)
        self.close_s = time.monotonic() - self.begin_s


class _Service:
    def __init__(
        self,
        desk: Desk,
        rings: Mapping[Role, FrameRing],
        open_sink: OpenSink,
        counters: NDArray[np.int64],
    ) -> None:
        self._desk = desk
        self._rings = rings
        self._open_sink = open_sink
        self._counters = counters
        self._take: _Take | None = None
        self._closing: _Closing | None = None
        for ring in rings.values():
            ring.release()  # what a recorder before this one held

    def work(self) -> None:
        """Until the parent wants the end: `acquisition.child.Leave`."""
        orders_s = looked_s = 0.0
        while True:
            busy = self._drain_once()
            now_s = time.monotonic()
            if now_s - orders_s >= _ORDERS_S:
                orders_s = now_s
                given = self._desk.next()
                if given is not None:
                    self._obey(given)
                    orders_s = 0.0  # there may be more
            if now_s - looked_s >= _LOOK_S:
                looked_s = now_s
                self._look()
            self._settle()
            if not busy:
                time.sleep(_IDLE_S if self._take is not None else _REST_S)

    def leave(self) -> None:
        """The end of the process: a file under way is closed, to be recovered."""
        if self._closing is None and self._take is not None and self._take.sink is not None:
            self._closing = _Closing(self._take.sink, None)
        while self._closing is not None and not self._closing.done:
            self._desk.turn()
            time.sleep(_REST_S)

    def _drain_once(self) -> bool:
        """At most one frame of each ring; whether there was one."""
        busy = False
        for role, ring in self._rings.items():
            slot = ring.take()
            if slot is None:
                continue
            busy = True
            try:
                if self._take is not None and self._closing is None:
                    self._take.store(role, slot)
            except (ToolkitError, OSError) as error:
                self._fail(error)
            finally:
                ring.release()
        return busy

    def _obey(self, given: Given) -> None:
        try:
            match given.order:
                case Begin() as begin:
                    self._begin(begin)
                    given.answer()
                case Pulses(rows=rows):
                    self._store_pulses(rows)
                case Finish() | Abandon():
                    self._end(given)
        except ToolkitError as fault:
            given.fail(fault)
        except OSError as error:
            given.fail(explain_os_error(error))

    def _begin(self, begin: Begin) -> None:
        if self._take is not None:
            raise UserMistake(
                f"{self._take.begin.part}: is being recorded; finish or abandon it before the next"
            )
        sink = self._open_sink(begin.part, begin.head, begin.shapes)
        overflow = {role: ring.overflow for role, ring in self._rings.items()}
        self._take = _Take(begin, sink, overflow, self._counters)

    def _store_pulses(self, rows: NDArray[np.void]) -> None:
        take = self._take
        if take is None or take.sink is None:
            return
        try:
            take.sink.pulses(rows)
        except (ToolkitError, OSError) as error:
            self._fail(error)

    def _end(self, given: Given) -> None:
        take = self._take
        if take is None or (self._closing is not None and self._closing.given is not None):
            raise UserMistake("no clip is being recorded; begin one first")
        if isinstance(given.order, Finish):
            self._drain_waiting()
        if self._closing is not None:  # of a sink that has failed
            self._closing.given = given
            return
        sink, take.sink = take.sink, None
        self._closing = _Closing(sink, given)

    def _drain_waiting(self) -> None:
        """What the rings hold now; what comes after that is not waited for."""
        for _ in range(max(ring.used for ring in self._rings.values())):
            self._drain_once()
            self._desk.turn()

    def _settle(self) -> None:
        """Answer whoever waits for a closing, once it is done."""
        closing, take = self._closing, self._take
        if closing is None or take is None or not closing.done:
            return
        self._closing = None
        if closing.fault is not None:
            take.fault = take.fault or closing.fault
        if closing.given is None:  # a failed sink was closed; the take is still to be ended
            return
        self._take = None
        if not isinstance(closing.given.order, Abandon):
            closing.given.answer(self._recorded(take, closing.close_s))
            return
        try:
            take.begin.part.unlink(missing_ok=True)
        except OSError as error:
            closing.given.fail(explain_os_error(error))
        else:
            closing.given.answer()

    def _recorded(self, take: _Take, close_s: float) -> Recorded:
        counters = self._counters
        overflow = self._overflow(take)
        trouble = list(take.trouble)
        trouble += [take.fault] if take.fault is not None else []
        trouble += [
            f"{role} camera: {count} frames found the ring full and are lost; storing was too slow"
            for role, count in overflow.items()
            if count
        ]
        return Recorded(
            part=take.begin.part,
            stored={role: int(counters[place]) for role, place in STORED.items()},
            stored_bytes=int(counters[BYTES]),
            arrivals={role: np.frombuffer(take.rows[role], ARRIVAL) for role in ROLES},
            overflow=overflow,
            foreign=int(counters[FOREIGN]),
            write_s=int(counters[WRITE_NS]) / 1e9,
            close_s=close_s,
            fault=take.fault,
            trouble=trouble,
        )

    def _overflow(self, take: _Take) -> dict[Role, int]:
        """Since the take began; a ring that was laid out anew meanwhile counts from 0."""
        now = {role: ring.overflow for role, ring in self._rings.items()}
        before = take.overflow_before
        return {
            role: count - before[role] if count >= before[role] else count
            for role, count in now.items()
        }

    def _fail(self, error: ToolkitError | OSError) -> None:
        """Tell it once, close what there is, and go on draining."""
        take = self._take
        if take is None or take.sink is None:
            return
        take.fault = _in_words(error)
        log.debug("%s", take.fault)
        self._desk.tell(SinkFailed(take.fault))
        sink, take.sink = take.sink, None
        self._closing = _Closing(sink, None)

    def _look(self) -> None:
        """Warn once where a ring fills because the disk is slow."""
        take = self._take
        if take is None or take.sink is None or take.warned:
            return
        overflow = self._overflow(take)
        full = [
            role
            for role, ring in self._rings.items()
            if overflow[role] or ring.used > _FULL_SHARE * max(1, ring.slots)
        ]
        if not full:
            return
        take.warned = True
        write_s = int(self._counters[WRITE_NS]) / 1e9
        speed = f"{int(self._counters[BYTES]) / 1e6 / write_s:.0f} MB/s" if write_s else "nothing"
        text = (
            f"{take.begin.part}: storing reaches {speed}, less than the cameras give, and the ring"
            f" of the {' and the '.join(full)} camera fills; end other programs, or record to a"
            " faster disk, at a lower rate or a smaller region"
        )
        take.trouble.append(text)
        log.debug("%s", text)
        self._desk.tell(FallingBehind(text))


def _in_words(error: ToolkitError | OSError) -> str:
    return str(explain_os_error(error)) if isinstance(error, OSError) else str(error)
