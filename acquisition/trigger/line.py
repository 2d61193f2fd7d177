"""Lines of the trigger protocol: text to fields and back, nothing else.

The grammar is `docs/reference/trigger-protocol.md`, version 1. Everything here is a pure function
of bytes, and no input raises: what cannot be trusted comes back as `Damaged`.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Mapping
from dataclasses import dataclass, field

PROTOCOL_VERSION = 1
BAUD = 500_000
BYTE_NS = 20_000  # ten bits at 500,000 baud
COMMAND_LENGTH_MAX = 63
REPLY_LENGTH_MAX = 127
SEQUENCE_MAX = 65_535
TICKS_BITS = 48

Value = int | str

_COMMAND = re.compile(r"[A-Z]+\??(?: [A-Za-z0-9_.-]+)*")
_HEAD = re.compile(r"(?P<seq>\?|[0-9]{1,5}):(?:(?P<ok>OK)|ERR (?P<code>[0-9]+) (?P<word>[a-z-]+))")
_EVENT = re.compile(r"EVT (?P<name>[A-Z]+)")
_FIELDS = re.compile(r"(?: [A-Za-z][A-Za-z0-9_]*=[A-Za-z0-9_.-]+)*")
_NUMBER = re.compile(r"0|[1-9][0-9]{0,9}")
_TIME = re.compile(r"[0-9A-Fa-f]{12}")
_CRC = re.compile(rb"[0-9A-F]{4}")

_COUNTS = ["n", "n1", "n2", "run", "last", "expect", "nonce", "bad", "lost"]
_SETTINGS = ["W1", "D1", "W2", "D2", "PN", "PD", "HB", "GATE"]
_NUMBERS = frozenset([*_COUNTS, *_SETTINGS, "proto", "tick_ns", "gate", "channel", "cut"])
_EVENT_KEYS: Mapping[str, frozenset[str]] = {
    "BOOT": frozenset({"cause", "proto", "fw"}),
    "START": frozenset({"run", "t"}),
    "PULSE": frozenset({"n", "t"}),
    "FAULT": frozenset({"cause", "channel", "n"}),
    "DONE": frozenset({"run", "n1", "n2", "cause", "cut"}),
}


@dataclass(frozen=True)
class Reply:
    """An answer to a command.

    Attributes
    ----------
    seq
        Number of the command, or None where the controller could not trust the number (``?``).
    code, word
        0 and "" for ``OK``; else the error's code and word.
    fields
        Key to value: `int` for numbers and for times (ticks), `str` for words.
    """

    seq: int | None
    code: int = 0
    word: str = ""
    fields: Mapping[str, Value] = field(default_factory=dict)

    @property
    def ok(self) -> bool:
        """Whether the command was accepted."""
        return self.code == 0

    def number(self, key: str) -> int:
        """A numeric field; `KeyError` where the reply has no such number."""
        return _number(self.fields, key)

    def text(self, key: str) -> str:
        """A field as it is written; `KeyError` where the reply has none."""
        return str(self.fields[key])


@dataclass(frozen=True)
class Event:
    """Something that the controller says of itself; the keys of a known event are all there."""

    name: str
    fields: Mapping[str, Value] = field(default_factory=dict)

    def number(self, key: str) -> int:
        """A numeric field; `KeyError` where the event has no such number."""
        return _number(self.fields, key)

    def text(self, key: str) -> str:
        """A field as it is written; `KeyError` where the event has none."""
        return str(self.fields[key])


@dataclass(frozen=True)
class Damaged:
    """A line that says nothing that could be trusted, and why."""

    raw: bytes
    reason: str

    def __str__(self) -> str:
        return f"{self.raw[:60]!r}: {self.reason}"


class LineSplitter:
    """Cuts a stream of bytes into lines; a line without end is cut off and comes out damaged."""

    def __init__(self) -> None:
        self._rest = b""

    def feed(self, data: bytes) -> list[bytes]:
        """Lines that `data` completes, without their LF and CR; empty lines are left out."""
        *lines, rest = (self._rest + data).split(b"\n")
        # One byte more than a line may have is enough to know that it is too long.
        self._rest = rest[: REPLY_LENGTH_MAX + 2]
        return [line for line in (line.removesuffix(b"\r") for line in lines) if line]

    def clear(self) -> None:
        """Forget the line that has begun."""
        self._rest = b""


def crc16(data: bytes) -> int:
    """CRC-16/CCITT-FALSE: polynomial 0x1021, start 0xFFFF, no reflection; 0 to 65535."""
    return binascii.crc_hqx(data, 0xFFFF)


def encode_command(seq: int, text: str) -> bytes:
    """The line of one command, CRC and LF included.

    Parameters
    ----------
    seq
        0 to 65535.
    text
        Verb and arguments, separated by single spaces, e.g. ``SET W1 32000``.

    Raises
    ------
    ValueError
        The number or the text is not of the grammar, or the line is longer than 63 characters.
    """
    if not 0 <= seq <= SEQUENCE_MAX:
        raise ValueError(f"sequence number {seq}: 0 to {SEQUENCE_MAX} is needed")
    if _COMMAND.fullmatch(text) is None:
        raise ValueError(f"command {text!r}: a verb and words are needed")
    body = f"{seq}:{text}".encode("ascii")
    line = b"%s*%04X" % (body, crc16(body))
    if len(line) > COMMAND_LENGTH_MAX:
        raise ValueError(f"command {text!r}: {len(line)} characters, at most 63 are allowed")
    return line + b"\n"


def parse_line(line: bytes) -> Reply | Event | Damaged:
    """What a line from the controller says; the LF and a CR before it may be there or not."""
    line = line.removesuffix(b"\n").removesuffix(b"\r")
    if len(line) > REPLY_LENGTH_MAX:
        return Damaged(line, "longer than 127 characters")
    body, star, crc = line.rpartition(b"*")
    if not star or _CRC.fullmatch(crc) is None:
        return Damaged(line, "no CRC at its end")
    if int(crc, 16) != crc16(body):
        return Damaged(line, f"the CRC should be {crc16(body):04X}")
    if not body.isascii():
        return Damaged(line, "not ASCII")
    text = body.decode("ascii")
    if (head := _HEAD.match(text)) is not None:
        return _reply(line, head, text[head.end() :])
    if (head := _EVENT.match(text)) is not None:
        return _event(line, head["name"], text[head.end() :])
    return Damaged(line, "neither a reply nor an event")


def _reply(line: bytes, head: re.Match[str], rest: str) -> Reply | Damaged:
    fields = _fields(rest)
    if isinstance(fields, str):
        return Damaged(line, fields)
    seq = None if head["seq"] == "?" else int(head["seq"])
    if seq is not None and seq > SEQUENCE_MAX:
        return Damaged(line, f"sequence number {seq} is above {SEQUENCE_MAX}")
    if head["ok"]:
        return Reply(seq, fields=fields)
    if int(head["code"]) == 0:
        return Damaged(line, "error code 0")
    return Reply(seq, int(head["code"]), head["word"], fields)


def _event(line: bytes, name: str, rest: str) -> Event | Damaged:
    fields = _fields(rest)
    if isinstance(fields, str):
        return Damaged(line, fields)
    missing = _EVENT_KEYS.get(name, frozenset()) - fields.keys()
    if missing:
        return Damaged(line, f"event {name} without {', '.join(sorted(missing))}")
    return Event(name, fields)


def _fields(text: str) -> dict[str, Value] | str:
    """Key to typed value, or what is wrong."""
    if _FIELDS.fullmatch(text) is None:
        return f"not fields: {text!r}"
    fields: dict[str, Value] = {}
    for word in text.split():
        key, _, value = word.partition("=")
        if key in fields:
            return f"key {key} twice"
        if key == "t":
            if _TIME.fullmatch(value) is None:
                return f"t={value} is not 12 hexadecimal digits"
            fields[key] = int(value, 16)
        elif key in _NUMBERS:
            if _NUMBER.fullmatch(value) is None:
                return f"{key}={value} is not a number"
            fields[key] = int(value)
        else:
            fields[key] = value
    return fields


def _number(fields: Mapping[str, Value], key: str) -> int:
    value = fields[key]
    if not isinstance(value, int):
        raise KeyError(key)
    return value
