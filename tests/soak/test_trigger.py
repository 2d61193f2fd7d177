"""The trigger's firmware, many times over: stops, hangs, noise."""

from collections.abc import Callable, Iterator

import numpy as np
import pytest

from bsd.errors import EnvironmentFault
from bsd.setting import SETTINGS
from hardware.board import CLOCK_HZ, Board
from tests.hardware.conftest import ENGINES
from tests.hardware.conversation import MS, TICK_CYCLES, Conversation, pulses

pytestmark = pytest.mark.soak

LONGEST_PULSE = 0.030 * CLOCK_HZ


@pytest.fixture(params=list(ENGINES))
def open_board(request: pytest.FixtureRequest) -> Iterator[Callable[[], Board]]:
    """Makes boards of one engine; they are closed in the end."""
    boards: list[Board] = []

    def make() -> Board:
        try:
            boards.append(ENGINES[request.param]())
        except EnvironmentFault as fault:
            pytest.skip(str(fault))
        return boards[-1]

    yield make
    for board in boards:
        board.close()


def _converse(board: Board) -> Conversation:
    talk = Conversation(board)
    talk.wait("BOOT", 0.2)
    talk.open()
    return talk


def _program(talk: Conversation, rng: np.random.Generator) -> dict[str, int]:
    """Set one of the papers' programs; its fields."""
    setting = SETTINGS[str(rng.choice(list(SETTINGS)))]
    width = (2000 * setting.blurry_us // 1000, 2000 * setting.sharp_us // 1000)
    fields = {
        "W1": width[0],
        "W2": width[1],
        "D1": 0,
        "D2": (width[0] - width[1]) // 2,
        "PN": int(rng.choice([400_000, 200_000])),
        "PD": 3,
    }
    for name, value in fields.items():
        assert talk.do(f"SET {name} {value}") == f"OK {name}={value}"
    return fields


def test_stop_at_random_phases(
    count: Callable[[int], int], open_board: Callable[[], Board]
) -> None:
    board = open_board()
    talk = _converse(board)
    rng = np.random.default_rng(20)
    for _ in range(count(200)):
        fields = _program(talk, rng)
        assert talk.do("RUN 0").startswith("OK")
        board.run_until(board.cycle + int(rng.integers(0, CLOCK_HZ // 5)))
        assert talk.do("STOP").startswith("OK")
        done = talk.wait("DONE")
        board.run_for(0.15)
        edges = board.edges()
        c1, c2 = pulses(edges, 1), pulses(edges, 2)
        assert len(c1) == len(c2) == int(done["n1"]) == int(done["n2"])
        for channel, cycles in ((1, c1), (2, c2)):
            assert np.all(np.diff(cycles, axis=1) == fields[f"W{channel}"] * TICK_CYCLES)


def test_hangs_at_random_phases(
    count: Callable[[int], int], open_board: Callable[[], Board], figure: Callable[[str], None]
) -> None:
    rng = np.random.default_rng(21)
    board = open_board()
    talk = _converse(board)
    longest = {1: 0, 2: 0}
    for _ in range(count(200)):
        fields = _program(talk, rng)
        board.run_for(float(rng.uniform(0, 0.008)))  # any phase to the tick of 8 ms
        board.edges()
        assert talk.do("RUN 0").startswith("OK")
        board.run_until(board.cycle + int(rng.integers(0, CLOCK_HZ // 5)))
        board.hang()
        board.run_for(0.1)
        assert b"\nEVT BOOT cause=watchdog" in board.receive()  # though a line was torn
        talk.rest = b""
        edges = board.edges()
        for channel in (1, 2):
            widths = np.diff(pulses(edges, channel), axis=1)  # each rise has its fall
            width = fields[f"W{channel}"] * TICK_CYCLES
            longest[channel] = max(longest[channel], int(widths.max(initial=0)))
            assert np.all(widths <= max(width, LONGEST_PULSE))
            assert board.level(channel) == 0
        talk.open(int(rng.integers(1, 60_000)))
    longest_ms = {channel: round(cycles / MS, 2) for channel, cycles in longest.items()}
    figure(f"{count(200)} hangs, longest pulse in ms by channel: {longest_ms}")


def test_noise_while_running(count: Callable[[int], int], open_board: Callable[[], Board]) -> None:
    board = open_board()
    talk = _converse(board)
    rng = np.random.default_rng(22)
    before = talk.do("CFG?")
    assert talk.do("SET HB 0").startswith("OK")
    total = count(100_000)
    assert talk.do("RUN 100000").startswith("OK")
    board.edges()
    sent = 0
    while sent < total:
        chunk = rng.integers(0, 256, min(500, total - sent), dtype=np.uint8).tobytes()
        board.send(chunk)
        board.run_for(len(chunk) * 20e-6)
        sent += len(chunk)
    board.send(b"\n")
    board.run_for(0.05)
    board.receive()
    talk.rest = b""
    assert talk.do("STOP").startswith("OK")
    done = talk.wait("DONE")
    board.run_for(0.1)
    edges = board.edges()
    c1, c2 = pulses(edges, 1), pulses(edges, 2)
    assert len(c1) == len(c2) == int(done["n1"])
    assert np.all(np.diff(c1, axis=1) == 32000 * TICK_CYCLES)
    assert np.all(np.diff(c2, axis=1) == 4000 * TICK_CYCLES)
    assert talk.do("SET HB 500").startswith("OK")
    assert talk.do("CFG?") == before
