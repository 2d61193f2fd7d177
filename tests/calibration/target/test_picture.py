"""Mean pictures of a target: upright, less black, each colour where it lies."""

import numpy as np
import pytest

from acquisition.picture.view import FrameFormat
from bsd.errors import UserMistake
from calibration.target.board import BoardSpec
from calibration.target.picture import board_picture, plain_picture

pytestmark = pytest.mark.unit

LEVELS = {"R": 700.0, "G": 1000.0, "B": 400.0}


def mosaic(cfa, shape=(12, 16)):
    frame = np.zeros(shape, dtype=np.uint16)
    for index, colour in enumerate(cfa):
        frame[index // 2 :: 2, index % 2 :: 2] = 64 + LEVELS[colour]
    return frame


@pytest.mark.parametrize("flip", ["none", "horizontal", "vertical"])
@pytest.mark.parametrize("cfa", ["RGGB", "GRBG", "GBRG", "BGGR"])
def test_colours_are_where_the_upright_mosaic_has_them(cfa, flip):
    form = FrameFormat(cfa, 12, 64.0, flip)
    picture = board_picture([mosaic(cfa), mosaic(cfa) + 2], form)
    for colour, level in LEVELS.items():
        samples, own = picture.plane(colour)
        assert samples[own] == pytest.approx(level + 1)
        assert own.mean() == (0.5 if colour == "G" else 0.25)
        assert picture.interpolated(colour) == pytest.approx(level + 1)
    assert picture.luminance == pytest.approx((700 + 2000 + 400) / 4 + 1)


def test_a_ramp_is_neither_moved_nor_clipped_by_either_picture():
    x = np.tile(np.arange(32), (16, 1)).astype(np.uint16) * 10
    picture = board_picture([x], FrameFormat("RGGB", 12, 100.0))
    inner = (slice(2, -2), slice(2, -2))
    assert picture.luminance[inner] == pytest.approx((x.astype(float) - 100.0)[inner])
    for colour in "RGB":
        assert picture.interpolated(colour)[inner] == pytest.approx((x - 100.0)[inner], abs=1e-3)


def test_flips_carry_the_clipped_pixels_along():
    frame = mosaic("RGGB")
    frame[3, 2] = 4095
    for flip, place in (("horizontal", (3, 13)), ("vertical", (8, 2)), ("none", (3, 2))):
        picture = board_picture([frame, mosaic("RGGB")], FrameFormat("RGGB", 12, 64.0, flip))
        assert np.argwhere(picture.saturated).tolist() == [list(place)]
        assert not picture.plane("B")[1][place]


def test_rgb_and_plain_frames_and_none():
    rgb = np.stack([np.full((5, 7), level, np.uint8) for level in (10, 20, 30)], axis=2)
    picture = board_picture([rgb], FrameFormat(None, 8, 0.0))
    assert picture.shape == (4, 6)
    assert picture.channels == ("R", "G", "B")
    assert picture.luminance == pytest.approx(20.0)
    assert picture.plane("B")[0] == pytest.approx(30.0)
    plain = board_picture([rgb[..., 0]], FrameFormat(None, 8, 1.0))
    assert plain.channels == ("Y",)
    assert plain.luminance == pytest.approx(9.0)
    with pytest.raises(UserMistake, match="no frame"):
        board_picture([], FrameFormat("RGGB"))
    with pytest.raises(ValueError, match="grey"):
        plain_picture(rgb)


def test_a_board_counts_its_corners_and_refuses_what_cannot_be_drawn():
    board = BoardSpec()
    assert (board.inner, board.corners, board.markers, board.cells) == ((8, 6), 48, 31, 7)
    assert board.points()[[0, 7, 8, 47]].tolist() == [[1, 1], [8, 1], [1, 2], [8, 6]]
    with pytest.raises(ValueError, match="no dictionary 'DICT_9X9'"):
        BoardSpec(dictionary="DICT_9X9")
    with pytest.raises(ValueError, match="need 72 markers, DICT_4X4_50 has 50"):
        BoardSpec(columns=12, rows=12, dictionary="DICT_4X4_50")
