"""Statistics of frames against numpy over all of them."""

import numpy as np
import pytest

from acquisition.picture.view import FrameFormat, unflip
from bsd.errors import UserMistake
from calibration.photometry.faults import UnlikeClips
from calibration.photometry.statistics import gather

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("shape", [(14, 18), (14, 18, 3)])
@pytest.mark.parametrize("bits", [8, 16])
def test_mean_and_variance_are_those_of_numpy(shape: tuple[int, ...], bits: int) -> None:
    rng = np.random.default_rng(3)
    kind = np.uint8 if bits == 8 else np.uint16
    frames = rng.integers(0, 2**bits, (9, *shape)).astype(kind)
    form = FrameFormat(None if len(shape) == 3 else "RGGB", bits, 0.0, "vertical")
    found = gather(iter(frames), form, "clip")
    whole = np.stack([unflip(frame, form) for frame in frames]).astype(np.float64)
    assert found.count == 9
    np.testing.assert_allclose(found.mean, whole.mean(axis=0), rtol=1e-6)
    np.testing.assert_allclose(found.variance, whole.var(axis=0, ddof=1), rtol=1e-5, atol=1e-4)
    assert found.histogram.sum() == (whole.size if len(shape) == 2 else whole.size * 4 // 3)


def test_frame_means_and_histogram_are_by_place() -> None:
    frame = np.zeros((4, 6), dtype=np.uint16)
    frame[0::2, 1::2] = 100
    frame[1::2, 1::2] = 4095
    found = gather([frame, frame], FrameFormat("RGGB", 12), "clip")
    assert found.frame_means.tolist() == [[0, 100, 0, 4095]] * 2
    assert found.share_from(4000).tolist() == [0, 0, 0, 1]
    mirrored = gather([frame], FrameFormat("RGGB", 12, 0.0, "horizontal"), "clip")
    assert mirrored.frame_means.tolist() == [[100, 0, 4095, 0]]
    assert mirrored.variance.max() == 0


def test_clips_of_other_kinds_are_refused() -> None:
    form = FrameFormat("RGGB", 8)
    small, large = np.zeros((4, 4), np.uint8), np.zeros((6, 4), np.uint8)
    with pytest.raises(UnlikeClips, match="frame 1 is of another size"):
        gather([small, large], form, "clip")
    with pytest.raises(UserMistake, match="has no frame"):
        gather([], form, "clip")
    with pytest.raises(UnlikeClips, match="b: 4x4 RGGB of 12 bit, but a has 4x4 RGGB of 8 bit"):
        gather([small], form, "a").require_like(gather([small], FrameFormat("RGGB", 12), "b"))
