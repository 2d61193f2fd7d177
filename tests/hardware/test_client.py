"""The client against the real firmware, on both engines, on a good line and on a bad one."""

import itertools
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings

from acquisition.pulse_program import PulseProgram
from acquisition.trigger.controller import (
    Done,
    Pulse,
    Started,
    TriggerController,
    TriggerFault,
    TriggerLost,
    TriggerRefused,
    TriggerRestarted,
)
from bsd.errors import EnvironmentFault
from hardware.board import Board
from tests.acquisition.lossy_line import Fault, LossyLine, Plan, plans
from tests.hardware.board_line import BoardLine
from tests.hardware.conftest import ENGINES

pytestmark = pytest.mark.rig

CYCLES_PER_TICK = 8
WIDTHS = (32_000, 4_000)


def program(rate: int = 15) -> PulseProgram:
    period = Fraction(2_000_000, rate)
    return PulseProgram(
        width_ticks=WIDTHS,
        delay_ticks=(0, 14_000),
        period_numerator=period.numerator,
        period_denominator=period.denominator,
        tick_ns=500,
    )


class Rig:
    """A board, its line, a client, and every edge since."""

    def __init__(self, board: Board, plan: Plan | None = None) -> None:
        self.board = board
        self.line = BoardLine(board)
        self.lossy = LossyLine(self.line, self.line, plan or Plan(), board.reset)
        nonces = itertools.count(100)
        self.client = TriggerController(self.lossy, clock=self.line, nonce=lambda: next(nonces))

    def ready(self) -> TriggerController:
        self.client.open()
        self.client.configure(program())
        return self.client

    def widths(self) -> tuple[list[int], list[int]]:
        """Width in ticks of each pulse of both channels since the last call; all must be over."""
        edges = self.board.edges()
        found: list[list[int]] = []
        for channel in (1, 2):
            mine = edges[edges["channel"] == channel]
            assert mine["level"].tolist() == [1, 0] * (len(mine) // 2)
            cycles = mine["cycle"].astype(np.int64)
            widths, rest = np.divmod(cycles[1::2] - cycles[::2], CYCLES_PER_TICK)
            assert not rest.any()
            found.append(widths.tolist())
        return found[0], found[1]


@contextmanager
def powered(engine: str) -> Iterator[Board]:
    try:
        board = ENGINES[engine]()
    except EnvironmentFault as fault:
        pytest.skip(str(fault))
    with board:
        yield board


@pytest.fixture
def rig(board: Board) -> Rig:
    return Rig(board)


def test_opening_waits_for_the_power_up_and_tells_who_answers(rig: Rig) -> None:
    identity = rig.client.open()
    assert (identity.protocol, identity.chip, identity.tick_ns) == (1, "atmega328p", 500)
    assert identity.name is None


def test_a_name_stays_over_a_reset(rig: Rig) -> None:
    rig.client.open()
    rig.client.set_name("left-rig")
    assert rig.client.identity.name == "left-rig"
    rig.board.reset()
    assert rig.client.reconnect().name == "left-rig"


def test_a_run_gives_its_pulses_and_tells_them(rig: Rig) -> None:
    client = rig.ready()
    assert client.run(20) == 1
    assert client.wait_done(5) == Done(1, 20, 20, "count", False)
    events = client.events()
    start = events[0]
    assert isinstance(start, Started)
    pulses = [each for each in events if isinstance(each, Pulse)]
    assert [each.ticks - start.ticks for each in pulses] == [k * 400_000 // 3 for k in range(20)]
    assert rig.widths() == ([WIDTHS[0]] * 20, [WIDTHS[1]] * 20)


def test_the_clock_puts_an_edge_on_the_hosts_time(rig: Rig) -> None:
    client = rig.ready()
    client.run(10)
    client.wait_done(5)
    start = client.events()[0]
    assert isinstance(start, Started)
    line = client.clock_fit.line()
    first = rig.board.edges()[0]  # channel 1 without delay: the frame's begin
    edge_ns = int(first["cycle"]) * 125 // 2
    assert abs(line.host_ns(start.ticks) - edge_ns) <= line.uncertainty_ns + 1_000
    # Half of what the chip takes to answer: 2.4 ms for a status, 0.8 ms for a heartbeat.
    assert line.uncertainty_ns < 1_500_000
    assert line.residual_ns == 0


def test_an_endless_run_lives_while_it_is_watched_and_ends_whole(rig: Rig) -> None:
    client = rig.ready()
    client.run(0)
    with pytest.raises(TriggerFault, match="not over after 3 s"):
        client.wait_done(3)
    assert client.stop() in ("stopping", "idle")
    done = client.wait_done(1)
    assert (done.cause, done.cut, done.missing) == ("stop", False, ())
    assert rig.widths() == ([WIDTHS[0]] * done.n1, [WIDTHS[1]] * done.n1)
    assert done.n1 == done.n2 >= 45


def test_refusals_come_with_code_and_word(rig: Rig) -> None:
    client = rig.ready()
    with pytest.raises(TriggerRefused, match="range") as refused:
        client.configure(program(), heartbeat_ms=50)
    assert (refused.value.code, refused.value.word) == (4, "range")
    client.configure(program(), heartbeat_ms=0)
    with pytest.raises(TriggerRefused) as refused:
        client.run(0)
    assert refused.value.code == 8
    client.configure(program())
    client.run(5)
    with pytest.raises(TriggerRefused, match="state"):
        client.run(5)


def test_an_abort_ends_low_at_once(rig: Rig) -> None:
    client = rig.ready()
    client.run(0)
    rig.line.read(0.0)
    while not rig.board.level(1):
        rig.board.run_for(0.0005)
    client.abort()
    assert (rig.board.level(1), rig.board.level(2)) == (0, 0)
    done = client.wait_done(1)
    assert (done.cause, done.cut) == ("abort", True)


@pytest.mark.parametrize("how", ["reset", "hang"])
def test_a_reset_in_a_run_is_told_and_nothing_is_repeated(rig: Rig, how: str) -> None:
    client = rig.ready()
    client.run(0)
    client.events(0.1)
    if how == "hang":
        rig.board.hang()
    else:
        rig.board.reset()
    with pytest.raises(TriggerRestarted) as restarted:
        client.wait_done(2)
    assert restarted.value.cause == {"reset": "external", "hang": "watchdog"}[how]
    assert (rig.board.level(1), rig.board.level(2)) == (0, 0)
    rig.board.edges()
    rig.board.run_for(1.0)
    assert len(rig.board.edges()) == 0
    client.reconnect()
    client.configure(program())
    assert client.run(2) == 1


def test_closing_in_a_run_finishes_the_frame(rig: Rig) -> None:
    with rig.client as client:
        client.configure(program())
        client.run(0)
        while not any(isinstance(each, Pulse) for each in client.events(0.2)):
            pass
    first, second = rig.widths()
    assert set(first) == {WIDTHS[0]}
    assert set(second) == {WIDTHS[1]}
    assert len(first) == len(second)
    rig.board.run_for(0.5)
    assert len(rig.board.edges()) == 0


def test_a_line_cut_in_a_run_ends_by_the_heartbeat(rig: Rig) -> None:
    client = rig.ready()
    client.run(0)
    client.events(0.1)
    rig.lossy.follow(Plan(to={0: Fault("dead")}))
    with pytest.raises(TriggerLost, match="ends by itself"):
        client.close()
    first, second = rig.widths()
    assert (first, second) == ([WIDTHS[0]] * len(first), [WIDTHS[1]] * len(first))
    # At 15 fps and a limit of 500 ms the frame that runs then is the eighth to tenth.
    assert 8 <= len(first) <= 10


@pytest.mark.parametrize("executed", [True, False])
def test_after_a_run_without_answer_it_is_known_whether_it_began(rig: Rig, executed: bool) -> None:
    client = rig.ready()
    silence = Plan(back={0: Fault("delay", 1500)})
    rig.lossy.follow(silence if executed else Plan(to={i: Fault("drop") for i in range(400)}))
    with pytest.raises(TriggerLost) as lost:
        client.run(0)
    assert lost.value.ran is executed
    first, second = rig.widths()
    assert (len(first) > 0) is executed
    assert len(first) == len(second)
    rig.board.run_for(0.5)
    assert len(rig.board.edges()) == 0


@settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(plan=plans(60, 150))
def test_on_a_bad_line_run_is_never_executed_twice_and_never_lost_silently(
    engine: str, plan: Plan
) -> None:
    with powered(engine) as board:
        rig = Rig(board)
        told: list[tuple[int, bool | None]] = []
        done: list[Done] = []
        with suppress(TriggerFault), rig.client as client:
            client.configure(program())
            rig.lossy.follow(plan)
            for frames in (2, 3):
                try:
                    client.run(frames)
                    told.append((frames, True))
                except (TriggerLost, TriggerRestarted) as fault:
                    told.append((frames, fault.ran))
                    raise
                done.append(client.wait_done(2))
        board.run_for(1.0)
        hold_against_the_pins(board, told, done)


def hold_against_the_pins(
    board: Board, told: list[tuple[int, bool | None]], done: list[Done]
) -> None:
    """Frames on the pins, parted into runs where the rhythm breaks, are those that were told."""
    edges = board.edges()
    assert (board.level(1), board.level(2)) == (0, 0)
    rises = edges[(edges["channel"] == 1) & (edges["level"] == 1)]["cycle"].astype(np.int64)
    breaks = ~np.isin(np.diff(rises) // CYCLES_PER_TICK, [133_333, 133_334])
    runs = [len(run) for run in np.split(rises, np.flatnonzero(breaks) + 1) if len(run)]
    least = sum(ran is True for _, ran in told)
    most = least + sum(ran is None for _, ran in told)
    # A run that was stopped or reset before its first edge leaves none.
    assert len(runs) <= most
    assert sum(runs) <= sum(frames for frames, ran in told if ran is not False)
    if done and done[0].cause == "count":
        assert runs[0] == told[0][0]
    if [each.cause for each in done] == ["count", "count"]:
        assert runs == [frames for frames, _ in told] == [2, 3]
