"""The guide: which calibration clips, how exposed, which are due, and whether one is fit."""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from acquisition.clip.reader import Clip
from acquisition.exposure import plan
from acquisition.guide.check import StepCheck, check_clip
from acquisition.guide.coverage import coverage
from acquisition.guide.exposure_series import is_possible, series_settings
from acquisition.guide.steps import GuideOptions, Step, due, end_steps, start_steps, steps_of
from acquisition.rig import ROLES, Rig
from acquisition.session.journal_entry import Consent, TakePlan
from acquisition.session.session import Session
from bsd.errors import UserMistake
from bsd.setting import SETTINGS, Setting
from tests.acquisition.small_clips import (
    RIG_FIELDS,
    Content,
    Light,
    level,
    recorded,
    textured,
    write_clip,
    write_rig,
)

pytestmark = pytest.mark.unit

SETTING = SETTINGS["2ms16ms"]
RIG = Rig.from_fields(RIG_FIELDS, "rig")


def _rig(**timing: Any) -> Rig:
    fields = {**RIG_FIELDS["cameras"]}
    for role in ROLES:
        fields[role] = {**fields[role], "timing": {"readout_us": 5000, **timing}}
    return Rig.from_fields({**RIG_FIELDS, "cameras": fields}, "rig")


@pytest.fixture
def session(tmp_path: Path) -> Iterator[Session]:
    rig = write_rig(tmp_path / "rig.yaml")
    with Session.create(
        tmp_path / "day", rig, operator="A", consent=Consent(persons=False)
    ) as made:
        yield made


def _record(session: Session, step: Step, status: str | None = "ok") -> None:
    take = session.begin_take(step.plan())
    distance = {"distance_mm": step.distance_mm} if step.purpose == "target" else {}
    head = {"purpose": step.purpose, "setting": step.setting, **distance}
    recorded(session, take, Content(pulses=2, light=level(60), head=head))
    if status is not None:
        session.checked(step, take, StepCheck(status=status))  # type: ignore[arg-type]


def test_a_session_begins_with_all_clips_that_a_calibration_needs() -> None:
    steps = start_steps(SETTING, 15, RIG)
    by_purpose = {
        purpose: [step for step in steps if step.purpose == purpose]
        for purpose in ("dark", "flat", "series", "colour", "target", "sync")
    }
    assert {name: len(found) for name, found in by_purpose.items()} == {
        "dark": 1, "flat": 1, "series": 9, "colour": 1, "target": 16, "sync": 2,
    }  # fmt: skip
    assert len({step.name for step in steps}) == len(steps)
    assert {step.distance_mm for step in by_purpose["target"]} == {1500.0, 4000.0}
    assert all(step.frames >= 2 for step in steps)
    assert {step.purpose for step in steps if not step.required} == {"colour", "sync"}
    assert [bool(step.prompt) for step in by_purpose["series"]] == [True] + [False] * 8
    assert {step.purpose for step in end_steps(SETTING)} == {"target", "flat", "dark"}
    assert all(step.when == "end" for step in end_steps(SETTING))


@pytest.mark.parametrize("name", list(SETTINGS))
def test_levels_fall_evenly_and_can_be_planned(name: str) -> None:
    setting = SETTINGS[name]
    levels = series_settings(setting, 15, RIG, 9)
    assert levels[0] == setting
    assert len(levels) == 9
    assert levels[-1].sharp_us == pytest.approx(setting.sharp_us / 16, rel=0.01)
    ratios = [a.sharp_us / b.sharp_us for a, b in pairwise(levels)]
    assert np.allclose(ratios, 2**0.5, rtol=0.02)
    for each in levels:
        assert each.blurry_us == 8 * each.sharp_us
        timing = RIG.cameras.blurry.timing
        plan(each, 15, "centre", timing, timing)


def test_a_series_keeps_to_what_the_cameras_can_do() -> None:
    coarse = _rig(exposure="timed", exposure_step_ns=20_000)
    levels = series_settings(SETTING, 15, coarse, 9)
    assert len(levels) >= 8
    assert all(each.sharp_us % 20 == 0 for each in levels[1:])
    slow = _rig(exposure="trigger_width", rise_delay_ns=3_000, fall_delay_ns=150_000)
    shortest = series_settings(SETTINGS["1ms8ms"], 15, slow, 9)[-1]
    assert shortest.sharp_us == 250  # 1/16, 1/12 and 1/8 would need pulses below 50 µs
    with pytest.raises(UserMistake, match=r"fewer than 8 exposures from 2ms16ms downwards: .*step"):
        series_settings(SETTING, 15, _rig(exposure="timed", exposure_step_ns=700_000), 9)
    with pytest.raises(UserMistake, match="whole microseconds they are the same"):
        series_settings(Setting(sharp_us=4, blurry_us=32), 15, None, 9)


def test_at_a_high_rate_the_equal_exposure_is_left_out() -> None:
    fast = Setting.parse("0.5ms4ms")
    assert not is_possible(SETTING, 120, RIG)
    names = [step.name for step in start_steps(fast, 90, RIG)]
    assert "sync" in names
    assert "sync-equal" not in names
    sync = start_steps(fast, 90, RIG)[-1]
    assert "jumper open" in sync.prompt


def test_distances_must_tell_parallax() -> None:
    with pytest.raises(ValueError, match=r"less than 1.5 times near_mm"):
        GuideOptions(near_mm=2000, far_mm=2500)


def test_steps_of_one_purpose() -> None:
    assert [step.name for step in steps_of("dark", "end", SETTING, 15, RIG)] == ["dark"]
    with pytest.raises(UserMistake, match=r"colour: is no step of the end .* target, flat, dark"):
        steps_of("colour", "end", SETTING, 15, RIG)


def test_a_guide_goes_on_where_it_was(session: Session) -> None:
    steps = start_steps(SETTING, 15, RIG)
    _record(session, steps[0])
    _record(session, steps[1], "fault")
    _record(session, steps[2], "warning")
    assert [step.name for step in due(steps, session.record)][:2] == ["flat", "series-2"]
    other = start_steps(SETTINGS["1ms8ms"], 15, RIG)
    names = [step.name for step in due(other, session.record)]
    assert names[:2] == ["dark", "flat"], "each setting has its own dark and flat clips"
    assert "series-1" not in names, "one series serves all settings"


def test_a_clip_that_was_never_checked_is_due(session: Session) -> None:
    """As after a kill between the seal and the check."""

    def dark() -> int:
        found = [each for each in coverage(session.record) if each.item.startswith("dark")]
        return found[0].have

    steps = start_steps(SETTING, 15, RIG)
    _record(session, steps[0], None)
    assert (due(steps, session.record)[0].name, dark()) == ("dark", 0)
    _record(session, steps[0], "warning")
    assert (due(steps, session.record)[0].name, dark()) == ("flat", 1)


def test_coverage_says_what_is_missing(session: Session) -> None:
    options = GuideOptions()
    for step in start_steps(SETTING, 15, RIG, options):
        if step.name not in ("colour", "series-9", "series-8", "target-near-8"):
            _record(session, step)
    recorded(session, session.begin_take(TakePlan(purpose="scene", frames=10, setting="2ms16ms")))
    needs = {(need.item, need.when): need for need in coverage(session.record)}
    assert needs["dark 2ms16ms", "start"].standing == "there"
    assert needs["dark 2ms16ms", "end"].standing == "missing"
    series = needs["exposure series, levels", "start"]
    assert (series.have, series.need, series.standing) == (7, 8, "missing")
    assert needs["target far, poses", "start"].standing == "there"
    near = needs["target near, poses", "start"]
    assert (near.have, near.standing) == (7, "missing")
    assert needs["colour", "start"].standing == "optional"
    assert needs["sync", "start"].standing == "there"
    for step in end_steps(SETTING, options):
        _record(session, step)
    after = {(need.item, need.when): need.standing for need in coverage(session.record)}
    assert {state for (_, when), state in after.items() if when == "end"} == {"there"}


def test_coverage_counts_clips_recorded_without_the_guide(session: Session) -> None:
    for purpose in ("dark", "scene", "dark"):
        plan_ = TakePlan(purpose=purpose, frames=2, setting="2ms16ms")
        recorded(session, session.begin_take(plan_), Content(pulses=2))
    needs = {(need.item, need.when): need.have for need in coverage(session.record)}
    assert (needs["dark 2ms16ms", "start"], needs["dark 2ms16ms", "end"]) == (1, 1)


def _leak(role: str, pulse: int) -> Any:
    frame = level(4)(role, pulse).astype(int)  # type: ignore[arg-type]
    frame[:16, :32] += 12
    return frame.astype(np.uint8)


def _flickering(role: str, pulse: int) -> Any:
    gain = 1.0 if role == "blurry" else 1 + 0.1 * (-1) ** pulse
    return level(180 * gain)(role, pulse)  # type: ignore[arg-type]


def _moving(role: str, pulse: int) -> Any:
    return textured(role, 2 * pulse)  # type: ignore[arg-type]


def _still(role: str, pulse: int) -> Any:
    return textured(role, 0)  # type: ignore[arg-type]


def _soft(role: str, pulse: int) -> Any:
    import cv2

    frame = textured(role, 0)  # type: ignore[arg-type]
    return cv2.GaussianBlur(frame, (0, 0), 5) if role == "blurry" else frame


def _wrong_nd(role: str, pulse: int) -> Any:
    return level(200 if role == "sharp" else 160)(role, pulse)  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("purpose", "light", "status", "says"),
    [
        ("dark", level(4), "ok", None),
        ("dark", level(90), "fault", "is not dark; put the cap on"),
        ("dark", _leak, "fault", "light comes in"),
        ("dark", level(0, 0.3), "warning", "noise is cut off below"),
        ("flat", level(190), "ok", None),
        ("flat", level(254), "fault", "is clipped; less light"),
        ("flat", level(90), "warning", "stands at 34% of full scale; more light"),
        ("flat", level(40), "fault", "not at 15% to 95%; more light"),
        ("flat", _flickering, "fault", "the light flickers"),
        ("flat", _wrong_nd, "warning", "C1/C2 is 0.79"),
        ("series", level(20), "ok", None),
        ("series", level(255), "fault", "is clipped"),
        ("target", _still, "ok", None),
        ("target", _moving, "fault", "the view moved by"),
        ("target", _soft, "warning", "blurry: has less than half"),
        ("target", level(150), "fault", "no fine detail is seen"),
        ("sync", level(4, 0.0), "fault", "no LED is seen"),
        ("sync", textured, "ok", None),
        ("scene", level(255), "ok", None),
    ],
)
def test_a_clip_is_checked_for_its_purpose(
    tmp_path: Path, purpose: str, light: Light, status: str, says: str | None
) -> None:
    head = {"purpose": purpose, **({"distance_mm": 2000} if purpose == "target" else {})}
    path = write_clip(tmp_path / "clip-000.h5", Content(pulses=6, light=light, head=head))
    with Clip(path) as clip:
        check = check_clip(clip, purpose)
    assert check.status == status, check
    assert (says is None) == (not check.remarks), check
    if says is not None:
        assert any(says in remark for remark in check.remarks), check


def test_a_flat_clip_tells_its_figures(tmp_path: Path) -> None:
    head = {"purpose": "flat"}
    path = write_clip(tmp_path / "clip-000.h5", Content(light=_wrong_nd, head=head))
    with Clip(path) as clip:
        figures = check_clip(clip, "flat").figures
    assert figures["ratio"] == pytest.approx((160 - 4) / (200 - 4), rel=0.003)
    assert figures["sharp_bright"] == pytest.approx((200 - 4) / (255 - 4), rel=0.01)
