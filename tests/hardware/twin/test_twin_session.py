"""The sessions that other tests are made from: sound by the guide, true to what they tell."""

from itertools import pairwise

import numpy as np
import pytest

from acquisition.clip.format import frame_format
from acquisition.clip.reader import Clip
from acquisition.guide.steps import clip_of, end_steps, start_steps
from acquisition.picture.view import unflip
from acquisition.rig import ROLES
from bsd.setting import Setting
from tests.twin_session import SceneClip, Spec, twin_session

pytestmark = pytest.mark.unit

SPEC = Spec(
    seed=3,
    size_px=(256, 192),
    sets=("sensor_2.timing.end_latency_ns=30000",),
    rig_sets=("cameras.sharp.timing.end_latency_ns=5000",),
    scenes=(SceneClip(frames=4, bookend=3, repeats=((4, "sharp"),)),),
    checked=True,
)


def test_every_step_of_the_guide_is_found_and_sound() -> None:
    made = twin_session(SPEC)
    setting = Setting.parse(SPEC.setting)
    steps = [*start_steps(setting, SPEC.rate, SPEC.rig(), SPEC.guide())]
    steps += end_steps(setting, SPEC.guide())
    absent = [step.name for step in steps if clip_of(step, made.record) is None]
    assert absent == ["sync-equal", "sync"]


def test_frames_are_what_the_truth_says() -> None:
    """Means of the flat by channel, within the noise of a mean and the fixed pattern's."""
    made = twin_session(SPEC)
    path = made.clip("flat")
    with Clip(path) as clip:
        for role in ROLES:
            form = frame_format(clip.head, role)
            upright = unflip(clip.frames(role)[0], form).astype(np.float64)
            expected = made.expected_dn(role, path)[..., 1]
            for at, colour in enumerate(form.upright_cfa or ""):
                if colour == "G":
                    places = slice(at // 2, None, 2), slice(at % 2, None, 2)
                    ratio = (upright[places] - made.black_dn(role)) / expected[places]
                    assert ratio.mean() == pytest.approx(1.0, abs=7e-4)


def test_an_exposure_offset_that_rig_yaml_does_not_know_is_in_the_light() -> None:
    made = twin_session(SPEC)
    assert made.offset_ns("sharp") == 25_000
    assert made.offset_ns("blurry") == 0
    nominal = made.level_ratio()
    assert nominal == pytest.approx([0.5 * 0.125 * 16_000 / (0.485 * 2_025)] * 3, rel=1e-6)
    sums = {}
    for step in ("series-1", "series-9"):
        with Clip(made.clip(step)) as clip:
            told = clip.head.plan or {}
            width = told["sharp"]["end_ns"] - told["sharp"]["begin_ns"]  # type: ignore[index,call-overload,operator]
            sums[step] = (clip.frames("sharp")[0].mean() - made.black_dn("sharp")) / width
    short = Setting.parse("2ms16ms").sharp_us / 16
    expected = (1 + 25 / short) / (1 + 25 / 2000)
    assert sums["series-9"] / sums["series-1"] == pytest.approx(expected, rel=0.01)


def test_bookends_stand_and_the_scene_moves() -> None:
    made = twin_session(SPEC)
    with Clip(made.scene()) as clip:
        frames = [frame.astype(np.float64) for frame in clip.frames("sharp")]
    ways = [float(np.abs(a - b).mean()) for a, b in pairwise(frames)]
    assert max(ways[:2] + ways[-2:]) < 0.5 * min(ways[4:6])
    assert ways[3] == 0.0  # the repeated frame
