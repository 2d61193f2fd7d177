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
            begin = 60 + step_px * (number - late * role) - OFFSET[0] * role
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
    for pair in pairs:
        watch.add(*pair)
    return watch.result()


def test_pairs_in_step_pass_and_late_ones_do_not():
    assert found(frames(6)).verdict(0.2) is True
    for late in (-2, -1, 1, 2):
        told = found(frames(6, late))
        assert told.rival == late
        assert told.verdict(0.2) is False


def test_what_stands_still_or_is_too_short_is_not_judged():
    assert found(frames(0, 1)).verdict(0.2) is None
    assert found(frames(6, 1, count=4)).verdict(0.2) is None
    assert found(frames(6, count=1)) is None


def test_a_map_that_is_some_pixels_off_does_not_matter():
    assert found(frames(12), (OFFSET[0] + 3, OFFSET[1] - 2)).verdict(0.2) is True
    assert found(frames(12, 1), (OFFSET[0] + 3, OFFSET[1] - 2)).verdict(0.2) is False


def test_skipped_pairs_are_no_witnesses():
    y, x = np.mgrid[: SHAPE_1[0], : SHAPE_1[1]].astype(np.float32)
    watch = SynchronyWatch(FORMS, np.stack([x + OFFSET[0], y + OFFSET[1]], axis=2))
    for at, pair in enumerate(frames(6)):
        watch.add(*pair) if at % 3 == 0 else watch.skip()
    assert watch.result() is None
