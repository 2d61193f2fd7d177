"""Which dark clip tells the black level: checked, and of cameras that stood as they do now."""

from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import pytest

from acquisition.camera.message import Configured
from acquisition.rig import ROLES
from acquisition.session.black_level import measured_black_dn
from acquisition.session.journal_entry import TakePlan
from acquisition.session.record import ClipRecord, SessionRecord, StepRecord
from tests.acquisition.small_clips import HEIGHT, WIDTH, Content, level, write_clip

pytestmark = pytest.mark.unit

NOW = Configured(
    WIDTH, HEIGHT, "BayerRG8", "uint8", 8, 1, "RGGB", WIDTH * HEIGHT, 64,
    {"GainAuto": "Off", "Gain": 0.0}, None, 0.0, 40.0, None,
)  # fmt: skip

Status = Literal["ok", "warning", "fault"]


def _measured(tmp_path: Path, now: Configured, *statuses: Status) -> dict[Any, float]:
    """Of one dark clip at 9 DN that was checked with these results, the newest last."""
    write_clip(tmp_path / "clip-001.h5", Content(pulses=4, light=level(9.0, 0.0)))
    plan = TakePlan.model_construct(purpose="dark")
    record = SessionRecord.__new__(SessionRecord)
    record.clips = [ClipRecord("clip-001", 1, plan, "2026-01-01T00:00:00Z")]
    record.steps = [StepRecord("dark", "start", status, "clip-001") for status in statuses]
    return measured_black_dn(record, tmp_path, dict.fromkeys(ROLES, now))


@pytest.mark.parametrize("statuses", [("ok",), ("warning",), ("fault", "ok")])
def test_a_checked_dark_clip_tells_it(tmp_path: Path, statuses: tuple[Status, ...]) -> None:
    assert _measured(tmp_path, NOW, *statuses) == {"blurry": 9.0, "sharp": 9.0}


@pytest.mark.parametrize("statuses", [(), ("fault",), ("ok", "fault")])
def test_one_that_was_not_found_sound_does_not(
    tmp_path: Path, statuses: tuple[Status, ...]
) -> None:
    assert _measured(tmp_path, NOW, *statuses) == {}


@pytest.mark.parametrize(
    "now",
    [
        replace(NOW, gain_db=1.0),
        replace(NOW, pixel_format="BayerGB8"),
        replace(NOW, readback={"Gain": 0.0, "GainRaw": 40}),
        replace(NOW, readback={"Gain": 0.0, "BlackLevel": 12.0}),
    ],
)
def test_nor_does_one_of_cameras_that_stood_otherwise(tmp_path: Path, now: Configured) -> None:
    assert _measured(tmp_path, now, "ok") == {}
