"""Corners of boards before the virtual rig against the renderer's truth; wrong hands refused."""

import numpy as np
import pytest

from calibration.target.board import BoardSpec
from calibration.target.chessboard import plane_homography
from calibration.target.detection import TargetLimits, find_corners
from calibration.target.pairing import find_pair, pair_views
from calibration.target.refusal import BoardNotFound
from tests.calibration.target.twin_boards import BRICKS, lengths, pose, turned

pytestmark = pytest.mark.rig

CHARUCO = {"kind": "charuco", "square_mm": 45.0}
CHESSBOARD = {"kind": "chessboard", "square_mm": 40.0}
BOARD = BoardSpec(square_mm=45.0)
PLAIN = BoardSpec(kind="chessboard", columns=10, rows=7, square_mm=40.0)
FLIPS = ("none", "horizontal")
TWO_LENSES = (
    "optics.kind=two_lenses",
    "optics.view_1.distortion=[-0.05,0.02]",
    "optics.view_2.distortion=[-0.04,0.0]",
    "optics.view_2.pupil_mm=[1.5,0.5,0]",
    "optics.view_2.focal_scale=1.01",
)


def paired(taken, spec=BOARD, **options):
    return find_pair(
        taken.blurry, taken.sharp, spec, name="clip-007", distance_mm=2000.0, flips=FLIPS, **options
    )


@pytest.mark.parametrize(
    ("seed", "sets"),
    [
        (1, ()),
        (2, TWO_LENSES),
        (3, ("optics.view_2.mirror=vertical", "optics.view_1.defocus_sigma_px=1.0")),
    ],
    ids=["shared-lens", "two-lenses", "vertical-defocused"],
)
def test_corners_stand_where_the_renderer_has_them(seed, sets):
    picture = {"kind": "charuco", "square_mm": 60.0}
    taken = pose(picture, *sets, seed=seed, size_px=(1280, 720), turn=seed)
    points = paired(taken).points
    assert len(points.ids) == 48
    for channel, rms_px, p95_px in (("", 0.03, 0.05), ("R", 0.05, 0.09), ("B", 0.05, 0.09)):
        c1, c2 = points.channels[channel] if channel else (points.c1, points.c2)
        miss = c1 - taken.truth(c2)
        apart = lengths([miss])
        assert len(apart) >= 46
        assert np.sqrt((apart**2).mean()) < rms_px
        assert np.percentile(apart, 95) < p95_px
        assert np.abs(np.nanmean(miss, axis=0)).max() < 0.01


def test_standard_errors_are_those_of_the_noise():
    """Over many draws of the noise the corners spread as each fit said."""
    draws = [find_corners(pose(CHARUCO, seed=1, frames=n).sharp, BOARD) for n in (1, 2, 5)]
    single, double, five = (np.median(view.sigma_px) for view in draws)
    assert 0.002 < five < double < single < 0.02
    spread = np.std(draws[0].corners - draws[2].corners)
    assert 0.5 < spread / np.hypot(single, five) < 2.0


def test_lateral_colour_is_seen_in_the_channels():
    taken = pose(CHARUCO)
    view = find_corners(taken.sharp, BOARD)
    # The red samples of a picture moved by a whole cell: two pixels to the right, exactly.
    red, _ = taken.sharp.plane("R")
    moved = taken.sharp.samples.copy()
    mask = taken.sharp.plane("R")[1]
    moved[mask] = np.roll(red, 2, axis=1)[mask]
    shifted = find_corners(type(taken.sharp)(moved, taken.sharp.cfa, taken.sharp.saturated), BOARD)
    miss = shifted.channels["R"] - view.channels["R"] - (2.0, 0.0)
    assert np.isfinite(miss).all(axis=1).mean() > 0.9
    assert np.abs(np.nanmedian(miss, axis=0)).max() < 0.02
    assert np.abs(shifted.corners - view.corners).max() < 0.01


@pytest.mark.parametrize(
    ("which", "flip", "told"),
    [
        ("sharp", "horizontal", "it says 'horizontal', should be 'none'"),
        ("blurry", "vertical", "it says 'none', should be 'vertical'"),
    ],
)
def test_a_mirrored_charuco_is_refused_and_the_flip_is_named(which, flip, told):
    taken = pose(CHARUCO)
    wrong = taken._replace(**{which: turned(getattr(taken, which), flip)})
    with pytest.raises(BoardNotFound, match="in a mirror only") as caught:
        paired(wrong)
    assert caught.value.reason == "mirrored"
    assert told in str(caught.value)
    assert f"({which})" in str(caught.value)
    assert "\n" not in str(caught.value)


def test_both_views_mirrored_and_a_view_upside_down_are_refused():
    taken = pose(CHARUCO)
    both = taken._replace(
        blurry=turned(taken.blurry, "horizontal"), sharp=turned(taken.sharp, "horizontal")
    )
    with pytest.raises(BoardNotFound, match="both cameras"):
        paired(both)
    upside_down = turned(turned(taken.sharp, "horizontal"), "vertical")
    with pytest.raises(BoardNotFound, match="upside down") as caught:
        paired(taken._replace(sharp=upside_down))
    assert caught.value.reason == "mirrored"


@pytest.mark.parametrize("spec_sides", [(10, 7), (9, 7)])
def test_a_plain_chessboard_is_matched_by_what_stands_around_it(spec_sides):
    columns, rows = spec_sides
    spec = BoardSpec(kind="chessboard", columns=columns, rows=rows, square_mm=40.0)
    picture = {**CHESSBOARD, "columns": columns, "rows": rows}
    taken = pose(picture, wall=BRICKS)
    points = paired(taken, spec).points
    assert len(points.ids) == spec.corners
    apart = lengths([points.c1 - taken.truth(points.c2)])
    assert np.sqrt((apart**2).mean()) < 0.03
    for flip in ("horizontal", "vertical"):
        with pytest.raises(BoardNotFound) as caught:
            paired(taken._replace(sharp=turned(taken.sharp, flip)), spec)
        assert caught.value.reason == "mirrored"
    upside_down = turned(turned(taken.sharp, "horizontal"), "vertical")
    with pytest.raises(BoardNotFound):
        paired(taken._replace(sharp=upside_down), spec)


def test_a_plain_chessboard_without_surroundings_is_ambiguous_unless_flips_are_known():
    taken = pose({**CHESSBOARD, "square_mm": 60.0}, centre_mm=(0.0, 0.0), turn=0)
    alone = [
        type(each)(np.where(_inside(each), each.samples, 500.0), each.cfa, each.saturated)
        for each in (taken.blurry, taken.sharp)
    ]
    bare = taken._replace(blurry=alone[0], sharp=alone[1])
    spec = PLAIN.model_copy(update={"square_mm": 60.0})
    for sharp in (bare.sharp, turned(bare.sharp, "vertical")):
        with pytest.raises(BoardNotFound, match="ChArUco") as caught:
            paired(bare._replace(sharp=sharp), spec)
        assert caught.value.reason == "ambiguous"
    points = paired(bare, spec, trust_flips=True).points
    assert np.sqrt((lengths([points.c1 - taken.truth(points.c2)]) ** 2).mean()) < 0.03


def _inside(picture):
    """Where the board of a view is, by its own homography, a half square of margin included."""
    spec = PLAIN.model_copy(update={"square_mm": 60.0})
    view = find_corners(picture, spec)
    to_board = np.linalg.inv(plane_homography(spec.points(view.ids), view.corners))
    y, x = np.mgrid[0 : picture.shape[0], 0 : picture.shape[1]]
    moved = np.stack([x, y, np.ones_like(x)], axis=-1) @ to_board.T
    place = moved[..., :2] / moved[..., 2:]
    low, high = (-0.4, -0.4), (spec.columns + 0.4, spec.rows + 0.4)
    return ((place > low) & (place < high)).all(axis=-1)


def test_views_need_corners_in_common():
    taken = pose(CHARUCO)
    limits = TargetLimits(least_corners=12)
    first, second = (find_corners(each, BOARD, limits) for each in (taken.blurry, taken.sharp))
    cut = [
        type(view)(
            view.ids[part],
            view.corners[part],
            view.sigma_px[part],
            {},
            view.edge_width_px,
            view.square_px,
            view.extent,
            view.shape,
        )
        for view, part in ((first, slice(None, 30)), (second, slice(20, None)))
    ]
    with pytest.raises(BoardNotFound, match="10 corners of the board in common") as caught:
        pair_views(*cut, "clip-007", 2000.0, limits)
    assert caught.value.reason == "too-few"
