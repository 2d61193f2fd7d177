"""Prepared frames at full rate, from the firmware's pulses to two consumers."""

from __future__ import annotations

import importlib.util

import pytest

from hardware.twin.world_config import WorldConfig
from hardware.twin.world_options import fast_enough
from tests.hardware.twin.prepared_throughput import measure

pytestmark = [
    pytest.mark.rig,
    pytest.mark.skipif(
        importlib.util.find_spec("harvesters") is None, reason="needs harvesters and genicam"
    ),
]


def test_300_fps_from_both_cameras_lose_nothing() -> None:
    told, done = measure(300, 3.0, 1280, 720)
    assert done["cause"] == "count"
    for camera in told:
        assert (camera["frames"], camera["lost"], camera["underrun"]) == (900, 0, 0)
        assert camera["fps"] == pytest.approx(300.0, abs=0.01)
        least, _, most = camera["period_ns"]  # type: ignore[misc]
        assert 3_333_333 - 1_000 < least < most < 3_333_334 + 1_000  # jitter 50 ns, ticks 500 ns


def test_sensors_are_made_fast_enough_and_never_slower() -> None:
    world = WorldConfig().override(["sensor_2.timing.readout_us=10"])
    fast = fast_enough(world, 300.0)
    assert fast.sensor_1.timing.readout_us == pytest.approx(333.3, abs=0.1)
    assert fast.sensor_2.timing.readout_us == 10
