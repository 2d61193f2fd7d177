"""A camera's clock against exact fractions."""

from __future__ import annotations

from fractions import Fraction

import pytest

from hardware.twin.device_clock import DeviceClock

pytestmark = pytest.mark.unit

HOUR_NS = 3_600 * 10**9


def test_offset_and_drift() -> None:
    clock = DeviceClock(500, 37.5)
    for board_ns in (0, 1, 10**9, HOUR_NS):
        exact = 500 + board_ns * (1 + Fraction(375, 10**7))
        assert abs(clock.at(board_ns) - exact) <= 1


def test_a_new_rate_bends_the_line_and_keeps_the_past() -> None:
    clock = DeviceClock(0, 0.0)
    clock.drift(HOUR_NS, 100.0)
    clock.drift(2 * HOUR_NS, -50.0)
    assert clock.at(HOUR_NS // 2) == HOUR_NS // 2
    assert clock.at(2 * HOUR_NS) == 2 * HOUR_NS + 360_000_000
    assert clock.at(3 * HOUR_NS) == 3 * HOUR_NS + 360_000_000 - 180_000_000


def test_a_reset_counts_from_0() -> None:
    clock = DeviceClock(10**12, 10.0)
    clock.reset(5 * 10**9)
    assert clock.at(5 * 10**9) == 0
    assert clock.at(6 * 10**9) == 10**9 + 10_000
    assert clock.at(10**9) == 10**12 + 10**9 + 10_000
