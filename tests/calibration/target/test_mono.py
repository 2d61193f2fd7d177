"""Real photographs of a chessboard, and one camera by itself."""

import cv2
import numpy as np
import pytest

from bsd.errors import FoundBad
from calibration.target.board import BoardSpec
from calibration.target.detection import BoardView, find_corners
from calibration.target.mono import calibrate_mono
from calibration.target.pairing import find_pair
from calibration.target.picture import plain_picture

pytestmark = pytest.mark.unit

PHOTOGRAPHED = BoardSpec(kind="chessboard", columns=10, rows=7, square_mm=25.0)
PAIRS = 13


@pytest.fixture(scope="module")
def photographs(real_data):
    folder = real_data / "stereo-chessboard"
    if not folder.is_dir():
        pytest.skip(f"no real photographs: {folder} is absent")
    return {
        side: [plain_picture(cv2.imread(str(p), 0)) for p in sorted(folder.glob(f"{side}*.jpg"))]
        for side in ("left", "right")
    }


def test_all_photographs_show_all_corners_and_a_camera_fits_them(photographs):
    for side in ("left", "right"):
        views = [find_corners(each, PHOTOGRAPHED, where=side) for each in photographs[side]]
        assert [len(view.ids) for view in views] == [54] * PAIRS
        fitted = calibrate_mono(views, PHOTOGRAPHED)
        assert 0.05 < fitted.rms_px < 0.2
        assert fitted.view_rms_px.max() < 0.3
        assert fitted.camera[0, 0] == pytest.approx(535, rel=0.02)
        pooled = float(np.sqrt((fitted.view_rms_px**2).mean()))
        assert pooled == pytest.approx(fitted.rms_px, rel=1e-3)


def test_pairs_of_photographs_are_matched_where_the_hands_are_known(photographs):
    left, right = photographs["left"], photographs["right"]
    points = [
        find_pair(
            left[n], right[n], PHOTOGRAPHED, name=f"{n}", distance_mm=500.0, trust_flips=True
        ).points
        for n in (0, 12)
    ]
    # Two rectifiable cameras side by side: every pose obeys one epipolar geometry.
    c1, c2 = (np.concatenate([getattr(p, name) for p in points]) for name in ("c1", "c2"))
    cv2.setRNGSeed(1)
    matrix, _ = cv2.findFundamentalMat(c2, c1, cv2.FM_LMEDS)
    ones = np.ones((len(c1), 1))
    lines = np.hstack([c2, ones]) @ matrix.T
    off = np.abs((np.hstack([c1, ones]) * lines).sum(axis=1)) / np.linalg.norm(lines[:, :2], axis=1)
    assert np.median(off) < 1.0


def test_a_known_camera_is_found_again():
    spec = BoardSpec()
    flat = np.column_stack([spec.points() * spec.square_mm, np.zeros(spec.corners)])
    camera = np.array([[800.0, 0, 322.0], [0, 805.0, 236.0], [0, 0, 1]])
    distortion = np.array([-0.2, 0.1, 0.0, 0.0, 0.0])
    generator = np.random.default_rng(4)
    views = []
    for _ in range(8):
        turn = generator.uniform(-0.4, 0.4, 3)
        shift = np.array([-270.0, -210.0, 1500.0]) + generator.uniform(-80, 80, 3)
        seen, _ = cv2.projectPoints(flat, turn, shift, camera, distortion)
        corners = seen.reshape(-1, 2) + generator.normal(0, 0.02, (spec.corners, 2))
        ids = np.arange(spec.corners)
        views.append(
            BoardView(ids, corners, np.full(48, 0.02), {}, 1.5, 40.0, (0, 0, 1, 1), (480, 640))
        )
    fitted = calibrate_mono(views, spec)
    assert fitted.rms_px == pytest.approx(0.02 * np.sqrt(2), rel=0.15)
    assert fitted.camera == pytest.approx(camera, abs=4.0)
    with pytest.raises(FoundBad, match="2 views"):
        calibrate_mono(views[:2], spec)
