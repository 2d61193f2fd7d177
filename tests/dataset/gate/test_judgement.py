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
    Take,
    changed,
    judge,
    take,
    without_motion,
    world,
)

pytestmark = pytest.mark.rig


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
    assert all(result.passed for result in judged.results.values())
    assert judged.results["bookend-alignment"].value < 0.08
    assert judged.results["local-ratio"].value < 2.0
    assert judged.results["flicker"].value < 1.5
    assert len(judged.results) == 12
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


def test_synchrony_alone_sees_a_slow_scene_that_is_a_frame_late():
    slow = world("rig_motion.rotation_mrad_s=[20,60,0]", shake=NO_SHAKE)
    clip = take(without_motion(slow))
    assert judge(clip).failed == []
    assert judge(late(clip, 1)).failed == ["synchrony"]


def test_synchrony_says_nothing_where_neighbours_are_alike_or_no_map_is_known():
    still = take(without_motion(world(shake=NO_SHAKE)))
    assert judge(late(still, 1)).results["synchrony"].passed is None
    assert judge(changed(good(), map_xy=None)).results["synchrony"].passed is None


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
    assert unknown.failed == ["bookend-alignment"]
    assert "cannot be judged" in unknown.results["bookend-alignment"].text


def test_the_words_are_the_same_each_time():
    first, second = judge(good()), judge(good())
    assert first.results == second.results
    assert first.facts == second.facts
    assert failed_gates(first.results.values()) == ()
