"""A board in real time behind a serial port, its edges as a stream: a rig without its metal."""

from __future__ import annotations

import json
import logging
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from types import FrameType
from typing import Final

from hardware.board import CLOCK_HZ, Board
from hardware.edge_stream import QUEUE_BYTES, EdgeStream
from hardware.pty_line import PtyLine

log = logging.getLogger(__name__)

_CHUNK_CYCLES: Final = CLOCK_HZ // 250
"""The board never runs longer than 4 ms of its time without looking around: with the rest of 1 ms
between time marks, no two are more than 5 ms apart."""

_LATE_S: Final = 0.1
"""So far behind the wall clock (a machine that is too busy, or was suspended), lost time is given
up: a board that made up for more at once would miss heartbeats that a host could not send yet."""

_TELL_S: Final = 0.5

_SLOW_READER_S: Final = 5.0
_HELD_S: Final = 0.01


def serve(
    board: Board,
    *,
    engine: str,
    speed: float = 1.0,
    slice_us: int = 200,
    link: Path | None = None,
    edges: Path | None = None,
    reset_at_open: bool = True,
    stop: threading.Event | None = None,
    ready: Callable[[dict[str, object]], None] | None = None,
) -> None:
    """Run a board behind a pseudo terminal until it is stopped.

    Parameters
    ----------
    board
        The board; it is the caller's to close.
    engine
        ``emulator`` or ``host``, told in the ready line.
    speed
        Board time per wall time: 1 is real time, 0 as fast as it goes.
    slice_us
        Wall time between two looks at the line, µs.
    link
        A symbolic link to the port.
    edges
        A Unix socket that streams the edges (see `hardware.edge_stream`). Its readers may hold the
        board's time back; time that is lost so is not caught up.
    reset_at_open
        Reset the board when the port is opened, as an Uno does.
    stop
        Ends the run when set; default: never, only by an exception.
    ready
        Called once with ``port``, ``edges``, ``engine`` and ``clock_hz``; default: one line of JSON
        on standard output.

    Raises
    ------
    UserMistake
        The link or the socket cannot be made.
    BoardFault
        The board stopped by itself; the message says why.
    """
    with (
        closing(PtyLine(board, link, reset_at_open=reset_at_open)) as line,
        closing(EdgeStream(board, edges)) as stream,
    ):
        (ready or _print_line)(
            {
                "port": line.port,
                "edges": None if edges is None else str(edges),
                "engine": engine,
                "clock_hz": CLOCK_HZ,
            }
        )
        _run(board, line, stream, speed, slice_us / 1e6, stop or threading.Event())


@contextmanager
def stopped_by_signals() -> Iterator[threading.Event]:
    """An event that SIGINT and SIGTERM set while the block lasts; the handlers before come back."""
    event = threading.Event()

    def handler(_number: int, _frame: FrameType | None) -> None:
        event.set()

    before = {number: signal.signal(number, handler) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield event
    finally:
        for number, old in before.items():
            signal.signal(number, old)


def _run(
    board: Board,
    line: PtyLine,
    stream: EdgeStream,
    speed: float,
    slice_s: float,
    stop: threading.Event,
) -> None:
    begin_s, begin_cycle = time.monotonic(), board.cycle
    while not stop.is_set():
        if speed > 0:
            behind_s = time.monotonic() - begin_s - (board.cycle - begin_cycle) / CLOCK_HZ / speed
            if behind_s > _LATE_S:
                if behind_s > _TELL_S:
                    log.warning(
                        "the board is %.1f s late; this machine is too busy for it", behind_s
                    )
                begin_s += behind_s
                behind_s = slice_s
            _wait(line, stream, slice_s - behind_s)
            wanted = begin_cycle + int((time.monotonic() - begin_s) * CLOCK_HZ * speed)
            limit = stream.limit_cycle
            if limit is not None and wanted > limit:
                begin_s += (wanted - max(limit, board.cycle)) / CLOCK_HZ / speed
                wanted = limit
            board.run_until(min(wanted, board.cycle + _CHUNK_CYCLES))
        else:
            limit = stream.limit_cycle
            if limit is not None and board.cycle >= limit:
                _wait(line, stream, _HELD_S)
            wanted = board.cycle + _CHUNK_CYCLES
            board.run_until(wanted if limit is None else min(wanted, limit))
            _wait_for_readers(stream, stop)
        line.pump()
        stream.pump()


def _wait(line: PtyLine, stream: EdgeStream, wait_s: float) -> None:
    if wait_s > 0:
        waited: list[int] = [*line.files(), *stream.files()]
        select.select(waited, [], [], wait_s)


def _wait_for_readers(stream: EdgeStream, stop: threading.Event) -> None:
    """A board faster than its readers waits for them, but not for ever."""
    until = time.monotonic() + _SLOW_READER_S
    while stream.fullest_bytes > QUEUE_BYTES // 2 and time.monotonic() < until:
        if stop.wait(0.001):
            return
        stream.flush()


def _print_line(answer: dict[str, object]) -> None:
    sys.stdout.write(json.dumps(answer) + "\n")
    sys.stdout.flush()
