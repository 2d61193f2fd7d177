from pathlib import Path

import cv2
import numpy as np
import pytest

from bsd.errors import UserMistake
from dataset.pictures import (
    read_picture,
    sharpness,
    shipped_picture,
    shipped_pictures,
    video_pictures,
)

pytestmark = pytest.mark.unit


def test_shipped_pictures_are_colour_pictures_from_the_wheel() -> None:
    pytest.importorskip("skimage", reason="scikit-image is not installed")
    found = dict(shipped_pictures())
    assert len(found) >= 8
    assert next(iter(found)) == "astronaut"
    assert all(p.dtype == np.uint8 and p.ndim == 3 and p.shape[2] == 3 for p in found.values())
    # the flag's red stripes are in the picture's left part: the channels are in RGB order
    left = found["astronaut"][300:, :100].reshape(-1, 3).mean(axis=0)
    assert left[0] > left[2]
    np.testing.assert_array_equal(shipped_picture("brick"), found["brick"])
    with pytest.raises(UserMistake, match="unknown picture"):
        shipped_picture("nobody")


def test_reading_a_picture(tmp_path: Path) -> None:
    picture = np.random.default_rng(1).integers(0, 256, (20, 30, 3), dtype=np.uint8)
    cv2.imwrite(str(tmp_path / "a.png"), picture[..., ::-1])
    np.testing.assert_array_equal(read_picture(tmp_path / "a.png"), picture)
    cv2.imwrite(str(tmp_path / "grey.png"), picture[..., 0])
    np.testing.assert_array_equal(read_picture(tmp_path / "grey.png")[..., 2], picture[..., 0])
    (tmp_path / "text.png").write_text("not a picture")
    for name, words in (
        ("text.png", "not a picture"),
        ("none.png", "no such file"),
        ("", "folder"),
    ):
        with pytest.raises(UserMistake, match=words):
            read_picture(tmp_path / name)


def test_a_clip_gives_spaced_and_sharp_pictures(tmp_path: Path) -> None:
    random = np.random.default_rng(2)
    for index in range(40):
        frame = random.integers(0, 256, (48, 64, 3), dtype=np.uint8)
        if index not in (7, 22, 39):
            frame = cv2.GaussianBlur(frame, (0, 0), 2.0)
        frame[:8] = index * 6
        cv2.imwrite(str(tmp_path / f"{index:04d}.png"), frame)
    # one sharp frame in each of three spans (0..12, 13..25, 26..39), where a look falls on it
    pictures = video_pictures(tmp_path, 3, rate_hz=30.0)
    assert [int(p[2, 2, 0]) // 6 for p in pictures] == [7, 22, 39]
    small = video_pictures(tmp_path, 1, longest_px=32, rate_hz=30.0)
    assert small[0].shape == (24, 32, 3)
    with pytest.raises(UserMistake, match="fewer than the 41"):
        video_pictures(tmp_path, 41, rate_hz=30.0)


def test_blur_lowers_sharpness() -> None:
    frame = np.random.default_rng(3).integers(0, 256, (48, 64, 3), dtype=np.uint8)
    assert sharpness(cv2.GaussianBlur(frame, (0, 0), 1.0)) < 0.2 * sharpness(frame)
