"""Pulses of the trigger controller, read from a running board's edge stream.

The world learns here what happened on the trigger lines, by the board's stamps alone, and gives the
board credit to go on (see `hardware.edge_stream` for the format of both).
"""

from __future__ import annotations

import contextlib
import select
import socket
import struct
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType
from typing import Final, NamedTuple, Self

from bsd.errors import EnvironmentFault
from hardware.board import CLOCK_HZ
from hardware.edge_stream import (
    CREDIT,
    FORMAT_VERSION,
    GREETING,
    RECORD_BYTES,
    TIME_MARK,
)

_RECORD: Final = struct.Struct("<QBB6x")
_CONNECT_S: Final = 5.0
_CHUNK_BYTES: Final = 1 << 16


class Pulse(NamedTuple):
    """One word of the board: an edge of a channel, or that time has passed without one.

    Attributes
    ----------
    time_ns
        Board time since its power-up. Of a mark: no edge before it will follow.
    channel
        1 (blurry), 2 (sharp); 0 of a mark.
    level
        After the edge.
    """

    time_ns: int
    channel: int
    level: int


def cycle_ns(cycle: int) -> int:
    """Board time of a CPU cycle, ns, rounded down (a cycle lasts 62.5 ns)."""
    return cycle * 1_000_000_000 // CLOCK_HZ


def ns_cycle(time_ns: int) -> int:
    """The last CPU cycle that is not after a board time."""
    return time_ns * CLOCK_HZ // 1_000_000_000


class BoardGone(EnvironmentFault):
    """The board's process has ended, or dropped this reader for its slowness."""


class PulseStream:
    """A reader of one board's edges.

    Parameters
    ----------
    path
        The board's socket.

    Raises
    ------
    BoardGone
        Nobody serves there.
    EnvironmentFault
        The board speaks another version of the format.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._rest = b""
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(_CONNECT_S)
        try:
            self._socket.connect(str(path))
            greeting = self._socket.recv(RECORD_BYTES, socket.MSG_WAITALL)
        except OSError as error:
            self._socket.close()
            raise BoardGone(f"{path}: no board streams its edges there ({error})") from error
        if len(greeting) < RECORD_BYTES:
            self._socket.close()
            raise BoardGone(f"{path}: the board hung up")
        cycle, kind, version = _RECORD.unpack(greeting)
        if kind != GREETING or version != FORMAT_VERSION:
            self._socket.close()
            raise EnvironmentFault(f"{path}: edges of version {version}, not {FORMAT_VERSION}")
        self.begin_ns = cycle_ns(cycle)
        self._socket.setblocking(False)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; a board that was held back runs on."""
        self._socket.close()

    def take(self, timeout_s: float) -> Iterator[Pulse]:
        """What has come, in order of time; waits for at most `timeout_s` where nothing has.

        After the greeting come the present levels of both channels, as edges.

        Raises
        ------
        BoardGone
            The board has ended.
        """
        if not select.select([self._socket], [], [], timeout_s)[0]:
            return
        try:
            data = self._socket.recv(_CHUNK_BYTES)
        except BlockingIOError:
            return
        except OSError as error:
            raise BoardGone(f"{self._path}: the board hung up ({error})") from error
        if not data:
            raise BoardGone(f"{self._path}: the board hung up")
        self._rest += data
        whole = len(self._rest) // RECORD_BYTES * RECORD_BYTES
        ready, self._rest = self._rest[:whole], self._rest[whole:]
        for cycle, kind, level in _RECORD.iter_unpack(ready):
            if kind == TIME_MARK:
                yield Pulse(cycle_ns(cycle), 0, 0)
            else:
                yield Pulse(cycle_ns(cycle), kind, level)

    def grant(self, time_ns: int) -> None:
        """Let the board run up to a time, not beyond; a credit is never taken back.

        Raises
        ------
        BoardGone
            The board has ended.
        """
        try:
            with contextlib.suppress(BlockingIOError):  # the next credit says more
                self._socket.send(CREDIT.pack(ns_cycle(time_ns)))
        except OSError as error:
            raise BoardGone(f"{self._path}: the board hung up ({error})") from error
