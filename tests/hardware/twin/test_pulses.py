"""A reader of the board's edges when the board ends under it."""

from __future__ import annotations

import socket
import threading
from pathlib import Path

import pytest

from hardware.edge_stream import FORMAT_VERSION, GREETING, record
from hardware.twin.pulses import BoardGone, PulseStream

pytestmark = pytest.mark.unit


def test_credit_for_a_board_that_has_ended_tells_so(tmp_path: Path) -> None:
    path = tmp_path / "edges"
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as server:
        server.bind(str(path))
        server.listen(1)
        server.settimeout(5)
        stream = _connected(path, server)
    with stream, pytest.raises(BoardGone, match="edges: the board hung up"):
        stream.grant(1_000_000)


def _connected(path: Path, server: socket.socket) -> PulseStream:
    """A stream whose board greets it and ends before anything is asked of it."""

    def greet() -> None:
        connection, _ = server.accept()
        with connection:
            connection.sendall(record(0, GREETING, FORMAT_VERSION))

    board = threading.Thread(target=greet)
    board.start()
    stream = PulseStream(path)
    board.join(5)
    return stream
