"""What stands still must count as still, whatever the size of the view."""

import numpy as np
import pytest

from acquisition.picture.stillness import stillness_of
from acquisition.picture.view import FrameFormat

pytestmark = pytest.mark.unit

FORM = FrameFormat("RGGB", 12, 64.0)


def frames(size_px: tuple[int, int], shift_px: int = 0) -> list[np.ndarray]:
    """Two frames of squares, the second moved along x, with noise of their own."""
    width, height = size_px
    rng = np.random.default_rng(5)
    squares = np.kron(
        rng.uniform(100, 3000, (height // 24 + 1, width // 24 + 3)), np.ones((24, 24))
    )
    seen = [squares[:height, 24 : 24 + width], squares[:height, 24 - shift_px :][:, :width]]
    return [(each + 64 + rng.normal(0, 4, each.shape)).astype(np.uint16) for each in seen]


@pytest.mark.parametrize("size_px", [(256, 192), (352, 264), (720, 540), (1440, 1080), (1280, 720)])
def test_two_frames_of_a_still_view_are_still(size_px: tuple[int, int]) -> None:
    found = stillness_of(frames(size_px), FORM)[0]
    assert found is not None
    assert found.length_px < 0.05
    assert found.is_still(0.5)


@pytest.mark.parametrize("size_px", [(352, 264), (1440, 1080)])
def test_a_far_shift_is_told(size_px: tuple[int, int]) -> None:
    found = stillness_of(frames(size_px, 24), FORM)[0]
    assert found is not None
    assert found.shift_px == pytest.approx((24, 0), abs=2.5)
