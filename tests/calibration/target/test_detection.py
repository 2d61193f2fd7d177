"""Boards that cannot be measured are refused with one line that says why."""

import numpy as np
import pytest

from calibration.target.board import BoardSpec
from calibration.target.detection import TargetLimits, find_corners
from calibration.target.refusal import BoardNotFound
from tests.calibration.target.twin_boards import BRICKS, pose

pytestmark = pytest.mark.rig

CHARUCO = {"kind": "charuco", "square_mm": 45.0}
BOARD = BoardSpec(square_mm=45.0)


def refused(picture, spec=BOARD, limits=None):
    with pytest.raises(BoardNotFound) as caught:
        find_corners(picture, spec, limits, "clip-007, C1")
    text = str(caught.value)
    assert text.startswith("clip-007, C1: ")
    assert "\n" not in text
    assert caught.value.exit_code == 1
    return caught.value.reason, text


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (BoardSpec(dictionary="DICT_6X6_250"), "markers of DICT_5X5"),
        (BoardSpec(columns=7, rows=5), "up to id 30, the board has 17"),
        (BoardSpec(rows=6), "up to id 30, the board has 27"),
        (BoardSpec(columns=11, rows=8), "in other places"),
        (BoardSpec(kind="chessboard", columns=10, rows=7), "8 × 6 inner corners"),
    ],
)
def test_another_board_is_named(spec, told):
    reason, text = refused(pose(CHARUCO).blurry, spec)
    assert reason == "wrong-board"
    assert told in text


@pytest.mark.parametrize(
    ("spec", "told"),
    [
        (BOARD, "without markers"),
        (BoardSpec(kind="chessboard", columns=9, rows=6), "9 × 6 inner corners"),
    ],
)
def test_a_chessboard_is_not_taken_for_another_board(spec, told):
    reason, text = refused(pose({"kind": "chessboard", "square_mm": 40.0}).sharp, spec)
    assert reason == "wrong-board"
    assert told in text


@pytest.mark.parametrize(
    ("reason", "picture", "sets", "told"),
    [
        ("blurred", {}, ("optics.view_1.defocus_sigma_px=2.5",), "px wide, at most 5"),
        ("blurred", {}, ("rig_motion.velocity_mm_s=[500,0,0]",), "px wide, at most 5"),
        ("clipped", {}, ("light.components=[{share: 2.5}]",), "48 of 48 corners"),
        ("too-small", {"square_mm": 20.0}, (), "15.9 px wide, at least 23"),
    ],
    ids=["defocus", "motion", "overexposed", "small"],
)
def test_a_spoilt_picture_is_refused(reason, picture, sets, told):
    found, text = refused(pose({**CHARUCO, **picture}, *sets).blurry)
    assert found == reason
    assert told in text


def test_no_board_is_said_to_be_none():
    empty = pose({"kind": "flat"}).blurry
    assert refused(empty)[0] == "none"
    bricks = pose(CHARUCO, wall=BRICKS, centre_mm=(5000.0, 0.0)).blurry
    assert refused(bricks)[0] == "none"
    assert refused(bricks, BoardSpec(kind="chessboard", columns=10, rows=7))[0] == "none"


def test_a_board_partly_in_view_gives_what_is_seen_and_too_few_are_refused():
    picture = pose(CHARUCO, centre_mm=(330.0, -20.0)).blurry
    view = find_corners(picture, BOARD)
    assert 24 <= len(view.ids) < 40
    assert (view.ids % 8).max() < 7  # the right side is outside
    assert view.extent[2] > 0.97
    limits = TargetLimits(least_corners=40)
    reason, text = refused(picture, BOARD, limits)
    assert reason == "too-few"
    assert f"{len(view.ids)} of the board's 48 corners" in text


def test_a_highlight_takes_only_the_corners_that_it_touches():
    picture = pose(CHARUCO).sharp
    whole = find_corners(picture, BOARD)
    saturated = picture.saturated.copy()
    x, y = np.round(whole.corners[20]).astype(int)
    saturated[y - 2 : y + 3, x - 2 : x + 3] = True
    view = find_corners(type(picture)(picture.samples, picture.cfa, saturated), BOARD)
    assert set(whole.ids) - set(view.ids) == {whole.ids[20]}


def test_a_soft_board_within_the_limit_is_measured_and_its_width_told():
    view = find_corners(pose(CHARUCO, "optics.view_1.defocus_sigma_px=1.5").blurry, BOARD)
    expected = 2.563 * np.sqrt(0.5**2 + 1.5**2 + 1 / 12)
    assert view.edge_width_px == pytest.approx(expected, rel=0.25)
    assert len(view.ids) >= 44


def test_a_mono_picture_and_eight_bit_do_too():
    taken = pose(CHARUCO, bits=8)
    colour = find_corners(taken.blurry, BOARD)
    grey = find_corners(taken.blurry.luminance, BOARD)
    common, at_1, at_2 = np.intersect1d(colour.ids, grey.ids, return_indices=True)
    assert len(common) >= 46
    apart = np.linalg.norm(colour.corners[at_1] - grey.corners[at_2], axis=1)
    assert np.sqrt((apart**2).mean()) < 0.03
    assert grey.channels == {}
    assert set(colour.channels) == {"R", "G", "B"}
    assert colour.extent[0] < 0.4 < 0.6 < colour.extent[2]
