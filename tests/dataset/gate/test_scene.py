"""Signatures: one scene is known again in other light and pose, other photographs are not."""

import itertools

import cv2
import numpy as np
import pytest
from skimage import data

from dataset.gate.limits import GateLimits
from dataset.gate.scene import Signature, overlap, overlap_gate, scene_groups, signature

pytestmark = pytest.mark.unit

LIMITS = GateLimits()
NAMES = ("astronaut", "coffee", "chelsea", "brick", "grass", "gravel", "camera", "coins", "text")


def photograph(name):
    picture = getattr(data, name)()
    picture = np.repeat(picture[..., None], 3, axis=2) if picture.ndim == 2 else picture
    return cv2.resize(picture, (640, 480), interpolation=cv2.INTER_AREA)


def seen(name, turn_deg=0.0, shift_px=(0.0, 0.0), zoom=1.0, light=1.0, blur_px=0, seed=0):
    """A frame of a photograph: linear, float32, in DN."""
    matrix = cv2.getRotationMatrix2D((320, 240), turn_deg, zoom)
    matrix[:, 2] += shift_px
    linear = ((photograph(name) / 255.0) ** 2.2 * 3000 * light).astype(np.float32)
    moved = cv2.warpAffine(linear, matrix, (640, 480), borderMode=cv2.BORDER_REFLECT)
    if blur_px:
        moved = cv2.blur(moved, (blur_px, 1))
    generator = np.random.default_rng(np.random.SeedSequence([seed, 4]))
    return moved + generator.normal(0, 4, moved.shape).astype(np.float32)


def test_different_photographs_do_not_overlap():
    made = {name: signature(photograph(name)) for name in NAMES}
    most = max(overlap(made[a], made[b]).matches for a, b in itertools.combinations(NAMES, 2))
    assert most < LIMITS.overlap_matches // 2


@pytest.mark.parametrize("name", ["astronaut", "coffee", "camera"])
def test_a_scene_is_known_again(name):
    first = signature(seen(name, seed=1))
    changes = {
        "moved": {"shift_px": (60.0, -30.0)},
        "turned": {"turn_deg": 12.0, "zoom": 1.2},
        "darker": {"light": 0.2},
        "three pixels of blur": {"blur_px": 3},
    }
    for change, fields in changes.items():
        found = overlap(first, signature(seen(name, seed=2, **fields)))
        assert found.matches >= LIMITS.overlap_matches, change
        assert 0 < found.share <= 1


def test_signatures_survive_bytes():
    made = signature(seen("coffee"))
    again = Signature.from_bytes(made.to_bytes())
    np.testing.assert_array_equal(again.points, made.points)
    np.testing.assert_array_equal(again.descriptors, made.descriptors)
    with pytest.raises(ValueError, match="no signature"):
        Signature.from_bytes(made.to_bytes()[:-1])


def test_groups_join_what_a_third_clip_joins():
    left, middle, right = (
        [signature(seen("astronaut", shift_px=(x, 0.0), zoom=2.2))] for x in (330.0, 0.0, -330.0)
    )
    other = [signature(seen("coffee"))]
    assert scene_groups([other, left, right], LIMITS) == [0, 1, 2]
    assert scene_groups([left, other, right, middle], LIMITS) == [0, 1, 0, 0]


def test_a_scene_in_two_splits_is_refused_and_in_one_it_is_not():
    own = [signature(seen("coffee", seed=1))]
    others = [
        ("clip-001", "train", [signature(seen("astronaut"))]),
        ("clip-002", "train", [signature(seen("coffee", shift_px=(30.0, 5.0), seed=3))]),
    ]
    refused = overlap_gate("test", own, others, LIMITS)
    assert refused.passed is False
    assert "clip-002" in refused.text
    assert refused.value >= refused.limit == LIMITS.overlap_matches
    assert overlap_gate("train", own, others, LIMITS).passed is True
    wall = [signature(np.full((480, 640, 3), 90, dtype=np.uint8))]
    assert overlap_gate("test", wall, others, LIMITS).passed is None
