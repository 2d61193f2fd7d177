"""The child of a capture that beats: one loop that owns the controller, and two small threads.

The loop never waits for the parent: a thread of its own writes the news. Another thread ends the
process where the loop itself is stuck in the port.
"""

from __future__ import annotations

import os
import queue
import signal
import threading
import time
from collections.abc import Callable
from multiprocessing.connection import Connection
from types import FrameType

from acquisition.priority import go_first
from acquisition.signals import let_through
from acquisition.trigger.controller import REPLY_S, TriggerController
from acquisition.trigger.fault import TriggerFault, TriggerLost
from acquisition.trigger.link import Status
from acquisition.trigger.message import (
    Abort,
    Answer,
    Ask,
    Beat,
    ClockNews,
    Configure,
    Ended,
    Failure,
    Happened,
    Leave,
    News,
    Numbered,
    Order,
    Ready,
    Run,
    Stop,
)
from bsd.errors import EXIT_ENVIRONMENT, ToolkitError

Connect = Callable[[], TriggerController]

STUCK_S = 30.0  # longer than any wait of the controller's own, opening and closing included
_EXCHANGES = 10  # of them, at most, lie in such a wait

_NICENESS = -10  # a heartbeat that is late by half a second ends the take
_SLICE_S = 0.01
_ROOM = 100_000  # half an hour of events that nobody reads
_STATUS_BEATS = 10
_FLUSH_S = 1.0
_LOOK_S = 0.25
_OPENING_S = 10.0  # several ports may have to be asked


def slack_s(reply_s: float) -> float:
    """How much longer than usual to wait for a client that waits so long for each reply."""
    return _EXCHANGES * max(0.0, reply_s - REPLY_S)


def serve(
    connect: Connect, orders: Connection, news: Connection, beat_s: float, stuck_s: float
) -> None:
    """Body of the process: open, obey, beat, and leave with low outputs."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches everybody; the parent decides
    go_first(_NICENESS)
    post = _Post(news)
    service = _Service(orders, post, beat_s)
    signal.signal(signal.SIGTERM, service.leave)
    signal.signal(signal.SIGHUP, service.leave)  # the terminal was closed
    let_through()
    guard = threading.Thread(target=_guard, args=(service, post, stuck_s), daemon=True)
    guard.start()
    fault: ToolkitError | None = None
    try:
        service.work(connect)
    except ToolkitError as found:
        fault = found
    except Exception as found:  # noqa: BLE001  the parent has to be told of a defect, too
        fault = TriggerFault(f"trigger process: {type(found).__name__}: {found}; report it")
    post.end(fault)


class _Post:
    """News on their way to the parent, which may read late or never."""

    def __init__(self, news: Connection) -> None:
        self._news = news
        self._queue: queue.Queue[News] = queue.Queue(_ROOM)
        self._dropped = 0
        self._lock = threading.Lock()
        self._thread = threading.Thread(target=self._write, daemon=True)
        self._thread.start()

    def put(self, message: News) -> None:
        """Never waits."""
        try:
            self._queue.put_nowait(message)
        except queue.Full:
            self._dropped += 1

    def end(self, fault: ToolkitError | None) -> None:
        """The last message; waits a second at most for the parent to take it all."""
        with self._lock:  # the loop and the guard may both come to an end
            if self._queue.full():
                self._queue.get_nowait()
                self._dropped += 1
            self.put(Ended(fault, self._dropped))
            self._thread.join(_FLUSH_S)

    def _write(self) -> None:
        while True:
            message = self._queue.get()
            try:
                self._news.send(message)
            except OSError:  # the parent is gone; the loop finds out by its own pipe
                return
            if isinstance(message, Ended):
                return


class _Service:
    """The loop: orders, events and beats, each in its time."""

    def __init__(self, orders: Connection, post: _Post, beat_s: float) -> None:
        self._orders = orders
        self._post = post
        self._beat_ns = round(beat_s * 1e9)
        self._leaving = False
        self._beats = 0
        self.turns = 0
        self.port = "the trigger"

    def leave(self, number: int, frame: FrameType | None) -> None:  # noqa: ARG002
        """End at the next turn of the loop: a signal's handler."""
        self._leaving = True

    def work(self, connect: Connect) -> None:
        """Until told to leave, or the parent is gone, or the controller is."""
        controller = connect()
        try:
            with controller:
                self.port = controller.port
                self._post.put(Ready(controller.identity))
                self._turn(controller)
                self.turns += 1
        finally:  # whatever ended it: what was heard is told
            for event in controller.events():
                self._post.put(Happened(event))

    def _turn(self, controller: TriggerController) -> None:
        due_ns = time.monotonic_ns()
        while not self._leaving and self._obey(controller):
            self.turns += 1
            now_ns = time.monotonic_ns()
            if now_ns >= due_ns:
                self._beat(controller, due_ns)
                # Beats that could not be in time are left out, the rhythm stays.
                due_ns += self._beat_ns * ((now_ns - due_ns) // self._beat_ns + 1)
            wait_s = min(_SLICE_S, max(0, due_ns - time.monotonic_ns()) * 1e-9)
            for event in controller.events(wait_s):
                self._post.put(Happened(event))

    def _obey(self, controller: TriggerController) -> bool:
        """Carry out what was ordered; False where it is time to leave."""
        try:
            while self._orders.poll():
                given: Numbered = self._orders.recv()
                if isinstance(given.order, Leave):
                    return False
                try:
                    self._post.put(Answer(given.number, _carry_out(controller, given.order)))
                except ToolkitError as fault:
                    self._post.put(Failure(given.number, fault))
                    if isinstance(fault, TriggerLost):
                        raise
        except (EOFError, ConnectionResetError):  # the parent died
            return False
        return True

    def _beat(self, controller: TriggerController, due_ns: int) -> None:
        beat = controller.heartbeat()
        self._post.put(Beat(beat.n, beat.ticks, due_ns, beat.sent_ns, beat.received_ns))
        self._beats += 1
        if self._beats % _STATUS_BEATS == 0:
            controller.status()  # finds the end of a run whose event was lost
            self._post.put(ClockNews(controller.clock_fit.line()))


def _carry_out(controller: TriggerController, order: Order) -> int | str | Status | None:
    match order:
        case Configure(program, heartbeat_ms, gate):
            controller.configure(program, heartbeat_ms, gate)
        case Run(frames):
            return controller.run(frames)
        case Stop():
            return controller.stop()
        case Abort():
            controller.abort()
        case Ask():
            return controller.status()
    return None


def _guard(service: _Service, post: _Post, stuck_s: float) -> None:
    """End the process where the loop has not turned for too long.

    Only the time counts in which this thread ran, too: a process that was stopped (Ctrl-Z) and
    goes on is not stuck.
    """
    turns, silent_s = service.turns, -_OPENING_S
    seen_s = time.monotonic()
    while silent_s <= stuck_s:
        time.sleep(_LOOK_S)
        before_s, seen_s = seen_s, time.monotonic()
        silent_s += min(seen_s - before_s, 2 * _LOOK_S)
        if service.turns != turns:
            turns, silent_s = service.turns, 0.0
    post.end(
        TriggerLost(
            f"{service.port}: stuck for {stuck_s:g} s, the port neither answers nor fails; a run"
            " ends by its heartbeat limit; unplug the controller and plug it in again"
        )
    )
    os._exit(EXIT_ENVIRONMENT)
