"""How far a take is, and which camera has gone silent."""

from __future__ import annotations

from dataclasses import dataclass, field
from types import SimpleNamespace
from typing import Any

import pytest

from acquisition.engine import take_status
from acquisition.engine.take_status import TakeGauge, TakeStatus
from acquisition.rig import ROLES

pytestmark = pytest.mark.unit


@dataclass
class Recorder:
    """Says what it is told to."""

    stored: dict[str, int] = field(default_factory=lambda: {"blurry": 0, "sharp": 0})
    used: dict[str, int] = field(default_factory=lambda: {"blurry": 0, "sharp": 0})
    fault: str | None = None

    def progress(self) -> Any:
        none = dict.fromkeys(ROLES, 0)
        return SimpleNamespace(
            stored=dict(self.stored), used=dict(self.used), overflow=dict.fromkeys(ROLES, 5),
            fill=none, stored_bytes=10 * sum(self.stored.values()), fault=self.fault,
        )  # fmt: skip


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now_s = [50.0]
    monkeypatch.setattr(take_status.time, "monotonic", lambda: now_s[0])
    return now_s


def gauge(recorder: Recorder, told: list[TakeStatus]) -> TakeGauge:
    rings = {role: SimpleNamespace(overflow=3) for role in ROLES}
    apparatus: Any = SimpleNamespace(recorder=recorder, rings=rings)
    return TakeGauge(apparatus, 100, told.append)


def test_rates_overflow_and_time(clock: list[float]) -> None:
    recorder, told = Recorder(), []
    meter = gauge(recorder, told)
    for step in range(1, 5):
        clock[0] = 50.0 + step
        recorder.stored = {"blurry": 15 * step, "sharp": 30 * step}
        assert meter.look("running", 30 * step) is None
        assert not meter.is_due
    last = told[-1]
    assert (last.rate_hz, last.overflow) == (
        {"blurry": 15.0, "sharp": 30.0},
        {"blurry": 2, "sharp": 2},
    )
    assert (last.pulses, last.asked, last.elapsed_s) == (120, 100, 4.0)
    assert meter.has(60)
    assert not meter.has(61)
    assert meter.has(120, ["sharp"])


def test_a_camera_without_frames_is_silent(clock: list[float]) -> None:
    recorder = Recorder()
    meter = gauge(recorder, [])
    for step in range(1, 6):
        clock[0] = 50.0 + step
        recorder.stored["blurry"] = 10 * step
        meter.look("running", 10 * step)
    assert meter.silent_s("blurry") == 0.0
    assert meter.silent_s("sharp") == 4.0  # by the first look it had one to give


def test_a_slow_disk_is_no_silent_camera(clock: list[float]) -> None:
    recorder = Recorder()
    meter = gauge(recorder, [])
    for step in range(1, 6):
        clock[0] = 50.0 + step
        recorder.used["sharp"] = 10 * step
        meter.look("running", 10 * step)
    assert meter.silent_s("sharp") == 0.0


def test_before_the_first_pulse_nobody_is_silent(clock: list[float]) -> None:
    meter = gauge(Recorder(), [])
    clock[0] = 500.0
    meter.look("running", 0)
    assert meter.silent_s("sharp") == 0.0


def test_a_fault_of_the_recorder_is_handed_on(clock: list[float]) -> None:
    assert gauge(Recorder(fault="full"), []).look("running", 0) == "full"
