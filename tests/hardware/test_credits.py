"""A board whose time a reader of its edges holds back."""

from __future__ import annotations

import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from hardware.board import CLOCK_HZ, Board
from hardware.host.engine import hosted
from hardware.live import serve
from hardware.twin.pulses import PulseStream

pytestmark = pytest.mark.rig

MS = 1_000_000


@pytest.fixture(params=[1.0, 0.0], ids=["real time", "as fast as it goes"])
def served(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Board, Path]]:
    path, stop, ready = tmp_path / "edges", threading.Event(), threading.Event()
    with hosted() as board:
        thread = threading.Thread(
            target=serve,
            args=(board,),
            kwargs={
                "engine": "host",
                "edges": path,
                "stop": stop,
                "speed": request.param,
                "ready": lambda _: ready.set(),
            },
        )
        thread.start()
        assert ready.wait(10)
        yield board, path
        stop.set()
        thread.join(10)


def wait_for(board: Board, cycle: int, patience_s: float = 20.0) -> None:
    until = time.monotonic() + patience_s
    while board.cycle < cycle:
        assert time.monotonic() < until, "the board stands still"
        time.sleep(0.002)


def held_at(board: Board, patience_s: float = 20.0) -> int:
    """Wait until it stands; its cycle."""
    until, seen = time.monotonic() + patience_s, -1
    while board.cycle != seen:
        assert time.monotonic() < until, "the board goes on"
        seen = board.cycle
        time.sleep(0.1)
    return seen


def test_time_stops_at_the_credit_and_is_not_caught_up(
    served: tuple[Board, Path], request: pytest.FixtureRequest
) -> None:
    board, path = served
    real_time = "real time" in request.node.name
    with PulseStream(path) as stream:
        limit_ns = stream.begin_ns + 50 * MS
        stream.grant(limit_ns)
        wait_for(board, limit_ns * CLOCK_HZ // 10**9)
        held = held_at(board)  # as fast as it goes it passed the limit before it heard
        if real_time:
            assert held == limit_ns * CLOCK_HZ // 10**9
        time.sleep(0.2)
        assert board.cycle == held
        held_ns, told, until = held * 10**9 // CLOCK_HZ, [0], time.monotonic() + 20
        while max(told) < held_ns - MS and time.monotonic() < until:
            told += [pulse.time_ns for pulse in stream.take(1.0)]
        assert told == sorted(told)
        assert -63 <= held_ns - max(told) <= MS  # a mark is a cycle ahead
        stream.grant(limit_ns + 10_000 * MS)
        begin_s = time.monotonic()
        wait_for(board, held + CLOCK_HZ // 10)
        if real_time:
            assert time.monotonic() - begin_s > 0.09


def test_board_runs_on_when_its_holder_goes(served: tuple[Board, Path]) -> None:
    board, path = served
    with PulseStream(path) as stream:
        stream.grant(stream.begin_ns)
        held = held_at(board)
        time.sleep(0.1)
        assert board.cycle == held
    wait_for(board, held + CLOCK_HZ // 10)


def test_the_least_of_two_credits_counts_and_silence_holds_nothing(
    served: tuple[Board, Path],
) -> None:
    board, path = served
    with PulseStream(path) as silent, PulseStream(path) as patient, PulseStream(path) as eager:
        assert silent.begin_ns <= patient.begin_ns
        eager.grant(eager.begin_ns + 60_000 * MS)
        patient.grant(patient.begin_ns)
        held = held_at(board)
        time.sleep(0.1)
        assert board.cycle == held
        patient.grant(board.cycle * 10**9 // CLOCK_HZ + 60 * MS)
        wait_for(board, held + CLOCK_HZ // 20)


def test_a_credit_in_parts_is_one(served: tuple[Board, Path]) -> None:
    board, path = served
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as reader:
        reader.connect(str(path))
        credit = (board.cycle + CLOCK_HZ // 20).to_bytes(8, "little")
        reader.sendall(credit[:3])
        time.sleep(0.05)
        reader.sendall(credit[3:] + credit[:5])
        held = held_at(board)
        time.sleep(0.1)
        assert board.cycle == held
