"""Refinement of a map, sharp against sharp, on pictures of the virtual rig and drawn ones."""

import cv2
import numpy as np
import pytest

from calibration.geometry.correspondences import PosePoints
from calibration.geometry.lens_spread import motions
from calibration.geometry.limits import GeometryLimits
from calibration.geometry.refinement import refine, refined
from calibration.geometry.solution import solve_view_map
from calibration.geometry.static_pair import StaticPair
from calibration.geometry.view_map import ViewMap, as_matrix, view_points, whole_lens
from hardware.twin.renderer import Renderer
from hardware.twin.sensor import Sensor, frame_generator
from hardware.twin.world_config import SceneConfig
from tests.calibration.geometry import twin_points

pytestmark = pytest.mark.unit

SIZE_PX = (320, 240)
SHAPE = (240, 320)
TENT = np.array([0.25, 0.5, 0.25])


def _drawn(points):
    """A smooth scene of known values at places (..., 2), with texture all over."""
    x, y = points[..., 0], points[..., 1]
    return 400.0 + 150.0 * np.sin(x / 4.1 + np.sin(y / 9.0)) * np.cos(y / 3.7 + x / 31.0)


def test_a_drawn_pair_is_aligned_to_a_hundredth_and_its_gain_does_not_matter():
    homography = np.array([[1.001, -0.004, 3.3], [0.004, 1.001, -2.1], [0.0, 0.0, 1.0]])
    truth = ViewMap(c2_to_c1=as_matrix(homography), shape_1=SHAPE, shape_2=SHAPE)
    y, x = np.mgrid[0:240, 0:320].astype(np.float64)
    pixels = np.stack([x, y], axis=-1)
    shade = 1.2 + 2e-4 * (x - 160.0)
    first = (_drawn(pixels) * shade + 30.0).astype(np.float32)
    second = _drawn(truth.to_c1(pixels)).astype(np.float32)
    start = truth.with_homography(
        np.array([[1, 2e-4, 0.4], [0, 1, -0.3], [0, 0, 1.0]]) @ homography
    )
    found, uncertainty, pixels_used = refined(start, [StaticPair(first, second)])
    assert truth.displacement(start).rms_px > 0.4
    assert truth.displacement(found).rms_px < 0.004
    assert uncertainty.rms_px < 0.01
    assert 1_000 < pixels_used <= 60_000


def _pictures(world, pose_index):
    """C1 and C2, luminance of the mean of four 12-bit frames."""
    renderer, pictures = Renderer(world, threads=1), []
    for camera, exposure_us in ((1, 16_000), (2, 2_000)):
        light = renderer.irradiance(camera, 0, exposure_us * 1000)
        sensor = Sensor(world.sensor(camera), world.seed, camera)
        frames = [
            sensor.expose(
                light, exposure_us, frame_generator(0, pose_index, camera, k), bits=12
            ).astype(np.float32)
            for k in range(4)
        ]
        mean = np.mean(frames, axis=0) - 64.0
        upright = mean if camera == 1 else mean[:, ::-1]
        pictures.append(cv2.sepFilter2D(np.ascontiguousarray(upright), -1, TENT, TENT))
    return pictures


def test_pictures_of_the_virtual_rig_lower_the_error_of_noisy_points():
    world = twin_points.world(size_px=SIZE_PX)
    places = [(0.0, 0.0, 0.1 * k) for k in range(3)] + [(0.8, 0.6, 0.0), (-0.8, -0.6, 0.0)]
    poses = twin_points.poses(world, noise_px=0.15, places=places, seed=4, square_mm=50.0)
    solution = solve_view_map(poses, SHAPE, SHAPE, limits=_lenient())
    pairs = []
    for index, (place, pose) in enumerate(zip(places, poses, strict=True)):
        board = twin_points.board_mm(world, 4000.0, place, 50.0)
        layer = {
            "picture": {"kind": "charuco", "square_mm": 50.0},
            "distance_mm": 4000.0,
            "centre_mm": board.mean(axis=0).tolist(),
            "rotation_mrad": [0.0, 0.0, 1000.0 * place[2]],
        }
        wall = {"picture": {"kind": "flat"}, "distance_mm": 8000.0}
        scene = SceneConfig.model_validate({"layers": [wall, layer]})
        shown = world.model_copy(update={"scene": scene})
        pairs.append(StaticPair(*_pictures(shown, index), pose=pose.name))
    found, account = refine(solution.view_map, pairs, solution.poses, solution.without)
    points1 = view_points(SHAPE)

    def error_px(view_map):
        truth = twin_points.true_map(world, view_map.to_c2(points1), 4000.0)
        return float(np.sqrt(((points1 - truth) ** 2).sum(axis=1).mean()))

    assert account.used
    assert account.points_after_px < account.points_before_px
    assert error_px(found) < 0.5 * error_px(solution.view_map)
    assert error_px(found) < 0.015


def test_pictures_that_contradict_the_points_are_not_used():
    world = twin_points.world(size_px=SIZE_PX)
    places = [(0.0, 0.0, 0.0), (0.8, 0.6, 0.0), (-0.8, -0.6, 0.0), (0.8, -0.6, 0.3)]
    poses = twin_points.poses(world, noise_px=0.02, places=places, square_mm=50.0)
    solution = solve_view_map(poses, SHAPE, SHAPE)
    y, x = np.mgrid[0:240, 0:320].astype(np.float64)
    pixels = np.stack([x, y], axis=-1)
    second = _drawn(solution.view_map.to_c1(pixels) + 0.5).astype(np.float32)
    pairs = [StaticPair(_drawn(pixels).astype(np.float32), second, pose=p.name) for p in poses]
    found, account = refine(solution.view_map, pairs, solution.poses, solution.without)
    assert not account.used
    assert found == solution.view_map
    assert account.moved_px == pytest.approx(0.5 * 2**0.5, abs=0.02)


def _bent():
    """A map with two lenses that differ, and a turn between them."""
    homography = np.array([[1.002, -0.008, 5.3], [0.008, 1.002, -3.1], [0.0, 0.0, 1.0]])
    return ViewMap(
        c2_to_c1=as_matrix(homography),
        shape_1=SHAPE,
        shape_2=SHAPE,
        lens_1=whole_lens(SHAPE, -0.02, 0.004),
        lens_2=whole_lens(SHAPE, 0.015, -0.006),
    )


def _bent_poses(truth, generator, noise_px):
    """Corners of a board in the middle and towards the corners of C1's view."""
    y, x = np.mgrid[0:6, 0:8] * 18.0
    board = np.stack([x - x.mean(), y - y.mean()], axis=-1).reshape(-1, 2)
    poses = []
    for index, (across, down) in enumerate([(0, 0), (1, 1), (-1, 1), (-1, -1), (1, -1), (0, 0)]):
        c1 = board + np.array([159.5 + 75 * across, 119.5 + 55 * down])
        c2 = truth.to_c2(c1)
        c1, c2 = (each + generator.normal(0.0, noise_px, each.shape) for each in (c1, c2))
        poses.append(PosePoints(f"pose-{index}", 4000.0, np.arange(len(c1)), c1, c2))
    return poses


def test_the_error_of_lenses_that_stay_is_in_the_refined_maps_uncertainty():
    truth, generator = _bent(), np.random.default_rng(2)
    y, x = np.mgrid[0:240, 0:320].astype(np.float64)
    first = _drawn(np.stack([x, y], axis=-1))
    second = _drawn(truth.to_c1(np.stack([x, y], axis=-1)))
    points1 = view_points(SHAPE, (9, 7))
    errors, told, without_lenses = [], [], []
    for _ in range(3):
        poses = _bent_poses(truth, generator, 0.04)
        solution = solve_view_map(poses, SHAPE, SHAPE, _lenient())
        shown = (
            (each + generator.normal(0, 2, SHAPE)).astype(np.float32) for each in (first, second)
        )
        pairs = [StaticPair(*shown)]
        found, uncertainty, _ = refined(solution.view_map, pairs, solution.lens)
        apart = points1 - truth.to_c1(found.to_c2(points1))
        errors.append((apart**2).mean())
        told.append(uncertainty.rms_px**2)
        without_lenses.append(refined(solution.view_map, pairs)[1].rms_px ** 2)
    true_px, told_px, old_px = np.sqrt(np.mean([errors, told, without_lenses], axis=1))
    assert solution.lens is not None
    assert 0.5 < true_px / told_px < 2.0
    assert true_px > 3.0 * old_px


def test_motions_are_how_the_map_changes():
    truth = _bent()
    at = view_points(SHAPE, (5, 4))
    at2 = truth.to_c2(at)
    found = motions(truth, at, at2, (2, 1))
    assert found.shape == (20, 2, 11)
    step = 1e-5
    for index, changed in (
        (8, {"lens_1": truth.lens_1.model_copy(update={"k1": truth.lens_1.k1 + step})}),
        (9, {"lens_1": truth.lens_1.model_copy(update={"k2": truth.lens_1.k2 + step})}),
        (10, {"lens_2": truth.lens_2.model_copy(update={"k1": truth.lens_2.k1 + step})}),
    ):
        moved = (truth.model_copy(update=changed).to_c1(at2) - at) / step
        np.testing.assert_allclose(found[:, :, index], moved, atol=0.02)
    small = np.eye(3)
    small[2, 0] = step  # of C1's undistorted view in units of half its diagonal
    half, (x, y) = np.hypot(239, 319) / 2, (159.5, 119.5)
    to_unit = np.array([[1 / half, 0, -x / half], [0, 1 / half, -y / half], [0, 0, 1]])
    change = np.linalg.inv(to_unit) @ small @ to_unit
    moved = truth.with_homography(change @ truth.homography()).to_c1(at2) - at
    np.testing.assert_allclose(found[:, :, 6], moved / step, atol=0.02)


def _lenient():
    return GeometryLimits(residual_rms_px=1.0, residual_p95_px=2.0)
