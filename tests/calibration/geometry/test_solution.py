"""Maps solved from points of the virtual rig, against its truth; and every refusal."""

from dataclasses import replace

import cv2
import numpy as np
import pytest

from bsd.errors import FoundBad
from calibration.geometry.correspondences import PosePoints
from calibration.geometry.faults import (
    ClusteredPoints,
    DegeneratePoints,
    ParallaxFound,
    ResidualTooLarge,
    TooFewPoints,
)
from calibration.geometry.limits import GeometryLimits
from calibration.geometry.solution import solve_view_map
from calibration.geometry.view_map import view_points
from tests.calibration.geometry import twin_points

pytestmark = pytest.mark.unit

SHAPE = twin_points.SHAPE
NOISE_PX = 0.05
LENSES = (
    ("[0.02, 0.0]", "[-0.02, 0.0]"),
    ("[-0.1, 0.0]", "[0.1, 0.0]"),
    ("[-0.1, 0.03]", "[-0.09, 0.03]"),
)


def _solve(poses, **options):
    return solve_view_map(poses, SHAPE, SHAPE, **options)


def _errors(solution, world, distance_mm=4000.0):
    points1 = view_points(SHAPE, (9, 7))
    points2 = solution.view_map.to_c2(points1)
    return points1 - twin_points.true_map(world, points2, distance_mm)


def _rms(errors):
    return float(np.sqrt((errors**2).sum(axis=-1).mean()))


def test_one_lens_gives_a_bare_homography_at_the_truth():
    world = twin_points.world()
    solution = _solve(twin_points.poses(world, noise_px=NOISE_PX))
    assert solution.view_map.lens_1 is None
    assert solution.view_map.lens_2 is None
    assert _rms(_errors(solution, world)) <= 0.02
    assert solution.inliers == solution.points
    assert solution.residual.resolution == (1280, 720)
    assert solution.residual.poses == 7
    # Noise of both views, two coordinates each.
    assert solution.residual.rms_px == pytest.approx(2 * NOISE_PX, rel=0.15)


def test_held_out_residuals_are_those_of_fits_without_the_pose():
    world = twin_points.world()
    poses = twin_points.poses(world, noise_px=NOISE_PX)
    solution = _solve(poses)
    apart = [pose for index, pose in enumerate(poses) if index != 2]
    h, _ = cv2.findHomography(
        np.concatenate([pose.c2 for pose in apart]), np.concatenate([p.c1 for p in apart]), 0
    )
    expected = poses[2].c1 - cv2.perspectiveTransform(poses[2].c2[None], h)[0]
    found = solution.residual_points.error[solution.residual_points.pose == 2]
    np.testing.assert_allclose(found, expected, atol=0.01)


@pytest.mark.parametrize(("first", "second"), LENSES)
def test_two_lenses_are_solved_at_the_far_distance(first, second):
    world = twin_points.world(
        f"optics.view_1.distortion={first}",
        f"optics.view_2.distortion={second}",
        two_lenses=True,
    )
    solution = _solve(twin_points.poses(world, (4000.0, 1500.0), noise_px=NOISE_PX, seed=1))
    assert _rms(_errors(solution, world)) <= 0.05
    assert solution.parallax is not None
    # 1 mm times 1,600 px.
    bf, sigma = solution.parallax.bf_px_mm, solution.parallax.sigma_px_mm
    assert abs(bf[0] - 1600.0) < 4 * sigma[0]
    assert abs(bf[1]) < 4 * sigma[1]
    assert sigma[0] < 40.0


def test_a_mirror_of_either_view_makes_no_difference_to_the_upright_map():
    plain = _solve(twin_points.poses(twin_points.world(), noise_px=0.0)).view_map
    other = twin_points.world("optics.view_1.mirror=vertical", "optics.view_2.mirror=none")
    turned = _solve(twin_points.poses(other, noise_px=0.0)).view_map
    assert plain.displacement(turned).max_px < 1e-6


def test_keystone_is_part_of_the_homography():
    world = twin_points.world("optics.alignment.keystone_per_px=[2e-6, -3e-6]")
    solution = _solve(twin_points.poses(world, noise_px=NOISE_PX))
    assert solution.view_map.lens_2 is None
    assert _rms(_errors(solution, world)) <= 0.02


@pytest.mark.parametrize("shared_px", [0.0, 0.05])
def test_uncertainty_covers_whether_errors_are_shared_by_a_pose_or_not(shared_px):
    world = twin_points.world()
    inside, ratios = [], []
    lenient = GeometryLimits(residual_rms_px=1.0, residual_p95_px=2.0)
    for seed in range(8):
        poses = twin_points.poses(
            world, (4000.0, 1500.0), noise_px=0.03, shared_px=shared_px, seed=seed
        )
        solution = _solve(poses, limits=lenient)
        errors = _errors(solution, world)
        sigma = solution.uncertainty.array().ravel()
        inside.append(np.abs(errors) <= 1.96 * sigma[:, None])
        ratios.append([(errors**2).mean(), (sigma**2).mean()])
    spread, claimed = np.sqrt(np.mean(ratios, axis=0))
    assert np.mean(inside) >= 0.90
    assert 1.96 * claimed <= 3.0 * spread


def test_outliers_are_left_out_and_counted():
    world = twin_points.world()
    poses = twin_points.poses(world, noise_px=NOISE_PX)
    spoilt = poses[3].c1.copy()
    spoilt[:5] += 12.0  # another corner's place
    spoilt[7] += 1.0  # within the pose's blunder limit
    poses[3] = replace(poses[3], c1=spoilt)
    solution = _solve(poses)
    assert solution.points - solution.inliers == 6
    assert _rms(_errors(solution, world)) <= 0.02
    assert any(note.startswith(poses[3].name) for note in solution.notes)


def test_the_same_points_give_the_same_map():
    poses = twin_points.poses(twin_points.world(), noise_px=NOISE_PX)
    assert _solve(poses).view_map == _solve(poses).view_map


def test_the_ends_map_keeps_the_starts_lenses():
    world = twin_points.world(two_lenses=True)
    start = _solve(twin_points.poses(world, noise_px=NOISE_PX)).view_map
    end = _solve(twin_points.poses(world, noise_px=NOISE_PX, seed=9), like=start)
    assert (end.view_map.lens_1, end.view_map.lens_2) == (start.lens_1, start.lens_2)
    assert start.displacement(end.view_map).rms_px < 0.05


def test_the_error_of_the_starts_lenses_is_in_the_ends_uncertainty():
    world = twin_points.world(two_lenses=True)
    start = _solve(twin_points.poses(world, noise_px=NOISE_PX))
    poses = twin_points.poses(world, noise_px=NOISE_PX, seed=9)
    given = _solve(poses, like=start.view_map)
    end = _solve(poses, like=start.view_map, lens=start.lens)
    assert end.view_map == given.view_map
    assert end.lens is start.lens
    assert end.uncertainty.rms_px > 1.2 * given.uncertainty.rms_px
    bound = np.hypot(given.uncertainty.rms_px, start.uncertainty.rms_px)
    assert end.uncertainty.rms_px < 1.1 * bound
    assert 0.3 < _rms(_errors(end, world)) / (2**0.5 * end.uncertainty.rms_px) < 2.0


def test_too_few_poses_and_points_are_refused():
    poses = twin_points.poses(twin_points.world())
    with pytest.raises(TooFewPoints, match="2 poses"):
        _solve(poses[:2])
    few = [replace(p, ids=p.ids[:5], c1=p.c1[:5], c2=p.c2[:5]) for p in poses]
    with pytest.raises(TooFewPoints, match="only 0 of 7 poses"):
        _solve(few)


def test_a_clustered_target_is_refused():
    poses = twin_points.poses(twin_points.world(), places=twin_points.PLACES[:1] * 4)
    with pytest.raises(ClusteredPoints, match="cover 2% of the view"):
        _solve(poses)


def test_points_on_a_line_are_refused():
    poses = twin_points.poses(twin_points.world())
    lines = [replace(p, ids=p.ids[:8], c1=p.c1[:8], c2=p.c2[:8]) for p in poses]
    with pytest.raises(DegeneratePoints, match="on a line"):
        _solve(lines)


def test_a_map_that_mirrors_is_refused():
    poses = twin_points.poses(twin_points.world())
    flipped = [replace(p, c2=np.array([1279.0, 0.0]) + p.c2 * [-1.0, 1.0]) for p in poses]
    with pytest.raises(DegeneratePoints, match=r"flip .* rig\.yaml"):
        _solve(flipped)


def test_a_wide_base_is_refused_as_parallax():
    world = twin_points.world("optics.view_2.pupil_mm=[60.0, 0.0, 0.0]", two_lenses=True)
    poses = twin_points.poses(world, (2000.0, 4000.0), places=twin_points.PLACES[:4])
    unknown = [replace(pose, distance_mm=3000.0) for pose in poses]
    with pytest.raises(ParallaxFound, match="the two views have parallax") as caught:
        _solve(unknown)
    assert isinstance(caught.value, FoundBad)
    assert caught.value.reason == "parallax"
    assert "\n" not in str(caught.value)


def test_noisy_points_are_refused_for_their_residual():
    poses = twin_points.poses(twin_points.world(), noise_px=0.3)
    with pytest.raises(ResidualTooLarge, match=r"held-out RMS 0\.\d+ px"):
        _solve(poses)


def test_lateral_colour_is_corrected_where_it_exceeds_the_limit():
    world = twin_points.world()
    generator = np.random.default_rng(5)
    poses = []
    for pose in twin_points.poses(world, noise_px=0.02):
        channels = {}
        for name, scale in (("R", 1.0008), ("G", 1.0), ("B", 1.00001)):
            c1 = (pose.c1 - [639.5, 359.5]) / scale + [639.5, 359.5]
            noise = generator.normal(0.0, 0.03, (2, *c1.shape))
            channels[name] = (c1 + noise[0], pose.c2 + noise[1])
        poses.append(replace(pose, channels=channels))
    solution = _solve(poses)
    assert set(solution.view_map.channel_shift) == {"R"}
    points = view_points(SHAPE)
    shift = solution.view_map.to_c1(solution.view_map.to_c2(points, "R")) - points
    np.testing.assert_allclose(shift, (points - [639.5, 359.5]) * 0.0008, atol=0.03)
    assert set(solution.per_channel) == {"R", "G", "B"}
    assert all(residual.rms_px < 0.09 for residual in solution.per_channel.values())


def test_real_photographs_with_a_wide_base_are_refused(real_data):
    folder = real_data / "stereo-chessboard"
    if not folder.is_dir():
        pytest.skip(f"no stereo photographs: {folder} is absent")
    poses = []
    for left in sorted(folder.glob("left*.jpg"))[:8]:
        right = left.with_name(left.name.replace("left", "right"))
        views = [cv2.imread(str(path), cv2.IMREAD_GRAYSCALE) for path in (left, right)]
        found = [cv2.findChessboardCorners(view, (9, 6)) for view in views]
        if all(ok for ok, _ in found):
            c1, c2 = (corners.reshape(-1, 2).astype(np.float64) for _, corners in found)
            poses.append(PosePoints(left.stem, 1000.0, np.arange(54), c1, c2))
    assert len(poses) >= 6
    with pytest.raises(ParallaxFound):
        solve_view_map(poses, views[0].shape, views[1].shape)
