"""The trigger controller: whether our firmware answers, and if not, who does.

Only ``ID?`` and ``STAT?`` are sent, outside the conversation: they change nothing. Opening the port
does reset a board with auto-reset; so a port that another program holds is not opened.
"""

from __future__ import annotations

import errno
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Protocol

from acquisition.health.finding import Finding
from acquisition.trigger.line import (
    PROTOCOL_VERSION,
    Damaged,
    Event,
    LineSplitter,
    Reply,
    encode_command,
    parse_line,
)
from bsd.errors import ToolkitError

OPTIBOOT_BAUD = 115_200
OLD_BOOTLOADER_BAUD = 57_600
_ANSWER_LIMIT_S = 3.5  # a board's bootloader may take the first two after a reset
_STATE_LIMIT_S = 1.0
_RETRY_S = 0.3
_READ_S = 0.05
_BOOTLOADER_LIMIT_S = 1.5
_RESET_LOW_S = 0.1
_GET_SYNC, _IN_SYNC = b"\x30\x20", b"\x14\x10"  # STK500 version 1
_GREETINGS = 2  # answered one after the other: noise may look like one answer
_BUSY = (errno.EBUSY, errno.EAGAIN)
_RESETS_TOO_MANY = 3

FLASH = "python -m hardware.firmware flash --port {path}"


class Line(Protocol):
    """An open serial line, as `acquisition.trigger.port` opens it."""

    def write(self, data: bytes, /) -> None:
        """Send bytes."""

    def read(self, timeout_s: float, /) -> bytes:
        """Bytes that arrived, or none within `timeout_s`."""

    def close(self) -> None:
        """Let the port go."""


@dataclass(frozen=True)
class Probe:
    """What came over the line.

    Attributes
    ----------
    identity, state
        Replies to ``ID?`` and ``STAT?``; None where none came whole.
    resets
        Causes of the ``EVT BOOT`` lines that came, in their order.
    damaged
        Lines that could not be trusted.
    received
        Bytes that came, at most the first 64.
    bootloader_baud
        Speed at which an STK500 bootloader answered; None where none did or none was asked.
    complaint
        Why the port could not be opened or broke, and perhaps a way out behind a semicolon; ""
        where it worked.
    """

    identity: Reply | None = None
    state: Reply | None = None
    resets: tuple[str, ...] = ()
    damaged: int = 0
    received: bytes = b""
    bootloader_baud: int | None = None
    complaint: str = ""


def controller(path: str, probe: Probe) -> list[Finding]:
    """Judge what came over the line: the controller, and its state where it told one."""
    if probe.complaint:
        what, _, way = probe.complaint.partition("; ")
        again = "unplug the controller, plug it in again and run again"
        return [_fault(f"{path}: {what}", way or again)]
    if len(probe.resets) >= _RESETS_TOO_MANY:
        return [_resets(path, probe)]
    if probe.identity is None:
        return [_stranger(path, probe)]
    return [_identity(path, probe.identity), *_state(probe)]


def _identity(path: str, reply: Reply) -> Finding:
    fields = reply.fields
    if not reply.ok or "proto" not in fields:
        return _fault(
            f"{path}: answers in our lines, but refuses ID? ({reply.word or 'no version'})",
            f"write this toolkit's firmware: {FLASH.format(path=path)}",
        )
    if fields["proto"] != PROTOCOL_VERSION:
        older = int(fields["proto"]) < PROTOCOL_VERSION
        return _fault(
            f"{path}: speaks protocol version {fields['proto']}, this toolkit {PROTOCOL_VERSION}",
            f"write this toolkit's firmware: {FLASH.format(path=path)}"
            if older
            else "install a newer bsd-toolkit, or write this one's firmware:"
            f" {FLASH.format(path=path)}",
        )
    name = fields.get("name", "-")
    return Finding(
        "controller",
        "ok",
        f"{path}: {'no name set' if name == '-' else f'name {name}'}, firmware"
        f" {fields.get('fw', '?')} on {fields.get('chip', '?')}, protocol {fields['proto']},"
        f" tick {fields.get('tick_ns', '?')} ns",
    )


def _state(probe: Probe) -> list[Finding]:
    name = "controller state"
    if probe.state is None or not probe.state.ok:
        return [
            Finding(name, "warning", "STAT? was not answered", "run again; try another USB cable")
        ]
    fields = probe.state.fields
    gate = "closed" if fields.get("gate") == 1 else "open"
    text = (
        f"{fields.get('state', '?')}, gate {gate}, last reset {fields.get('boot', '?')},"
        f" {fields.get('bad', '?')} damaged lines"
    )
    if fields.get("state") == "fault":
        way = "send ABORT, or press its reset button; an edge came late: see the firmware's page"
        return [Finding(name, "warning", text, way)]
    if fields.get("state") not in ("idle", None):
        way = "another host drives it, or one left it running; it stops after its heartbeat limit"
        return [Finding(name, "warning", text, way)]
    if probe.damaged > 1:
        way = "shorter USB cable, no hub; away from motors and flash lamps"
        return [Finding(name, "warning", f"{text}; {probe.damaged} lines came damaged", way)]
    return [Finding(name, "ok", text)]


def _resets(path: str, probe: Probe) -> Finding:
    causes = ", ".join(dict.fromkeys(probe.resets))
    return _fault(
        f"{path}: the controller was reset {len(probe.resets)} times while it was asked ({causes})",
        "brownout: feed it from a port with 500 mA, not through the cameras' hub; external:"
        " another program opens the port (ModemManager); watchdog: report it",
    )


def _stranger(path: str, probe: Probe) -> Finding:
    """Nobody answered ``ID?``: who is it then."""
    flash = FLASH.format(path=path)
    if probe.resets:
        return _fault(
            f"{path}: our firmware begins but does not answer; {probe.damaged} damaged lines",
            "try another USB cable and port, without a hub; then write the firmware again: "
            + flash,
        )
    if probe.bootloader_baud == OLD_BOOTLOADER_BAUD:
        return _fault(
            f"{path}: an old bootloader answers at 57600 baud and our firmware does not: after a"
            " watchdog reset it resets itself for ever",
            "unplug it and plug it in for now; burn Optiboot with an ISP programmer before you use"
            " it (docs/how-to/build-rig-trigger.md)",
        )
    if probe.bootloader_baud is not None:
        return _fault(
            f"{path}: Optiboot answers at {probe.bootloader_baud} baud, our firmware does not",
            f"write the firmware: {flash}",
        )
    if probe.received:
        return _fault(
            f"{path}: not our firmware: sends {probe.received[:16].hex(' ')}"
            f" ({_printable(probe.received[:24])})",
            f"is it the right port? If so, write the firmware: {flash}",
        )
    return _fault(
        f"{path}: silent for {_ANSWER_LIMIT_S:.1f} s: no firmware, another device, or an old"
        " bootloader that loops after a watchdog reset (the board's LED flickers)",
        "unplug it, wait two seconds, plug it in, run again: if it answers now, its bootloader is"
        f" old, burn Optiboot; if not, write the firmware: {flash}",
    )


def ask(line: Line, clock: Callable[[], float] = time.monotonic) -> Probe:
    """Ask an open line who is there, and how it is; survives the reset at opening.

    Parameters
    ----------
    line
        Open at 500,000 baud.
    clock
        Seconds, monotonic.
    """
    heard = _Ear(line, clock)
    identity = heard.answer(encode_command(0, "ID?"), ("proto",), _ANSWER_LIMIT_S)
    state = None
    if identity is not None:
        state = heard.answer(encode_command(0, "STAT?"), ("state",), _STATE_LIMIT_S)
    return Probe(identity, state, tuple(heard.resets), heard.damaged, heard.received)


def examine(
    path: str,
    open_line: Callable[[str], Line] | None = None,
    find_bootloader: Callable[[str], int | None] | None = None,
) -> list[Finding]:
    """Open the port, ask, and where nobody answers look for a bootloader."""
    try:
        probe = _asked(path, open_line or _open_line)
        if probe.identity is None and not probe.resets:
            baud = (find_bootloader or bootloader_baud)(path)
            probe = replace(probe, bootloader_baud=baud)
    except ToolkitError as error:
        probe = Probe(complaint=str(error).removeprefix(f"{path}: "))
    except OSError as error:  # pyserial's errors are of this kind
        busy = "in use by another program; close it and run again"
        probe = Probe(complaint=busy if error.errno in _BUSY else error.strerror or str(error))
    return controller(path, probe)


def bootloader_baud(path: str, bauds: Sequence[int] = (115_200, 57_600)) -> int | None:
    """Reset the board and greet its bootloader (STK500); the speed at which it answers.

    Optiboot speaks 115,200 baud; the bootloaders that old Nanos came with speak 57,600.
    """
    return next((baud for baud in bauds if _greeted(path, baud)), None)


def _greeted(path: str, baud: int) -> bool:
    import serial

    with serial.Serial(path, baud, timeout=_READ_S, exclusive=True) as line:
        _pulse_reset(line)
        answered = 0
        end_s = time.monotonic() + _BOOTLOADER_LIMIT_S
        while answered < _GREETINGS and time.monotonic() < end_s:
            line.read(line.in_waiting)  # what came before is no answer
            line.write(_GET_SYNC)
            answered = answered + 1 if line.read(64).startswith(_IN_SYNC) else 0
    return answered == _GREETINGS


def _pulse_reset(line: object) -> None:
    """Let DTR fall as flashing tools do; a line without modem signals has none to move."""
    try:
        line.dtr = False  # type: ignore[attr-defined]
        time.sleep(_RESET_LOW_S)
        line.dtr = True  # type: ignore[attr-defined]
    except OSError:
        return


class _Ear:
    """Listens to a line while it asks."""

    def __init__(self, line: Line, clock: Callable[[], float]) -> None:
        self._line = line
        self._clock = clock
        self._splitter = LineSplitter()
        self.resets: list[str] = []
        self.damaged = 0
        self.received = b""

    def answer(self, command: bytes, keys: Sequence[str], limit_s: float) -> Reply | None:
        """Send until a reply to number 0 comes that has `keys` or is a refusal."""
        begin_s = self._clock()
        next_s = begin_s
        while (now_s := self._clock()) - begin_s < limit_s:
            if now_s >= next_s:
                self._line.write(command)
                next_s = now_s + _RETRY_S
            for reply in self._replies(self._line.read(_READ_S)):
                if reply.seq == 0 and (not reply.ok or all(key in reply.fields for key in keys)):
                    return reply
        return None

    def _replies(self, data: bytes) -> list[Reply]:
        self.received = (self.received + data)[:64]
        replies = []
        for line in self._splitter.feed(data):
            said = parse_line(line)
            if isinstance(said, Reply):
                replies.append(said)
            elif isinstance(said, Event) and said.name == "BOOT":
                self.resets.append(said.text("cause"))
            elif isinstance(said, Damaged):
                self.damaged += 1
        return replies


def _asked(path: str, open_line: Callable[[str], Line]) -> Probe:
    line = open_line(path)
    try:
        return ask(line)
    finally:
        line.close()


def _open_line(path: str) -> Line:
    from acquisition.trigger.port import open_port

    return open_port(path)


def _fault(what: str, remedy: str) -> Finding:
    return Finding("controller", "fault", what, remedy)


def _printable(data: bytes) -> str:
    return "".join(chr(byte) if 32 <= byte < 127 else "." for byte in data)
