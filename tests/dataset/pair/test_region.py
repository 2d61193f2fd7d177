"""Where both cameras see."""

import numpy as np
import pytest

from acquisition.picture.view import FrameFormat
from bsd.errors import UserMistake
from dataset.pair.region import Crop, covered, find_crop, footprint
from tests.dataset.pair.synthetic import model, shifted_map

pytestmark = pytest.mark.unit

PLAIN = FrameFormat(None, 12)


def test_covered_is_what_the_map_says():
    seen = covered(model((40, 60), PLAIN, PLAIN, (10.5, -4.0)), (40, 60), 3)
    y, x = np.nonzero(seen)
    assert (x.min(), x.max()) == (0, 45)  # 45 + 10.5 <= 59 - 3
    assert (y.min(), y.max()) == (7, 39)  # 7 - 4 >= 3


def test_a_crop_lies_in_the_middle_at_even_places():
    made = model((120, 200), PLAIN, PLAIN, (20.0, 11.0))
    crop = find_crop([made], (120, 200), (80, 60), 4)
    assert crop.x % 2 == crop.y % 2 == 0
    assert abs(crop.x + 40 - (0 + 176) / 2) <= 1
    assert abs(crop.y + 30 - (0 + 105) / 2) <= 1
    both = find_crop([made, model((120, 200), PLAIN, PLAIN, (-40.0, 0.0))], (120, 200), (80, 60), 4)
    assert both.x >= 44


def test_a_crop_in_a_turned_view_is_covered_everywhere():
    made = model((120, 200), PLAIN, PLAIN)
    map_xy = shifted_map((120, 200), (0, 0)) - np.float32((100, 60))
    turn = np.array([[np.cos(0.2), -np.sin(0.2)], [np.sin(0.2), np.cos(0.2)]])
    map_xy = (map_xy @ turn.T + (100, 60)).astype(np.float32)
    made = model((120, 200), PLAIN, PLAIN, map_xy=dict.fromkeys("RGB", map_xy))
    crop = find_crop([made], (120, 200), (120, 80), 4)
    assert crop.of(covered(made, (120, 200), 4)).all()


def test_too_small_a_view_names_the_largest():
    made = model((120, 200), PLAIN, PLAIN, (100.0, 0.0))
    with pytest.raises(UserMistake, match=r"at most 9\d × 7\d of this shape") as caught:
        find_crop([made], (120, 200), (160, 120), 4)
    assert "\n" not in str(caught.value)
    with pytest.raises(UserMistake, match="at most 0 × 0"):
        find_crop([model((120, 200), PLAIN, PLAIN, (900.0, 0.0))], (120, 200), (16, 12), 4)


def test_a_footprint_holds_the_map_and_its_margin():
    part = footprint([shifted_map((20, 30), (12.4, 9.7))], (100, 100), 4)
    assert part == Crop(8, 4, 40, 30)  # 12.4 to 41.4 and 9.7 to 28.7
    at_border = footprint([shifted_map((20, 30), (0.2, 0.2))], (22, 32), 4)
    assert at_border == Crop(0, 0, 32, 22)
