"""Verdicts on rendered pictures of known motion; never a false accusation."""

import numpy as np
import pytest

from dataset.pairing import Block, judge, swapped_frames, thumbnail

pytestmark = pytest.mark.unit

MOTIONS = {
    "slow, 0.3 px a frame": lambda t: np.array([0.3 * t, 0.1 * t]),
    "1 px": lambda t: np.array([1.0 * t, 0.3 * t]),
    "fast, 20 px": lambda t: np.array([20.0 * t, 3.0 * t]),
    "hand shake": lambda t: 3 * np.array([np.sin(t * 0.9), np.cos(t * 1.2)]),
    "quick shake": lambda t: 5 * np.array([np.sin(t * 1.46), np.cos(t * 1.9)]),
}


def block(blurry, sharp, first=0):
    return Block(first, tuple(map(thumbnail, blurry)), tuple(map(thumbnail, sharp)))


@pytest.fixture
def clip(dataset_tools):
    def make(position, noise=0.0, count=12, seed=0, blur=0.8):
        return dataset_tools["moving_pair"](
            position, count, (96, 128), blur, "astronaut", noise, seed
        )

    return make


@pytest.mark.parametrize("noise", [0.0, 3.0])
@pytest.mark.parametrize("name", MOTIONS)
def test_moving_clip_is_ok_and_each_shift_is_told(clip, name, noise):
    blurry, sharp = clip(MOTIONS[name], noise)
    assert judge([block(blurry, sharp)]).verdict == "ok"
    for offset in (1, 2):
        later = judge([block(blurry[offset:], sharp[:-offset])])
        earlier = judge([block(blurry[:-offset], sharp[offset:])])
        # Blur[t] is Sharp[t + offset] of the pairs that were put together wrongly.
        assert later.verdict in {"shifted", "undetermined"}
        if later.verdict == "shifted":
            assert (later.offset, earlier.offset) == (offset, -offset)
    assert judge([block(blurry[1:], sharp[:-1])]).verdict == "shifted"


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("noise", [0.0, 1.0, 10.0])
def test_static_clip_is_undetermined(clip, seed, noise):
    found = judge([block(*clip(lambda _t: np.zeros(2), noise, seed=seed))])
    assert (found.verdict, found.offset) == ("undetermined", None)


@pytest.mark.parametrize("seed", range(4))
def test_half_a_frame_between_the_exposures_accuses_nobody(clip, seed):
    blurry, _ = clip(lambda t: np.array([2.0 * (t + 0.5), t + 0.5]), 2.0, seed=seed)
    _, sharp = clip(lambda t: np.array([2.0 * t, t]), 2.0, seed=seed + 9)
    assert judge([block(blurry, sharp)]).verdict == "undetermined"


def test_shake_of_two_frames_period_is_not_called_shifted(clip):
    blurry, sharp = clip(lambda t: 3 * np.array([np.sin(np.pi * t + 0.4), 0]), 2.0)
    assert judge([block(blurry, sharp)]).verdict == "undetermined"


def test_exposure_and_gain_do_not_count(clip):
    blurry, sharp = clip(MOTIONS["1 px"])
    darker = [np.round(image * 0.4 + 20).astype(np.uint8) for image in blurry]
    first, second = (judge([block(view, sharp)]) for view in (blurry, darker))
    assert first.verdict == second.verdict == "ok"
    assert second.gain == pytest.approx(first.gain, abs=0.02)


def test_swapped_roles_are_told_and_doubt_is_no_pass(clip):
    blurry, sharp = clip(MOTIONS["fast, 20 px"], 2.0)
    assert judge([block(sharp, blurry)]).verdict == "swapped-roles"
    blurry, sharp = clip(MOTIONS["1 px"])
    assert judge([block(sharp, blurry)]).verdict == "undetermined"


def test_pictures_of_another_scene_are_unrelated(clip, dataset_tools):
    blurry, _ = clip(MOTIONS["1 px"])
    _, sharp = dataset_tools["moving_pair"](MOTIONS["1 px"], 12, (96, 128), picture="coffee")
    assert judge([block(blurry, sharp)]).verdict == "unrelated"


def test_black_and_noise_only_clips_are_undetermined():
    black = [np.zeros((48, 64, 3), np.uint8)] * 8
    assert judge([block(black, black)]).verdict == "undetermined"
    noise = np.random.default_rng(5).integers(0, 20, (2, 8, 48, 64, 3), np.uint8)
    assert judge([block(*noise)]).verdict == "undetermined"


@pytest.mark.parametrize("count", [1, 2])
def test_one_or_two_frames_decide_nothing(clip, count):
    blurry, sharp = clip(MOTIONS["1 px"], count=count)
    assert judge([block(blurry, sharp)]).verdict == "undetermined"


def test_samples_of_a_clip_are_judged_together(clip):
    blurry, sharp = clip(MOTIONS["1 px"])
    found = judge(iter([block(blurry[:5], sharp[:5]), block(blurry[7:], sharp[7:], 7)]))
    assert (found.verdict, found.frames) == ("ok", 10)


@pytest.mark.parametrize("name", MOTIONS)
@pytest.mark.parametrize("swap", [None, (4, 5), (3, 5), (1, 10)])
def test_two_frames_that_changed_places_are_named_and_no_others(clip, name, swap):
    blurry, sharp = clip(MOTIONS[name], 1.0)
    if swap is not None:
        a, b = swap
        sharp[a], sharp[b] = sharp[b], sharp[a]
    expected = () if swap is None else ((swap[0] + 100, swap[1] + 100),)
    assert swapped_frames(block(blurry, sharp, first=100)) == expected


def test_static_frames_never_look_swapped(clip):
    for noise in (0.0, 1.0, 8.0):
        assert swapped_frames(block(*clip(lambda _t: np.zeros(2), noise))) == ()
