"""Coarse synchrony on made frames: no rig, a map that is far from the identity."""

import numpy as np
import pytest

from acquisition.picture.view import FrameFormat
from dataset.gate.synchrony import SynchronyWatch

pytestmark = pytest.mark.unit

FORMS = FrameFormat("RGGB", 12, 64.0), FrameFormat("RGGB", 12, 64.0, "horizontal")
SHAPE_1, SHAPE_2 = (128, 192), (160, 240)
OFFSET = (24, 16)  # C2 sees C1's pixel (x, y) at (x + 24, y + 16)


def canvas():
    generator = np.random.default_rng(4)
    small = generator.uniform(200, 3000, (40, 60))
    return np.kron(small, np.ones((12, 12)))


def frames(step_px, late=0, count=8, noise_dn=10.0):
    """Raw pairs of a view that moves by `step_px` a frame; C2 shows the frame `late` before."""
    generator, whole = np.random.default_rng(5), canvas()
    made = []
    for number in range(count):
        pair = []
        for role, shape in enumerate((SHAPE_1, SHAPE_2)):
            begin = 120 + step_px * (number - late * role) - OFFSET[0] * role
            top = 60 - OFFSET[1] * role
            view = whole[top : top + shape[0], begin : begin + shape[1]]
            raw = view + 64 + generator.normal(0, noise_dn, view.shape)
            raw = raw[:, ::-1] if role else raw
            pair.append(np.clip(raw, 0, 4095).astype(np.uint16))
        made.append(tuple(pair))
    return made


def found(pairs, offset=OFFSET):
    y, x = np.mgrid[: SHAPE_1[0], : SHAPE_1[1]].astype(np.float32)
    watch = SynchronyWatch(FORMS, np.stack([x + offset[0], y + offset[1]], axis=2))
    for number, pair in enumerate(pairs):
        watch.add(number, *pair)
    return watch.result()


def test_pairs_in_step_pass_and_late_ones_do_not():
    assert found(frames(6)).verdict(0.2) is True
    for late in (-9, -3, -2, -1, 1, 2, 3, 9):
        told = found(frames(6, late, count=8 + abs(late)))
        assert told.rival == late
        assert told.verdict(0.2) is False


def test_what_stands_still_or_is_too_short_is_not_judged():
    assert found(frames(0, 1)).verdict(0.2) is None
    few = found(frames(6, 1, count=4))
    assert not few.is_late(0.2)
    assert few.odd == {0: 1, 1: 1, 2: 1}
    assert found(frames(6, count=4)).verdict(0.2) is None
    assert found(frames(6, count=1)) is None


def test_a_map_that_is_some_pixels_off_does_not_matter():
    assert found(frames(12), (OFFSET[0] + 3, OFFSET[1] - 2)).verdict(0.2) is True
    assert found(frames(12, 1), (OFFSET[0] + 3, OFFSET[1] - 2)).verdict(0.2) is False


def test_skipped_pairs_are_no_witnesses():
    y, x = np.mgrid[: SHAPE_1[0], : SHAPE_1[1]].astype(np.float32)
    watch = SynchronyWatch(FORMS, np.stack([x + OFFSET[0], y + OFFSET[1]], axis=2))
    for at, pair in enumerate(frames(1, count=41)):
        watch.add(at, *pair) if at % 20 == 0 else watch.skip()
    assert watch.result() is None


def test_a_pulse_that_is_lost_on_the_way_is_told_with_its_frames():
    whole = frames(6, count=24)
    lost = [(one, whole[min(at + (at >= 12), 23)][1]) for at, (one, _) in enumerate(whole)]
    told = found(lost[:23])
    assert told.verdict(0.2) is False
    assert not told.is_late(0.2)  # half of the clip is in step
    assert set(told.odd) == set(range(13, 23))  # 12 has lost its own
    assert set(told.odd.values()) == {-1}


def test_frames_in_a_wrong_order_are_told():
    whole = frames(6, count=12)
    swapped = [whole[at][1] for at in (0, 1, 2, 3, 5, 4, 6, 7, 8, 9, 10, 11)]
    told = found([(one, other) for (one, _), other in zip(whole, swapped, strict=True)])
    assert told.verdict(0.2) is False
    assert told.odd == {4: 1, 5: -1}


def swung(count, late=0, period=2.0, noise_dn=10.0, offset_px=0):
    """A view that comes back to where it was every `period` frames; `frames` with other places."""
    generator, whole = np.random.default_rng(6), canvas()
    made = []
    for number in range(count):
        pair = []
        for role, shape in enumerate((SHAPE_1, SHAPE_2)):
            turn = 2 * np.pi * (number - late * role) / period + 0.4
            begin = 150 + round(40 * np.sin(turn)) - (OFFSET[0] + offset_px) * role
            view = whole[60 - OFFSET[1] * role :, begin:][: shape[0], : shape[1]]
            raw = view + 64 + generator.normal(0, noise_dn, view.shape)
            raw = raw[:, ::-1] if role else raw
            pair.append(np.clip(raw, 0, 4095).astype(np.uint16))
        made.append(tuple(pair))
    return made


@pytest.mark.parametrize("period", [2.0, 15 / 8, 3.0, 2.1, 8.0])
@pytest.mark.parametrize("offset_px", [0, 3])
def test_a_view_that_comes_back_is_no_rival(period, offset_px):
    told = found(swung(24, 0, period, offset_px=offset_px))
    assert told.verdict(0.2) is True
    assert told.gain < -0.7
    late = found(swung(24, 1, period, offset_px=offset_px))
    assert late.verdict(0.2) is False


@pytest.mark.parametrize("offset_px", [0, 2, 6])
@pytest.mark.parametrize("count", [8, 60])
def test_noise_of_a_still_view_is_never_a_rival(count, offset_px):
    """Also where the map is off, so that noise is multiplied by what lies beside it."""
    told = found(frames(0, count=count), (OFFSET[0] + offset_px, OFFSET[1]))
    assert told.verdict(0.2) is None
    assert not told.odd


def test_a_camera_with_its_cap_on_is_no_witness():
    pairs = [(one, np.full_like(other, 64)) for one, other in frames(6)]
    assert found(pairs) is None
