"""The link to a trigger controller: who it is, how it does, and how to make it quiet.

Nothing here starts pulses; `acquisition.trigger.controller` does.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from acquisition.trigger.conversation import (
    Clock,
    Conversation,
    Exchange,
    MonotonicClock,
    Transport,
)
from acquisition.trigger.device_clock import ClockFit
from acquisition.trigger.fault import (
    TriggerLost,
    TriggerRefused,
    TriggerRestarted,
    TriggerUnfit,
)
from acquisition.trigger.line import BYTE_NS, PROTOCOL_VERSION, SEQUENCE_MAX, Reply

if TYPE_CHECKING:
    from acquisition.pulse_program import PulseProgram

OPEN_TIMEOUT_S = 3.0  # an Uno's bootloader holds it for about one second after the port opens
SETTLE_S = 2.0

_POLL_S = 0.01
_RATE_DOUBT = 0.02  # more than any clock is wrong by


@dataclass(frozen=True)
class Identity:
    """Who answers; `name` is None where none is set."""

    protocol: int
    firmware: str
    chip: str
    tick_ns: int
    name: str | None


@dataclass(frozen=True)
class Status:
    """State of the controller; `run`, `n1`, `n2` are of the last run since it began."""

    state: str
    run: int
    n1: int
    n2: int
    bad_lines: int
    lost_events: int
    boot: str
    gate_closed: bool
    ticks: int


class TriggerLink:
    """A conversation with a controller that can always be found again.

    Parameters
    ----------
    transport
        The line.
    clock
        Time that waits are measured by; None: the machine's.
    nonce
        Source of numbers 1 to 65535 that tell conversations apart; None: random.
    reply_timeout_s, deadline_s
        A command is repeated after the first without an answer, given up after the second.
    open_timeout_s
        Longest time for a controller to answer after its port was opened.
    byte_ns
        Time of a byte on the wire, for the bounds of the clock's fit.
    """

    def __init__(
        self,
        transport: Transport,
        *,
        clock: Clock | None = None,
        nonce: Callable[[], int] | None = None,
        reply_timeout_s: float = 0.06,
        deadline_s: float = 1.0,
        open_timeout_s: float = OPEN_TIMEOUT_S,
        byte_ns: int = BYTE_NS,
    ) -> None:
        self.clock: Clock = clock or MonotonicClock()
        self.talk = Conversation(
            transport, self.clock, reply_timeout_s=reply_timeout_s, deadline_s=deadline_s
        )
        self.fit: ClockFit | None = None
        self._tick_ns = 0
        self._nonce = nonce or (lambda: secrets.randbelow(SEQUENCE_MAX) + 1)
        self._open_timeout_ns = round(open_timeout_s * 1e9)
        self._byte_ns = byte_ns
        self._seen: tuple[int, int] | None = None
        self.began_anew = False

    @property
    def port(self) -> str:
        """Name of the line."""
        return self.talk.transport.name

    @property
    def seen(self) -> bool:
        """Whether its time was ever asked, without which a reset cannot be told by it."""
        return self._seen is not None

    def open(self) -> tuple[Identity, Status]:
        """Begin, learn who answers, and wait until nothing runs any more."""
        limit_ns = self.clock.monotonic_ns() + self._open_timeout_ns
        while True:
            self.begin()
            try:
                identity = self.identify()
                self._check(identity)
                self._tick_ns, self._seen = identity.tick_ns, None
                self.fit = ClockFit(identity.tick_ns, byte_ns=self._byte_ns)
                return identity, self.settle(SETTLE_S)
            except (TriggerRestarted, TriggerLost):  # the reset by the port's opening came late
                if self.clock.monotonic_ns() >= limit_ns:
                    raise

    def begin(self) -> None:
        """A conversation with a number that no other one had; stops what runs.

        Works in every state of both sides. Afterwards `began_anew` tells whether the controller
        was reset since its time was last asked, as soon as that is asked again.
        """
        limit_ns = self.clock.monotonic_ns() + self._open_timeout_ns
        old = self.talk.nonce
        while True:
            nonce = self._nonce()
            # An old number would go on with the old conversation and its run.
            if nonce != old and self.talk.begin(nonce, self._open_timeout_ns * 1e-9) == 0:
                return
            if self.clock.monotonic_ns() >= limit_ns:
                raise TriggerLost(f"{self.port}: no new conversation could be opened; try again")

    def identify(self) -> Identity:
        """Ask who is there."""
        reply = self.talk.ask("ID?", "proto", "fw", "chip", "tick_ns", "name").reply
        return Identity(
            protocol=reply.number("proto"),
            firmware=reply.text("fw"),
            chip=reply.text("chip"),
            tick_ns=reply.number("tick_ns"),
            name=_name(reply),
        )

    def name_outside(self) -> str | None:
        """Name of whoever is there, asked outside any conversation: nothing changes for it."""
        return _name(self.talk.ask_anyone("ID?", self._open_timeout_ns * 1e-9))

    def status(self) -> Status:
        """Ask for the state."""
        needed = ("state", "run", "n1", "n2", "bad", "lost", "boot", "gate", "t")
        reply = self.timed("STAT?", *needed).reply
        return Status(
            state=reply.text("state"),
            run=reply.number("run"),
            n1=reply.number("n1"),
            n2=reply.number("n2"),
            bad_lines=reply.number("bad"),
            lost_events=reply.number("lost"),
            boot=reply.text("boot"),
            gate_closed=reply.number("gate") == 1,
            ticks=reply.number("t"),
        )

    def configure(self, program: PulseProgram, heartbeat_ms: int, gate: bool) -> None:
        """Set every field and read them back; `TriggerUnfit` where one is not what was sent."""
        wanted = {
            "W1": program.width_ticks[0],
            "W2": program.width_ticks[1],
            "D1": program.delay_ticks[0],
            "D2": program.delay_ticks[1],
            "PN": program.period_numerator,
            "PD": program.period_denominator,
            "HB": heartbeat_ms,
            "GATE": int(gate),
        }
        for field, value in wanted.items():
            self.talk.ask(f"SET {field} {value}")
        found = self.talk.ask("CFG?", *wanted).reply
        for field, value in wanted.items():
            if found.number(field) != value:
                raise TriggerUnfit(
                    f"{self.port}: field {field} was set to {value} and reads"
                    f" {found.number(field)}; configure it again"
                )

    def timed(self, text: str, *needed: str) -> Exchange:
        """A command whose answer tells the time; feeds the clock's fit."""
        exchange = self.talk.ask(text, *needed)
        ticks = exchange.reply.number("t")
        if self._seen is not None and self._behind(ticks, exchange.sent_ns, *self._seen):
            self.began_anew = True
            self.fit = ClockFit(self._tick_ns, byte_ns=self._byte_ns)
        self._seen = (ticks, exchange.received_ns)
        if self.fit is not None:
            self.fit.add(
                exchange.sent_ns,
                exchange.received_ns,
                ticks,
                command_bytes=exchange.command_bytes,
                reply_bytes=exchange.reply_bytes,
            )
        return exchange

    def settle(self, timeout_s: float) -> Status:
        """Wait until the controller is idle; cut it short where it takes too long."""
        limit_ns = self.clock.monotonic_ns() + round(timeout_s * 1e9)
        while (status := self.status()).state != "idle":
            left_ns = limit_ns - self.clock.monotonic_ns()
            if left_ns <= 0 or status.state == "fault":
                self.talk.ask("ABORT")
                return self.status()
            self.talk.listen(min(left_ns * 1e-9, _POLL_S))
        return status

    def bring_low(self, timeout_s: float) -> None:
        """Both outputs low: STOP where the conversation holds, a new one where it does not."""
        if self.talk.in_step:
            try:
                self.talk.ask("STOP")
                self.settle(timeout_s)
                return
            except (TriggerRestarted, TriggerRefused, TriggerLost):
                self.talk.in_step = False
        self.begin()
        try:
            self.settle(timeout_s)
        except TriggerRestarted:  # a reset brings them low, too
            self.talk.in_step = False

    def _behind(self, ticks: int, sent_ns: int, seen_ticks: int, seen_ns: int) -> bool:
        """Whether the count has grown by less than the time that went by for certain."""
        return (ticks - seen_ticks) * self._tick_ns < (sent_ns - seen_ns) * (1 - _RATE_DOUBT)

    def _check(self, identity: Identity) -> None:
        if identity.protocol != PROTOCOL_VERSION:
            raise TriggerUnfit(
                f"{self.port}: speaks protocol version {identity.protocol}, needed is"
                f" {PROTOCOL_VERSION}; flash the controller's firmware of this toolkit"
            )


def _name(identity: Reply) -> str | None:
    name = identity.fields.get("name", "-")
    return None if name == "-" else str(name)
