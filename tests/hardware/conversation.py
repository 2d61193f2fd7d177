"""Speaking to a board in tests: an independent writing and reading of the protocol's lines."""

from __future__ import annotations

import os
import re
import select
import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from hardware.board import CLOCK_HZ, Board

TICK_CYCLES = 8
MS = CLOCK_HZ // 1000
START = "W1=32000 D1=0 W2=4000 D2=14000 PN=400000 PD=3 HB=500 GATE=0"


def crc(data: bytes) -> int:
    """CRC-16/CCITT-FALSE, bit by bit."""
    value = 0xFFFF
    for byte in data:
        value ^= byte << 8
        for _ in range(8):
            value = (value << 1 ^ 0x1021 if value & 0x8000 else value << 1) & 0xFFFF
    return value


def line(text: str) -> bytes:
    """`text` with its CRC and LF."""
    return b"%s*%04X\n" % (text.encode(), crc(text.encode()))


@dataclass
class Conversation:
    """A host that is at the other end of a board's line and believes only whole lines."""

    board: Board
    number: int = 0
    events: list[str] = field(default_factory=list)
    rest: bytes = b""

    def lines(self) -> Iterator[str]:
        """Whole lines received by now, their CRC checked and cut off."""
        self.rest += self.board.receive()
        *whole, self.rest = self.rest.split(b"\n")
        for raw in filter(None, whole):  # an empty line is none
            text, star, sum_text = raw.partition(b"*")
            assert star, raw
            assert sum_text == b"%04X" % crc(text), raw
            yield text.decode()

    def say(self, raw: bytes, patience_ms: float = 200) -> str:
        """Send bytes as they are; the one reply to them, or "" where none comes."""
        self.board.send(raw)
        end = self.board.cycle + len(raw) * 320 + round(patience_ms * MS)
        while self.board.cycle < end:
            self.board.run_for(0.0005)
            replies = []
            for text in self.lines():
                (self.events if text.startswith("EVT ") else replies).append(text)
            if replies:
                assert len(replies) == 1, replies
                return replies[0]
        return ""

    def outside(self, command: str) -> str:
        """A command with number 0; its reply without the number."""
        number, _, reply = self.say(line(f"0:{command}")).partition(":")
        assert number == "0"
        return reply

    def open(self, nonce: int = 4711) -> str:
        """Begin a conversation."""
        self.number = 0
        return self.outside(f"OPEN {nonce}")

    def do(self, command: str) -> str:
        """The next command in order; its reply without the number."""
        self.number = self.number % 65535 + 1
        number, _, reply = self.say(line(f"{self.number}:{command}")).partition(":")
        assert number == str(self.number), (command, number, reply)
        return reply

    def wait(self, event: str, seconds: float = 1.0) -> dict[str, str]:
        """Run until that event has come, and take it and those before it; its fields."""
        end = self.board.cycle + round(seconds * CLOCK_HZ)
        while True:
            while self.events:
                text = self.events.pop(0)
                if text.split()[1] == event:
                    return fields(text)
            assert self.board.cycle < end, f"no {event}"
            self.board.run_for(0.001)
            self.events += list(self.lines())

    def status(self) -> dict[str, str]:
        """Fields of STAT?."""
        return fields(self.outside("STAT?"))


def fields(text: str) -> dict[str, str]:
    """The KEY=VALUE words of a line."""
    return dict(re.findall(r"(\w+)=(\S+)", text))


def pulses(edges: NDArray[np.void], channel: int) -> NDArray[np.int64]:
    """Rise and fall of each pulse of a channel, in cycles, shape (N, 2); no edge may be odd."""
    mine = edges[edges["channel"] == channel]
    assert len(mine) % 2 == 0
    assert np.array_equal(mine["level"], np.tile([1, 0], len(mine) // 2))
    return mine["cycle"].astype(np.int64).reshape(-1, 2)


def configure(talk: Conversation, **values: int) -> None:
    """SET each of them."""
    for name, value in values.items():
        assert talk.do(f"SET {name} {value}") == f"OK {name}={value}"


def run(talk: Conversation, frames: int, seconds: float = 10.0) -> dict[str, str]:
    """A run to its end, the host heard ten times a second; the fields of DONE."""
    assert talk.do(f"RUN {frames}").startswith("OK run=")
    for _ in range(round(10 * seconds)):
        talk.do("HB")
        if talk.status()["state"] == "idle":
            return talk.wait("DONE", 0.2)
        talk.board.run_for(0.095)
    raise AssertionError("the run does not end")


def first_rise(board: Board) -> int:
    """Run until channel 1 is high; the cycle, at most 0.1 ms after its rise."""
    for _ in range(100):
        if board.level(1):
            return board.cycle
        board.run_for(0.0001)
    raise AssertionError("no pulse")


def read_until(file: int, wanted: bytes, seconds: float) -> bytes:
    """Read an open file until `wanted` has come or the time is over; what has come."""
    got = b""
    end = time.monotonic() + seconds
    while wanted not in got and (left := end - time.monotonic()) > 0:
        if select.select([file], [], [], left)[0]:
            got += os.read(file, 4096)
    return got
