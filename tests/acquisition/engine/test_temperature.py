"""Readings over a run: a slope needs a minute, and the newest minutes count."""

from __future__ import annotations

import pytest

from acquisition.engine.temperature import TemperatureLog
from acquisition.preflight.camera_checks import temperature
from acquisition.preflight.limits import Limits

pytestmark = pytest.mark.unit

S = 1_000_000_000


def log_of(*readings: tuple[float, float | None]) -> TemperatureLog:
    log = TemperatureLog()
    for at_s, value in readings:
        log.note("blurry", round(at_s * S), value)
    return log


@pytest.mark.parametrize(
    ("readings", "status", "said"),
    [
        ([(0, 30.0), (20, 31.0)], "ok", "C1 (blurry) 31.0 °C"),
        ([(0, 30.0), (59, 31.0)], "ok", "C1 (blurry) 31.0 °C"),
        ([(0, 30.0), (20, 30.1), (60, 31.0)], "warning", "(+1.00 °C a minute)"),
        ([(0, 30.0), (120, 30.3)], "ok", "(+0.15 °C a minute)"),
        # the first hour is over, and so is its slope
        ([(0, 20.0), (600, 35.0), (700, 35.1), (840, 35.2)], "ok", "(+0.05 °C a minute)"),
        ([(0, 20.0), (900, 35.0)], "warning", "(+1.00 °C a minute)"),
        # half a degree at a time is no slope where it took minutes
        ([(0, 35.0), (220, 35.0), (285, 35.5)], "ok", "(+0.11 °C a minute)"),
        ([(0, None), (90, 40.0)], "ok", "C1 (blurry) 40.0 °C"),
        ([(0, None), (90, None)], "ok", "do not tell"),
    ],
)
def test_slope(readings: list[tuple[float, float | None]], status: str, said: str) -> None:
    found = temperature(log_of(*readings).spans(), Limits())
    assert (found.status, said in found.what) == (status, True), found.what


def test_cameras_are_told_apart() -> None:
    log = log_of((0, 30.0), (100, 30.0))
    log.note("sharp", 0, 30.0)
    log.note("sharp", 100 * S, 33.0)
    found = temperature(log.spans(), Limits())
    blurry, sharp = found.what.split(", ")
    assert blurry == "C1 (blurry) 30.0 °C (+0.00 °C a minute)"
    assert sharp == "C2 (sharp) 33.0 °C (+1.80 °C a minute)"
    assert found.status == "warning"
