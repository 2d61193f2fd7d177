"""Stop-and-wait over the trigger's line: one command at a time, and nothing is done twice."""

from __future__ import annotations

import time
from collections import deque
from dataclasses import dataclass
from typing import Protocol

from acquisition.trigger.fault import TriggerLost, TriggerRefused, TriggerRestarted, TriggerUnfit
from acquisition.trigger.line import (
    PROTOCOL_VERSION,
    SEQUENCE_MAX,
    Damaged,
    Event,
    LineSplitter,
    Reply,
    encode_command,
    parse_line,
)
from bsd.errors import UserMistake

_ERR_SEQUENCE = 7
_BOOT = b"EVT BOOT"
_PAUSE_NS = 5_000_000  # longer than any line is on its way, see `Conversation._await`
_ATTEMPTS_MIN = 3  # a machine that stood still for the whole deadline still gets to ask again


class Transport(Protocol):
    """A line to the controller. Each call may raise `TriggerLost` with the port's name."""

    @property
    def name(self) -> str:
        """What a person calls it, e.g. ``/dev/ttyACM0``."""

    def write(self, data: bytes, /) -> None:
        """Send all of `data`, within about a second."""

    def read(self, timeout_s: float, /) -> bytes:
        """Bytes as soon as there are any; empty where none came within `timeout_s`."""

    def close(self) -> None:
        """Let go of the port; again is no error."""


class Clock(Protocol):
    """Time that only goes forward."""

    def monotonic_ns(self) -> int:
        """Nanoseconds since some moment."""


class MonotonicClock:
    """The machine's own clock, the same for all its processes."""

    def monotonic_ns(self) -> int:
        """Nanoseconds of CLOCK_MONOTONIC."""
        return time.monotonic_ns()


@dataclass(frozen=True)
class Exchange:
    """A command and its reply.

    Attributes
    ----------
    sent_ns
        Before the first copy of the command was handed to the port.
    received_ns
        After the reply was read.
    copies
        How often the command was sent.
    """

    reply: Reply
    sent_ns: int
    received_ns: int
    command_bytes: int
    reply_bytes: int
    copies: int


@dataclass(frozen=True)
class _Command:
    """What is asked, and which reply answers it."""

    seq: int
    text: str
    line: bytes
    nonce: int | None = None

    def answered_by(self, reply: Reply) -> bool:
        """Whether a reply is the one waited for; older replies come again after repetitions."""
        if reply.seq != self.seq:
            return False
        if self.seq or not reply.ok:
            return True
        if self.nonce is not None:
            return reply.fields.get("nonce") == self.nonce and "last" in reply.fields
        return "proto" in reply.fields if self.text == "ID?" else "state" in reply.fields


class Conversation:
    """Commands in order, each sent as often as it takes; events are set aside.

    Parameters
    ----------
    transport, clock
        The line and the time that its waits are measured by.
    reply_timeout_s
        After so long without a reply the very same line is sent again.
    deadline_s
        After so long without any reply the controller is lost.
    """

    def __init__(
        self, transport: Transport, clock: Clock, *, reply_timeout_s: float, deadline_s: float
    ) -> None:
        self.transport = transport
        self.clock = clock
        self.events: deque[Event] = deque()
        self.in_step = False
        self.nonce = 0
        self.restarted: str | None = None
        self._reply_timeout_ns = round(reply_timeout_s * 1e9)
        self._deadline_ns = round(deadline_s * 1e9)
        self._splitter = LineSplitter()
        self._inbox: deque[bytes] = deque()
        self._next = 1
        self._last_damaged: Damaged | None = None
        self._closed = False

    def check_open(self) -> None:
        """`TriggerLost` after `close`."""
        if self._closed:
            raise TriggerLost(f"{self.transport.name}: closed; open the port anew", ran=False)

    def close(self) -> None:
        """Let go of the line for good: nothing is sent any more."""
        self._closed = True
        self.in_step = False
        self.transport.close()

    def replace_transport(self, transport: Transport) -> None:
        """Go on over another line; the next thing must be `begin`."""
        self.transport = transport
        self.in_step = False
        self._splitter.clear()
        self._inbox.clear()

    def begin(self, nonce: int, timeout_s: float) -> int:
        """Open a conversation, through a reset of the controller if there is one.

        Parameters
        ----------
        nonce
            1 to 65535.
        timeout_s
            How long to try.

        Returns
        -------
        int
            Number of the last command; not 0 where the nonce is one of an older conversation.

        Raises
        ------
        TriggerLost
            Nobody answers within the time.
        TriggerUnfit
            What answers speaks another version.
        """
        self.in_step, self.nonce, self.restarted = False, 0, None
        self._last_damaged = None
        command = self._command(0, f"OPEN {nonce}", nonce)
        exchange = self._exchange(command, round(timeout_s * 1e9))
        if not exchange.reply.ok:
            raise TriggerUnfit(
                f"{self.transport.name}: refuses to open"
                f" ('{exchange.reply.word}'); flash the controller's firmware of this toolkit"
            )
        self.nonce, self._next, self.in_step = nonce, 1, True
        return exchange.reply.number("last")

    def ask(self, text: str, *needed: str) -> Exchange:
        """Send one command until it is answered; it is executed once at most.

        Parameters
        ----------
        text
            Verb and arguments.
        needed
            Keys without which the answer is of no use.

        Raises
        ------
        UserMistake
            It is no command of the grammar; nothing was sent.
        TriggerRefused
            The controller says ``ERR``.
        TriggerRestarted
            It was reset since `begin`, or another host has opened it.
        TriggerLost
            No answer within the deadline, or the port is gone: whether it was executed is not
            known, and nothing may follow but `begin`.
        TriggerUnfit
            A needed key is absent.
        """
        self.check_open()
        if self.restarted is not None:
            error = self._restarted_error()
            error.ran = False
            raise error
        if not self.in_step:
            raise TriggerLost(f"{self.transport.name}: not open; open it again")
        command = self._command(self._next, text)
        self.in_step = False  # until the answer is here, also where an interrupt comes between
        exchange = self._exchange(command, self._deadline_ns)
        reply = exchange.reply
        if reply.code == _ERR_SEQUENCE:
            self.listen(self._reply_timeout_ns * 1e-9)  # its BOOT may come behind the answer
            self.restarted = self.restarted or "unknown"
            error = self._restarted_error()
            error.ran = False if exchange.copies == 1 else None
            raise error
        self._next = command.seq % SEQUENCE_MAX + 1
        self.in_step = True
        if not reply.ok:
            more = "".join(f" {key}={value}" for key, value in reply.fields.items())
            raise TriggerRefused(
                f"{self.transport.name}: '{text}' refused: {reply.word}{more}",
                code=reply.code,
                word=reply.word,
                fields=reply.fields,
            )
        if absent := [key for key in needed if key not in reply.fields]:
            raise TriggerUnfit(
                f"{self.transport.name}: answers '{text}' without {', '.join(absent)}; flash the"
                " controller's firmware of this toolkit"
            )
        return exchange

    def ask_anyone(self, text: str, timeout_s: float) -> Reply:
        """Ask outside any conversation (``ID?``, ``STAT?``); changes nothing for anybody."""
        return self._exchange(self._command(0, text), round(timeout_s * 1e9)).reply

    def listen(self, timeout_s: float) -> None:
        """Take in what has come, waiting up to `timeout_s` for something."""
        if not self._inbox:
            self._receive(timeout_s)
        while self._inbox:
            self._take()

    def _command(self, seq: int, text: str, nonce: int | None = None) -> _Command:
        try:
            return _Command(seq, text, encode_command(seq, text), nonce)
        except ValueError as error:
            raise UserMistake(f"{self.transport.name}: {error}; nothing was sent") from error

    def _exchange(self, command: _Command, limit_ns: int) -> Exchange:
        self.check_open()
        line = command.line
        sent_ns = self.clock.monotonic_ns()
        copies = 0
        while copies < _ATTEMPTS_MIN or self.clock.monotonic_ns() - sent_ns < limit_ns:
            # The LF ends whatever a damaged copy, or a host that died, left at the other end.
            self.transport.write(line if copies == 0 and command.seq else b"\n" + line)
            copies += 1
            answer = self._await(command)
            if answer is not None:
                received_ns = self.clock.monotonic_ns()
                return Exchange(answer[0], sent_ns, received_ns, len(line), answer[1] + 1, copies)
        raise self._silent_error(command.text, limit_ns)

    def _await(self, command: _Command) -> tuple[Reply, int] | None:
        """The reply and its length; None where the command should be sent again.

        That is soon where a line came damaged, but not at once: the answer may be behind it, and
        where nothing but noise comes a copy for each line of it would be a storm.
        """
        sent_ns = self.clock.monotonic_ns()
        until_ns = sent_ns + self._reply_timeout_ns
        last_look = False
        while True:
            while self._inbox:
                length = len(self._inbox[0])
                match self._take():
                    case Reply() as reply if command.answered_by(reply):
                        return reply, length
                    case Reply(seq=None) | Damaged():
                        until_ns = min(until_ns, sent_ns + _PAUSE_NS)
                    case Event(name="BOOT") as event:
                        self._check_version(event)
                        if self.restarted is not None and command.seq:
                            raise self._restarted_error()
                        until_ns = min(until_ns, sent_ns + _PAUSE_NS)
            if last_look:
                return None
            left_ns = until_ns - self.clock.monotonic_ns()
            # At least one look, for what came while this process was not running.
            last_look = left_ns <= 0
            self._receive(max(0, left_ns) / 1e9)

    def _receive(self, timeout_s: float) -> None:
        self._inbox.extend(self._splitter.feed(self.transport.read(timeout_s)))

    def _take(self) -> Reply | Event | Damaged:
        """The next line; events are set aside, a restart and damage are remembered."""
        item = parse_line(line := self._inbox.popleft())
        if isinstance(item, Damaged) and _BOOT in line:  # a reset cuts off what was being sent
            item = parse_line(line[line.rindex(_BOOT) :])
        if isinstance(item, Event):
            self.events.append(item)
            if item.name == "BOOT" and self.nonce:
                self.restarted, self.in_step = item.text("cause"), False
        elif isinstance(item, Damaged):
            self._last_damaged = item
        return item

    def _check_version(self, boot: Event) -> None:
        if boot.number("proto") != PROTOCOL_VERSION:
            raise TriggerUnfit(
                f"{self.transport.name}: speaks protocol version {boot.number('proto')}, needed is"
                f" {PROTOCOL_VERSION}; flash the controller's firmware of this toolkit"
            )

    def _restarted_error(self) -> TriggerRestarted:
        cause = self.restarted or "unknown"
        why = "was reset or opened by another program" if cause == "unknown" else f"reset ({cause})"
        return TriggerRestarted(
            f"{self.transport.name}: the controller {why}; its settings and its run are gone:"
            " open and configure it again",
            cause=cause,
        )

    def _silent_error(self, text: str, limit_ns: int) -> TriggerLost:
        said = f"; last it sent {self._last_damaged}" if self._last_damaged else ""
        return TriggerLost(
            f"{self.transport.name}: no answer to '{text}' within {limit_ns / 1e9:g} s{said};"
            " check cable, port and firmware (python -m acquisition.doctor)"
        )
