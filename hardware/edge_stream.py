"""The edges of a running board over a Unix socket, for whoever stands in for a camera.

The stream is made of records of 16 bytes, little-endian: u64 CPU cycle, u8 kind, u8 level, 6 bytes
of padding. Kinds: 255 greeting (its level is the format's version), 1 and 2 the level of a channel
(after the greeting as it is now, then at each change), 0 time mark: no edge with a lower cycle will
follow. Who reads it acts by the cycle's stamp, never by the time of arrival.

A reader may hold the board's time back: whatever it writes is a sequence of credits, u64 CPU cycles
that never fall. From its first credit on the board does not pass the last one, until it goes.
"""

from __future__ import annotations

import logging
import socket
import struct
from pathlib import Path
from typing import Final

import numpy as np

from bsd.errors import UserMistake
from hardware.board import CLOCK_HZ, EDGE, Board

log = logging.getLogger(__name__)

CREDIT: Final = struct.Struct("<Q")
"""A cycle that the board may run up to."""

GREETING: Final = 255
TIME_MARK: Final = 0
FORMAT_VERSION: Final = 1
RECORD_BYTES: Final = EDGE.itemsize
MARK_CYCLES: Final = CLOCK_HZ // 1000
"""A time mark at least so often, in cycles of the board: 1 ms."""

QUEUE_BYTES: Final = 1 << 20
"""What may wait for one reader: a minute of marks and edges. Beyond, it is dropped, and told so."""


def record(cycle: int, kind: int, level: int = 0) -> bytes:
    """One record of the stream, 16 bytes."""
    made = np.zeros(1, EDGE)
    made[0] = (cycle, kind, level)
    return made.tobytes()


class _Reader:
    """One connection and what still waits to be written to it."""

    def __init__(self, connection: socket.socket, name: str) -> None:
        self.connection = connection
        self.name = name
        self.waiting = bytearray()
        self.credit: int | None = None
        self._said = b""

    def listen(self) -> bool:
        """Take its credits; False where the reader has gone."""
        try:
            while data := self.connection.recv(1 << 16):
                self._said += data
        except BlockingIOError:
            pass
        except OSError:
            return False
        else:
            return False
        whole = len(self._said) // CREDIT.size * CREDIT.size
        for (credit,) in CREDIT.iter_unpack(self._said[:whole]):
            self.credit = max(credit, self.credit or 0)
        self._said = self._said[whole:]
        return True

    def flush(self) -> bool:
        """Write what goes without waiting; False where the reader has gone."""
        try:
            while self.waiting:
                sent = self.connection.send(self.waiting)
                del self.waiting[:sent]
        except BlockingIOError:
            pass
        except OSError:
            return False
        return True


class EdgeStream:
    """A server of one board's edges; it takes them from the board, so there is one per board.

    Parameters
    ----------
    board
        The board; nobody else may call its ``edges``.
    path
        Where the socket is made; None serves nobody, and edges are taken and dropped.

    Raises
    ------
    UserMistake
        The path is taken by a file or by another server.
    """

    def __init__(self, board: Board, path: Path | None) -> None:
        self._board = board
        self._path = path
        self._readers: list[_Reader] = []
        self._count = 0
        self._mark = board.cycle
        self._levels = {1: board.level(1), 2: board.level(2)}
        self._server = None if path is None else _listen(path)

    def files(self) -> list[int]:
        """What to wait for: readable when a new reader has come, or one has given credit."""
        server = [] if self._server is None else [self._server.fileno()]
        return [*server, *(reader.connection.fileno() for reader in self._readers)]

    @property
    def limit_cycle(self) -> int | None:
        """The least of the readers' credits; None where nobody holds the board back."""
        return min((r.credit for r in self._readers if r.credit is not None), default=None)

    @property
    def fullest_bytes(self) -> int:
        """What waits for the slowest reader."""
        return max((len(reader.waiting) for reader in self._readers), default=0)

    def pump(self) -> None:
        """Pass the board's edges on, take credits; greet who has come, drop who is too slow."""
        edges = self._board.edges()
        news = edges.tobytes()
        now = self._board.cycle
        if len(edges) or now - self._mark >= MARK_CYCLES:
            self._mark = now
            news += record(now + 1, TIME_MARK)
        for reader in self._readers:
            reader.waiting += news
        for edge in edges:
            self._levels[int(edge["channel"])] = int(edge["level"])
        self._greet(now)
        for reader in list(self._readers):
            if not reader.listen():
                self._drop(reader, "edge reader %s has gone")
        self.flush()

    def flush(self) -> None:
        """Write on what waits."""
        for reader in list(self._readers):
            if not reader.flush():
                self._drop(reader, "edge reader %s has gone")
            elif len(reader.waiting) > QUEUE_BYTES:
                self._drop(
                    reader,
                    "edge reader %s is too slow and was dropped: it must connect again and knows "
                    "that edges are missing",
                    logging.WARNING,
                )

    def close(self) -> None:
        """Send what can be sent, let everybody go and remove the socket."""
        for reader in list(self._readers):
            reader.flush()
            reader.connection.close()
        self._readers.clear()
        if self._server is not None and self._path is not None:
            self._server.close()
            self._server = None
            self._path.unlink(missing_ok=True)

    def _greet(self, now: int) -> None:
        while self._server is not None:
            try:
                connection, _ = self._server.accept()
            except BlockingIOError:
                return
            connection.setblocking(False)
            self._count += 1
            reader = _Reader(connection, str(self._count))
            reader.waiting += record(now, GREETING, FORMAT_VERSION)
            for channel, level in self._levels.items():
                reader.waiting += record(now, channel, level)
            reader.waiting += record(now + 1, TIME_MARK)
            self._readers.append(reader)
            log.debug("edge reader %s has come", reader.name)

    def _drop(self, reader: _Reader, what: str, level: int = logging.DEBUG) -> None:
        log.log(level, what, reader.name)
        reader.connection.close()
        self._readers.remove(reader)


def _listen(path: Path) -> socket.socket:
    if path.exists() or path.is_symlink():
        if not path.is_socket():
            raise UserMistake(f"{path}: there is a file; name another place for the edges' socket")
        if _is_served(path):
            raise UserMistake(f"{path}: another board serves its edges there; name another place")
        path.unlink()
    server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        server.bind(str(path))
        server.listen(8)
        server.setblocking(False)
    except OSError as error:
        server.close()
        raise UserMistake(
            f"{path}: no socket can be made there ({error}); name a short path in a folder of yours"
        ) from error
    return server


def _is_served(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        probe.settimeout(1.0)
        try:
            probe.connect(str(path))
        except OSError:
            return False
        return True
