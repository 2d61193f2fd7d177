"""The trigger controller as a host sees it: open, configure, run, and leave it with low outputs.

The protocol is `docs/reference/trigger-protocol.md`, version 1. `TriggerController` belongs to one
thread. It never starts a run twice: a command whose answer is lost is sent again with its number,
which the controller executes once; where the controller was reset, or stays silent, the caller is
told by an exception and nothing is repeated.
"""

from __future__ import annotations

import logging
import re
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from types import TracebackType
from typing import TYPE_CHECKING, NamedTuple, Self

from acquisition.trigger.conversation import Clock, Transport
from acquisition.trigger.device_clock import ClockFit
from acquisition.trigger.event import (
    Boot,
    Done,
    Late,
    Pulse,
    PulsesMissing,
    RunWatch,
    Started,
    TriggerEvent,
    newer,
)
from acquisition.trigger.fault import (
    TriggerFault,
    TriggerLost,
    TriggerRefused,
    TriggerRestarted,
    TriggerUnfit,
)
from acquisition.trigger.line import BYTE_NS
from acquisition.trigger.link import OPEN_TIMEOUT_S, SETTLE_S, Identity, Status, TriggerLink
from bsd.errors import UserMistake

if TYPE_CHECKING:
    from acquisition.pulse_program import PulseProgram

__all__ = [
    "Boot",
    "Clock",
    "Done",
    "Heartbeat",
    "Identity",
    "Late",
    "Pulse",
    "PulsesMissing",
    "Started",
    "Status",
    "Transport",
    "TriggerController",
    "TriggerEvent",
    "TriggerFault",
    "TriggerLost",
    "TriggerRefused",
    "TriggerRestarted",
    "TriggerUnfit",
]

BEAT_S = 0.1
REPLY_S = 1.0

_NAME = re.compile(r"[A-Za-z0-9_-]{1,16}")

log = logging.getLogger(__name__)


class Heartbeat(NamedTuple):
    """Answer to a heartbeat: frames completed, the count then, and the host's round trip."""

    n: int
    ticks: int
    sent_ns: int
    received_ns: int


class TriggerController:
    """A trigger controller at the end of a line. A context manager: opens, and always ends low.

    Parameters
    ----------
    transport
        The line, see `acquisition.trigger.port.open_port`.
    reopen
        Opens the same line again after it was lost; None: it cannot be reopened.
    clock, nonce, reply_timeout_s, deadline_s, open_timeout_s, byte_ns
        As of `acquisition.trigger.link.TriggerLink`.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Clock | None = None,
        reopen: Callable[[], Transport] | None = None,
        nonce: Callable[[], int] | None = None,
        reply_timeout_s: float = 0.06,
        deadline_s: float = REPLY_S,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        byte_ns: int = BYTE_NS,
    ) -> None:
        self._link = TriggerLink(
            transport,
            clock=clock,
            nonce=nonce,
            reply_timeout_s=reply_timeout_s,
            deadline_s=deadline_s,
            open_timeout_s=open_timeout_s,
            byte_ns=byte_ns,
        )
        self._talk = self._link.talk
        self._clock = self._link.clock
        self._reopen = reopen
        self._identity: Identity | None = None
        self._program: PulseProgram | None = None
        self._settle_s = SETTLE_S
        self._watch = RunWatch()
        self._events: deque[TriggerEvent] = deque()
        self._idle_seen = False
        self._touched = False
        self._closed = False

    @property
    def port(self) -> str:
        """Name of the line."""
        return self._link.port

    @property
    def identity(self) -> Identity:
        """Who answered when it was opened."""
        if self._identity is None:
            raise TriggerLost(f"{self.port}: not open; open it first")
        return self._identity

    @property
    def clock_fit(self) -> ClockFit:
        """Round trips since it was opened; `clock_fit.line()` puts ticks on the host's time."""
        if self._link.fit is None:
            raise TriggerLost(f"{self.port}: not open; open it first")
        return self._link.fit

    def open(self) -> Identity:
        """Begin a conversation; a run of a host that died is stopped first.

        Survives the reset that opening a port causes. What was configured counts no more.

        Raises
        ------
        TriggerLost
            Nobody answers within the time for opening.
        TriggerUnfit
            It speaks another protocol version.
        """
        self._talk.check_open()
        self._program = None
        self._touched = True
        identity, status = self._link.open()
        self._forget(status)
        self._identity = identity
        return identity

    def reconnect(self) -> Identity:
        """Open the same line anew after `TriggerLost`, or the conversation after a restart.

        Nothing is configured and nothing runs afterwards. What another controller runs goes on.

        Raises
        ------
        EnvironmentFault, UserMistake
            The line could not be opened again, as of `acquisition.trigger.port.reopen_port`.
        TriggerLost
            Nobody answers there, it was never open, or it was closed.
        TriggerUnfit
            Another controller answers there now, or another protocol version.
        """
        self._talk.check_open()
        before = self.identity.name
        self._program = None
        if self._reopen is not None:
            self._talk.transport.close()
            self._talk.replace_transport(self._reopen())
        now = self._link.name_outside()
        if now != before:
            self._talk.in_step = self._touched = False  # nothing of ours is there
            raise TriggerUnfit(
                f"{self.port}: controller '{now or '-'}' answers, expected"
                f" '{before or '-'}'; plug in the right one"
            )
        return self.open()

    def identify(self) -> Identity:
        """Ask who is there."""
        return self._link.identify()

    def set_name(self, name: str) -> None:
        """Give the controller a name for good: 1 to 16 of letters, digits, ``-``, ``_``."""
        if _NAME.fullmatch(name) is None:
            raise UserMistake(f"name {name!r}: give 1 to 16 of letters, digits, '-' and '_'")
        self._talk.ask(f"SET NAME {name}")
        self._identity = self.identify()

    def configure(self, program: PulseProgram, heartbeat_ms: int = 500, gate: bool = False) -> None:
        """Send a program and read it back.

        Parameters
        ----------
        program
            Widths, delays and period in ticks of this controller's length.
        heartbeat_ms
            Longest silence of this host while running, 100 to 500; 0 does not watch.
        gate
            Whether a run waits for the gate input.

        Raises
        ------
        TriggerUnfit
            The program is for another tick, or what is read back is not what was sent.
        TriggerRefused
            A value is out of range, or a run is on.
        """
        if program.tick_ns != self.identity.tick_ns:
            raise TriggerUnfit(
                f"{self.port}: the program counts ticks of {program.tick_ns} ns, the controller"
                f" {self.identity.tick_ns} ns; plan it with tick_ns={self.identity.tick_ns}"
            )
        self._program = None
        self._link.configure(program, heartbeat_ms, gate)
        period_ticks = program.period_numerator / program.period_denominator
        self._settle_s = SETTLE_S + period_ticks * program.tick_ns * 1e-9
        self._program = program

    def run(self, frames: int) -> int:
        """Start a run.

        Parameters
        ----------
        frames
            1 to 4294967295, or 0 for a run until `stop`.

        Returns
        -------
        int
            The run's number: it has begun, exactly once (or waits for the gate).

        Raises
        ------
        TriggerUnfit
            Not configured since it was opened.
        TriggerRefused
            It did not begin: state, range, or fields that do not fit together.
        TriggerLost, TriggerRestarted
            It is not running. `ran` tells whether it had begun before, where that is known.
        """
        self._talk.check_open()
        if self._program is None:
            raise TriggerUnfit(f"{self.port}: not configured since it was opened; configure first")
        self._interpret()
        before = self._watch.run
        self._idle_seen = False
        try:
            run = self._talk.ask(f"RUN {frames}", "run").reply.number("run")
        except TriggerLost as lost:
            ran = self._whether_ran(before)
            said = {True: "it had begun and was stopped", False: "it did not begin"}
            end = said[ran] if ran is not None else "whether it began is not known"
            raise TriggerLost(f"{lost}; RUN {frames}: {end}", ran=ran) from lost
        except TriggerRestarted as restarted:
            self._program = None
            with suppress(TriggerFault):  # a reset has ended it; what another host runs ends here
                self._link.begin()
            self._talk.in_step, self._talk.restarted = False, restarted.cause
            raise
        self._watch.begin(run)
        return run

    def stop(self) -> str:
        """Finish the frame that has begun, then stop; returns the state after the command."""
        return self._talk.ask("STOP", "state").reply.text("state")

    def abort(self) -> None:
        """Both outputs low now; also clears a fault. Works in a conversation that broke, too."""
        if self._touched and not self._talk.in_step:
            self._program = None
            self._link.begin()
        self._talk.ask("ABORT")

    def heartbeat(self) -> Heartbeat:
        """Say that this host lives; feeds the clock's fit."""
        exchange = self._link.timed("HB", "n", "t")
        reply = exchange.reply
        return Heartbeat(
            reply.number("n"), reply.number("t"), exchange.sent_ns, exchange.received_ns
        )

    def status(self) -> Status:
        """Ask for the state; also finds the end of a run whose event was lost."""
        status = self._link.status()
        self._interpret()
        idle = status.state in ("idle", "fault") and status.run == self._watch.run
        if idle and self._watch.running and self._idle_seen:  # the event had a whole round trip
            end = self._watch.end_unheard(status.run, status.n1, status.n2, status.ticks)
            self._events.extend(end)
        self._idle_seen = idle
        return status

    def events(self, timeout_s: float = 0.0) -> list[TriggerEvent]:
        """What has happened since the last call, waiting up to `timeout_s` for something.

        After `close` it gives what is left.

        Raises
        ------
        TriggerRestarted
            The controller was reset; its `Boot` event was returned by an earlier call.
        """
        self._interpret()
        if not self._events and not self._closed:
            if self._talk.restarted is not None:
                self._talk.ask("STAT?")  # raises
            self._talk.listen(timeout_s)
            self._interpret()
        found = list(self._events)
        self._events.clear()
        return found

    def wait_done(self, timeout_s: float) -> Done:
        """Keep the run alive until it is over; its events stay for `events`.

        Raises
        ------
        TriggerFault
            It is not over after `timeout_s`, or no run was started.
        TriggerRestarted
            It is gone.
        """
        beat_ns = self._clock.monotonic_ns()
        limit_ns = beat_ns + round(timeout_s * 1e9)
        while True:
            self._interpret()
            if self._watch.done is not None:
                return self._watch.done
            if not self._watch.running:
                raise TriggerFault(f"{self.port}: no run was started; start one first")
            now_ns = self._clock.monotonic_ns()
            if now_ns >= limit_ns:
                raise TriggerFault(
                    f"{self.port}: run {self._watch.run} is not over after {timeout_s:g} s;"
                    " stop it, or wait longer"
                )
            if now_ns >= beat_ns:
                self.status()
                beat_ns = now_ns + round(BEAT_S * 1e9)
            else:
                self._talk.listen((min(beat_ns, limit_ns) - now_ns) * 1e-9)

    def close(self) -> None:
        """Bring both outputs low, gracefully if possible, and let go of the port.

        Raises
        ------
        TriggerLost
            It could not be told; a run that is watched ends by itself within its heartbeat limit.
        """
        if self._closed:
            return
        self._closed = True
        try:
            if self._touched:
                self._link.bring_low(self._settle_s)
                for _ in range(2):  # its end is an event as any other, or is found
                    if self._watch.running and self._talk.in_step:
                        self.status()
        except TriggerLost as lost:
            raise TriggerLost(
                f"{lost}; it could not be told to stop: a run ends by itself when its heartbeat"
                " limit (500 ms at most) is over, unless that was set to 0"
            ) from lost
        finally:
            self._talk.close()

    def __enter__(self) -> Self:
        try:
            self.open()
        except BaseException:
            self._closed = True
            self._talk.close()
            raise
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except TriggerFault as fault:
            if error is None:
                raise
            log.warning("%s", fault)  # the first error is the one that is raised
            error.add_note(str(fault))

    def _whether_ran(self, before: int) -> bool | None:
        """After a `RUN` without an answer: stop it, and say whether it had begun."""
        program, self._program = self._program, None
        self._link.began_anew = False
        known = self._link.seen
        try:
            self._link.begin()
            status = self._link.settle(self._settle_s)
        except TriggerFault:
            self._talk.in_step = False
            return None
        booted = any(event.name == "BOOT" for event in self._talk.events)
        if booted or self._link.began_anew or not known:
            self._forget(status)
            return None
        self._program = program
        self._watch.begin(status.run)
        return newer(status.run, before)

    def _forget(self, status: Status) -> None:
        """Nothing that was heard before this idle moment belongs to a run of ours."""
        self._talk.events.clear()
        self._events.clear()
        self._watch = RunWatch(status.run, status.ticks)

    def _interpret(self) -> None:
        while self._talk.events:
            self._events.extend(self._watch.feed(self._talk.events.popleft()))
