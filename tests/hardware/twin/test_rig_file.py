"""Patience of a rig file: for the pictures that wait, and for those that come beyond the limit."""

from __future__ import annotations

from pathlib import Path

import pytest

from hardware.twin.rig_file import rig_fields
from hardware.twin.world_config import WorldConfig

pytestmark = pytest.mark.unit


@pytest.mark.parametrize(
    ("readout_us", "overrun"),
    [(0.0, 20), (400.0, 20), (3_000.0, 7), (40_000.0, 1)],  # 20 ms of credit; 1 ms at least
)
def test_patience_covers_what_the_credit_lets_come(readout_us: float, overrun: int) -> None:
    world = WorldConfig().override([f"sensor_2.timing.readout_us={readout_us}"])
    if readout_us > 3_000:
        world = world.override([f"sensor_1.timing.readout_us={readout_us}"])
    fields = rig_fields(world, Path("p.cti"), "port", pair_s=5.0, ahead_frames=6)
    assert fields["timeouts"]["reply_s"] == 3 * (overrun + 1) * 5
    assert fields["timeouts"]["frame_s"] == 3 * (overrun + 7) * 5


def test_quick_pictures_and_prepared_ones_need_less() -> None:
    for pair_s, expected in ((0.01, (10.0, 20.0)), (None, (2.0, 2.0))):
        fields = rig_fields(WorldConfig(), Path("p"), "port", pair_s=pair_s, ahead_frames=6)
        assert (fields["timeouts"]["reply_s"], fields["timeouts"]["frame_s"]) == expected


def test_an_older_camera_exposes_by_time() -> None:
    world = WorldConfig().override(["camera_2.guise=older", "sensor_2.timing.end_latency_ns=9000"])
    cameras = rig_fields(world, Path("p"), "port", pair_s=None, ahead_frames=6)["cameras"]
    assert cameras["blurry"]["timing"]["exposure"] == "trigger_width"
    assert cameras["sharp"]["timing"]["exposure"] == "timed"
    assert cameras["sharp"]["timing"]["end_latency_ns"] == 0  # means nothing to a timed one
