"""Each gate against clips of the virtual rig: one that it must refuse, and it alone; good ones."""

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from acquisition.ledger.row import TakePart, Verdict
from dataset.gate.limits import GateLimits
from dataset.gate.result import clip_passes, failed_gates
from tests.dataset.gate.gate_clips import (
    NO_SHAKE,
    RATE_HZ,
    STILL_FRAMES,
    Developed,
    Shot,
    Take,
    changed,
    judge,
    take,
    without_motion,
    world,
)

pytestmark = pytest.mark.rig


AGE = "calibration-age"


def good(setting: str = "2ms16ms") -> Take:
    return take(world(), setting)


def spoilt(*sets: str, setting: str = "2ms16ms", **fields: Any) -> Take:
    """A clip of a world that is not the one that was calibrated."""
    return take(world(*sets, **fields), setting, calibrated=world())


@pytest.mark.parametrize("setting", ["1ms8ms", "2ms16ms", "3ms24ms"])
def test_a_good_clip_with_hard_shake_and_moving_things_passes(setting):
    judged = judge(good(setting))
    assert judged.failed == []
    assert clip_passes(judged.results.values())
    assert all(result.passed for name, result in judged.results.items() if name != AGE)
    assert judged.results[AGE].passed is None  # nobody told
    assert judged.results["bookend-alignment"].value < 0.08
    assert judged.results["local-ratio"].value < 2.0
    assert judged.results["flicker"].value < 1.5
    assert len(judged.results) == 13
    assert judged.results["synchrony"].value < -0.2
    assert judged.facts.shift_source == "bookends"


def test_alignment_refuses_views_that_moved_since_the_calibration():
    judged = judge(spoilt("optics.alignment.shift_px=[3.7,-2.1]"))
    assert judged.failed == ["bookend-alignment"]
    assert judged.results["bookend-alignment"].value == pytest.approx(0.4, abs=0.05)
    assert judged.facts.shift_px[0] == pytest.approx(0.4, abs=0.05)
    assert judged.facts.shift_px[1] == pytest.approx(0.0, abs=0.03)


def test_alignment_refuses_a_turn_that_leaves_the_middle_in_place():
    judged = judge(spoilt("optics.alignment.rotation_mrad=7.5"))
    assert judged.failed == ["bookend-alignment"]
    assert np.hypot(*judged.facts.shift_px) < 0.1  # the mean tells nothing of it


def late(clip: Take, frames: int) -> Take:
    """The sharp camera is `frames` pulses late, as a skipped trigger or a stale buffer makes it."""
    shots = (*clip.first, *clip.scene, *clip.last)
    moved = [
        replace(
            shot,
            raw=(shot.raw[0], other.raw[1]),
            pair=replace(
                shot.pair, sharp=other.pair.sharp, sharp_saturated=other.pair.sharp_saturated
            ),
        )
        for at, shot in enumerate(shots)
        for other in [shots[min(max(at - frames, 0), len(shots) - 1)]]
    ]
    ends = len(clip.first), len(clip.first) + len(clip.scene)
    parts = moved[: ends[0]], moved[ends[0] : ends[1]], moved[ends[1] :]
    first, scene, last = (tuple(part) for part in parts)
    return changed(clip, first=first, scene=scene, last=last)


@pytest.mark.parametrize("setting", ["1ms8ms", "2ms16ms", "3ms24ms"])
@pytest.mark.parametrize("frames", [-1, 1, 2])
def test_synchrony_refuses_a_camera_that_is_late(setting, frames):
    judged = judge(late(good(setting), frames))
    assert "synchrony" in judged.failed
    assert judged.results["synchrony"].value > 0.8
    assert f"sharp frame {frames:+d} pulses" in judged.results["synchrony"].text


def test_synchrony_refuses_a_camera_that_is_four_frames_late():
    assert "synchrony" in judge(late(good(), 4)).failed


def test_synchrony_refuses_a_pulse_that_was_lost_on_the_way():
    clip, behind = good(), late(good(), -1)
    judged = judge(changed(clip, scene=(*clip.scene[:4], *behind.scene[4:])))
    assert "synchrony" in judged.failed
    assert judged.results["synchrony"].frames[-3:] == tuple(s.number for s in clip.scene[5:])
    assert "a pulse was lost" in judged.results["synchrony"].text


def test_synchrony_alone_sees_a_slow_scene_that_is_a_frame_late():
    slow = world("rig_motion.rotation_mrad_s=[20,60,0]", shake=NO_SHAKE)
    clip = take(without_motion(slow))
    assert judge(clip).failed == []
    assert judge(late(clip, 1)).failed == ["synchrony"]


def test_synchrony_says_nothing_where_neighbours_are_alike_or_no_map_is_known():
    still = take(without_motion(world(shake=NO_SHAKE)))
    assert judge(late(still, 1)).results["synchrony"].passed is None
    assert judge(changed(good(), map_xy=None)).results["synchrony"].passed is None


def test_a_calibration_of_another_time_is_refused():
    def told(age_h, limits=None):
        clip = good()
        watch = judge(clip, limits).watch
        watch.calibrated(age_h)
        return {each.gate: each for each in watch.results()}[AGE]

    assert told(0.0).passed is True
    assert told(71.0).passed is True
    months = told(2160.5)
    assert (months.passed, months.value, months.limit, months.unit) == (False, 2160.5, 72.0, "h")
    assert "90 days" in months.text
    assert "--set gates.calibration_age_h=2161" in months.text
    assert told(2160.5, GateLimits(calibration_age_h=2161)).passed is True


def test_local_ratio_refuses_light_in_step_with_the_frames():
    judged = judge(spoilt("light.components=[{frequency_hz: 120, modulation: 0.3}]"))
    assert judged.failed == ["local-ratio"]
    assert judged.facts.ratio_percent == pytest.approx(29, abs=2)
    assert judged.results["flicker"].value < 1.5


@pytest.mark.parametrize("every", [1, 2, 3])
def test_flicker_refuses_light_out_of_step_whichever_frames_are_developed(every):
    clip = spoilt("light.components=[{frequency_hz: 100, modulation: 0.15}]")
    judged = judge(clip, every=every)
    assert judged.failed == ["flicker"]
    assert 20 < judged.results["flicker"].value < 40


@pytest.mark.parametrize("modulation", [0.15, 0.3])
@pytest.mark.parametrize("begin", [0, 1, 2])
@pytest.mark.parametrize("frames", [5, 7, 8])
def test_flicker_alone_refuses_short_clips_that_do_not_fill_its_phases(modulation, begin, frames):
    clip = spoilt(f"light.components=[{{frequency_hz: 100, modulation: {modulation}}}]")
    judged = judge(changed(clip, scene=clip.scene[begin : begin + frames]))
    assert set(judged.failed) - {"blur-blurry"} == {"flicker"}


@pytest.mark.parametrize("share", [2.3, 3.0])
def test_clipping_refuses_too_much_light(share):
    judged = judge(spoilt(f"light.components=[{{share: {share}}}]"))
    assert judged.failed == ["clipping"]
    assert judged.results["clipping"].frames


@pytest.mark.parametrize(("view", "gate"), [(1, "focus-blurry"), (2, "focus-sharp")])
def test_focus_names_the_camera_that_is_out_of_it(view, gate):
    judged = judge(spoilt(f"optics.view_{view}.defocus_sigma_px=1.5"))
    assert judged.failed == [gate]
    assert judged.results[gate].value == pytest.approx(1.5, abs=0.15)


@pytest.mark.parametrize(("view", "gate"), [(1, "focus-blurry"), (2, "focus-sharp")])
def test_focus_that_was_lost_during_the_clip_is_seen_at_its_end(view, gate):
    soft = spoilt(f"optics.view_{view}.defocus_sigma_px=1.5")
    judged = judge(changed(good(), last=soft.last))
    assert judged.failed == [gate]
    assert "in the last bookend" in judged.results[gate].text


def test_frames_that_are_too_small_are_told_so_in_one_line():
    small = judge(cropped(good(), 120, 90))
    assert small.failed == ["bookend-alignment"]
    text = small.results["bookend-alignment"].text
    assert "frames of 120 × 90 px are too small to judge, 170 × 128 px" in text
    assert "--size 170x128" in text
    assert judge(cropped(good(), 170, 128)).results["bookend-alignment"].passed


def test_too_few_aligned_frames_and_no_still_bookend_do_not_pass_unseen():
    clip = good()
    moved = changed(clip, first=clip.scene[:3], last=clip.scene[-3:])
    judged = judge(moved, every=5)
    assert judged.results["local-ratio"].passed is False
    assert "--set gate_every=1" in judged.results["local-ratio"].text
    assert judge(clip, every=5).results["local-ratio"].passed


def test_a_clip_without_a_scene_does_not_pass():
    assert judge(changed(good(), scene=())).failed == ["static"]


def test_local_ratio_sees_what_came_before_one_camera_during_the_scene():
    def shaded(shot: Shot) -> Shot:
        shade = np.ones(shot.pair.sharp.shape, dtype=np.float32)
        shade[:, : shade.shape[1] // 4] = 0.8
        return replace(shot, pair=replace(shot.pair, sharp=shot.pair.sharp * shade))

    clip = good()
    judged = judge(changed(clip, scene=tuple(map(shaded, clip.scene))), every=1)
    assert judged.results["local-ratio"].passed is False
    assert judged.results["local-ratio"].value == pytest.approx(20, abs=3)


def cropped(clip: Take, width: int, height: int) -> Take:
    """Its developed pairs cut to the middle."""

    def cut(shot: Shot) -> Shot:
        rows, columns = shot.pair.blurry.shape[:2]
        top, left = (rows - height) // 2, (columns - width) // 2
        part = slice(top, top + height), slice(left, left + width)
        fields = {name: np.ascontiguousarray(each[part]) for name, each in vars(shot.pair).items()}
        return replace(shot, pair=Developed(**fields))

    first, scene, last = (tuple(map(cut, each)) for each in (clip.first, clip.scene, clip.last))
    return changed(clip, first=first, scene=scene, last=last)


def test_blur_blurry_refuses_a_scene_that_hardly_blurs():
    slow = world("rig_motion.rotation_mrad_s=[20,60,0]", shake=NO_SHAKE)
    judged = judge(take(without_motion(slow), "1ms8ms"))
    assert judged.failed == ["blur-blurry"]
    assert judged.results["blur-blurry"].value < 1.3  # 101 px/s make 0.8 px
    assert judged.results["static"].value >= 2


def test_blur_sharp_refuses_a_pan_that_is_too_fast_for_the_sharp_camera():
    pan = "rig_motion.rotation_mrad_s=[0,780,0]"  # 1,250 px/s, 3.7 px in 3 ms
    turned = f"rig_motion.reverse_every_s={2 / RATE_HZ}"
    clip = take(without_motion(world(pan, turned, shake=NO_SHAKE)), "3ms24ms")
    judged = judge(clip)
    assert judged.failed == ["blur-sharp"]
    assert judged.results["blur-sharp"].value == pytest.approx(clip.scene[0].way_px / 8, rel=0.1)
    assert judged.results["blur-sharp"].frames


def test_static_refuses_a_scene_in_which_nothing_moves():
    judged = judge(take(without_motion(world(shake=NO_SHAKE))))
    assert judged.failed == ["static"]
    assert judged.results["blur-blurry"].passed is None


@pytest.mark.parametrize("camera", [0, 1])
def test_duplicates_refuses_a_frame_that_was_delivered_twice(camera):
    clip = good()
    shots = list(clip.scene)
    raw = list(shots[5].raw)
    raw[camera] = shots[4].raw[camera]
    shots[5] = replace(shots[5], raw=tuple(raw))
    judged = judge(changed(clip, scene=tuple(shots)))
    assert judged.failed == ["duplicates"]
    assert judged.results["duplicates"].frames == (shots[5].number,)


def test_ledger_refuses_a_clip_that_lost_a_pair():
    clip = good()
    rows = clip.rows.copy()
    rows["verdict"][STILL_FRAMES + 3] = Verdict.MISSED
    judged = judge(changed(clip, rows=rows))
    assert judged.failed == ["ledger"]
    assert (judged.facts.pairs_lost, judged.facts.longest_run) == (1, 4)
    assert judge(changed(clip, rows=rows), GateLimits(pairs_lost=1)).failed == []


def test_ledger_counts_the_scene_alone():
    clip = good()
    rows = clip.rows.copy()
    rows["verdict"][0] = Verdict.LATE_ARMED
    assert rows["part"][0] == TakePart.BOOKEND
    assert judge(changed(clip, rows=rows)).failed == []


@pytest.mark.parametrize("verdict", ["discarded", "recovered", "free-running"])
def test_ledger_refuses_what_the_capture_gave_up(verdict):
    assert judge(changed(good(), verdict=verdict)).failed == ["ledger"]


def test_a_marked_clip_is_refused_where_that_is_wanted():
    marked = changed(good(), verdict="marked")
    assert judge(marked).failed == []
    assert judge(marked, GateLimits(marked=False)).failed == ["ledger"]


def test_bookends_that_moved_are_replaced_by_the_mean_of_the_scene_or_the_clip_fails():
    clip = good("1ms8ms")
    moved = changed(clip, first=clip.scene[:3], last=clip.scene[-3:])
    judged = judge(moved, every=1)
    assert judged.failed == []
    assert judged.facts.shift_source == "scene"
    assert np.hypot(*judged.facts.shift_px) < 0.1
    assert judged.facts.shift_error_px < 0.05
    assert judged.results["focus-sharp"].passed is None
    crooked = good("3ms24ms")
    unknown = judge(changed(crooked, first=crooked.scene[:3], last=crooked.scene[-3:]), every=4)
    assert unknown.failed == ["bookend-alignment", "local-ratio"]  # two frames tell neither
    assert "cannot be judged" in unknown.results["bookend-alignment"].text


def test_the_words_are_the_same_each_time():
    first, second = judge(good()), judge(good())
    assert first.results == second.results
    assert first.facts == second.facts
    assert failed_gates(first.results.values()) == ()
