"""Board time against the pictures that wait: arithmetic, and the two that it is for."""

from __future__ import annotations

import pytest

from hardware.twin.pacing import HORIZON_NS, Pacer, board_speed, overrun_frames

pytestmark = pytest.mark.unit

MS = 1_000_000


def test_speed_falls_with_what_waits() -> None:
    assert [board_speed(n, 6) for n in range(7)] == [1, 1, 1 / 4, 1 / 16, 1 / 64, 1 / 256, 0]
    assert board_speed(9, 10) == 1 / 1024
    assert board_speed(100, 100) == 0


def test_full_speed_keeps_credit_ahead_of_the_board() -> None:
    pacer = Pacer(0)
    assert pacer.grant(5 * MS, 5 * MS, 0) == 5 * MS + HORIZON_NS
    assert pacer.grant(5 * MS, 5 * MS, 1) == 5 * MS + HORIZON_NS


def test_credit_creeps_stops_and_never_falls() -> None:
    pacer = Pacer(0)
    given = pacer.grant(0, 0, 0)
    assert pacer.grant(10 * MS, 8 * MS, 2) == given + 2 * MS
    assert pacer.grant(10 * MS, 1000 * MS, 6) == given + 2 * MS
    assert pacer.grant(10 * MS, 1000 * MS, 2) == 10 * MS + HORIZON_NS


@pytest.mark.parametrize("picture_ms", [5, 100, 700, 4000])
def test_a_slow_renderer_is_never_more_than_the_limit_behind(picture_ms: int) -> None:
    """A board at 15 fps and a renderer, millisecond by millisecond of wall time."""
    pacer, board_ns, granted_ns = Pacer(0, 6), 0, HORIZON_NS
    exposed = finished = worst = standstill = longest = 0
    busy_ms = 0
    for _ in range(60_000):
        before_ns = board_ns
        board_ns = min(board_ns + MS, granted_ns)
        exposed = board_ns * 15 // 10**9
        if exposed > finished:
            busy_ms += 1
            if busy_ms == picture_ms:
                finished, busy_ms = finished + 1, 0
        worst = max(worst, exposed - finished)
        granted_ns = pacer.grant(board_ns, MS, exposed - finished)
        standstill = 0 if board_ns > before_ns else standstill + 1
        longest = max(longest, standstill)
    assert worst <= 6
    possible = min(15 * 60, 60_000 // picture_ms)
    assert finished >= 0.9 * possible - 3  # the renderer is kept busy, or the board in real time
    assert longest <= picture_ms  # so long does a reply of the controller wait at most
    if picture_ms == 5:
        assert board_ns == 60_000 * MS


@pytest.mark.parametrize(("period_us", "overrun"), [(1_000, 20), (3_000, 7), (25_000, 1)])
def test_short_periods_come_so_far_beyond_the_limit_and_no_farther(
    period_us: int, overrun: int
) -> None:
    """The board runs out its credit before the world hears of the first exposure."""
    assert overrun_frames(1000 * period_us) == overrun
    limit = 6
    pacer, board_us, granted_ns = Pacer(0, limit), 0, HORIZON_NS
    finished = worst = standstill = longest = 0
    for wall_ms in range(1, 40_001):
        before_us = board_us
        board_us = min(board_us + 1000, granted_ns // 1000)
        waiting = board_us // period_us - finished
        worst = max(worst, waiting)
        if waiting and wall_ms % 400 == 0:  # a picture each 400 ms
            finished += 1
        if wall_ms % 20 == 0:  # the world looks seldom
            granted_ns = pacer.grant(1000 * board_us, 20 * MS, waiting)
        standstill = 0 if board_us > before_us else standstill + 1
        longest = max(longest, standstill)
    assert worst <= limit + overrun
    if period_us == 1_000:
        assert worst > limit  # the case is one that the limit alone does not cover
    assert longest <= 400 * (overrun + 1)  # what a rig file's reply_s allows for
