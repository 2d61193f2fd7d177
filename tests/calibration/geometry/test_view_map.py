"""The map between the views, held against the virtual rig's cameras and closed forms."""

import cv2
import numpy as np
import pytest
from scipy.optimize import brentq

from calibration.geometry.view_map import (
    Lens,
    ViewMap,
    apply,
    as_affine,
    as_matrix,
    between,
    view_points,
    whole_lens,
)
from hardware.twin.optics import distort, homography_c2_to_c1
from tests.calibration.geometry import twin_points

pytestmark = pytest.mark.unit

SHAPE = (72, 128)
H = np.array([[1.001, -0.004, 3.3], [0.004, 1.001, -2.1], [1e-6, -2e-6, 1.0]])


def _map(**fields):
    return ViewMap(c2_to_c1=as_matrix(H), shape_1=SHAPE, shape_2=SHAPE, **fields)


def test_a_bare_map_is_opencvs_perspective_transform():
    points = view_points(SHAPE)
    expected = cv2.perspectiveTransform(points[None], H)[0]
    np.testing.assert_allclose(_map().to_c1(points), expected, atol=1e-12)


def test_a_lens_bends_as_the_virtual_rigs_does():
    focal_px, shape = 1600.0, twin_points.SHAPE
    lens = whole_lens(shape, 0.0)
    scale = lens.norm_px / focal_px
    same = lens.model_copy(update={"k1": -0.05 * scale**2, "k2": 0.02 * scale**4})
    points = view_points(shape)
    centre = np.array(lens.centre_px)
    expected = distort((points - centre) / focal_px, (-0.05, 0.02)) * focal_px + centre
    np.testing.assert_allclose(same.distort(points), expected, atol=1e-9)


def test_undistort_solves_the_radius():
    lens = Lens(k1=-0.08, k2=0.03, centre_px=(10.0, 20.0), norm_px=100.0)
    radius = brentq(lambda r: r * (1 - 0.08 * r**2 + 0.03 * r**4) - 0.7, 0, 2, xtol=1e-15)
    np.testing.assert_allclose(
        lens.undistort(np.array([80.0, 20.0])), [10.0 + 100.0 * radius, 20.0], atol=1e-10
    )


def test_there_and_back_is_nowhere_with_lenses_and_lateral_colour():
    shift = as_affine(np.array([[1e-3, 2e-4, 0.3], [-1e-4, 8e-4, -0.2]]))
    made = _map(
        lens_1=whole_lens(SHAPE, -0.03, 0.01),
        lens_2=whole_lens(SHAPE, 0.02),
        channel_shift={"R": shift},
    )
    points = view_points(SHAPE)
    for channel in ("R", "G", "B"):
        back = made.to_c2(made.to_c1(points, channel), channel)
        np.testing.assert_allclose(back, points, atol=1e-9)
    apart = made.to_c1(made.to_c2(points, "R")) - points
    np.testing.assert_allclose(apart[0], [0.3, -0.2], atol=1e-9)


def test_grid_names_c2s_place_of_each_pixel_of_c1():
    made = _map(lens_2=whole_lens(SHAPE, 0.02))
    grid = made.grid()
    assert grid.shape == (*SHAPE, 2)
    assert grid.dtype == np.float32
    expected = made.to_c2(np.array([[101.0, 65.0]]))[0]
    np.testing.assert_allclose(grid[65, 101], expected, atol=1e-5)


def test_displacement_of_a_shift_is_the_shift():
    moved = _map().with_homography(np.array([[1, 0, 0.3], [0, 1, 0.4], [0, 0, 1.0]]) @ H)
    rms_px, max_px = _map().displacement(moved)
    assert rms_px == pytest.approx(0.5, abs=1e-9)
    assert max_px == pytest.approx(0.5, abs=1e-9)


def test_between_goes_a_share_of_the_way():
    moved = _map().with_homography(np.array([[1, 1e-4, 0.8], [-1e-4, 1, 0.0], [0, 0, 1.0]]) @ H)
    points = view_points(SHAPE)
    quarter = between(_map(), moved, 0.25)
    expected = 0.75 * _map().to_c1(points) + 0.25 * moved.to_c1(points)
    np.testing.assert_allclose(quarter.to_c1(points), expected, atol=2e-6)
    assert between(_map(), moved, 0.0) == _map()
    assert between(_map(), moved, 1.0) == moved


def test_between_maps_of_other_lenses_interpolates_what_they_do():
    start = _map(lens_1=whole_lens(SHAPE, 0.010), lens_2=whole_lens(SHAPE, 0.012))
    end = _map(lens_1=whole_lens(SHAPE, -0.012), lens_2=whole_lens(SHAPE, -0.010))
    points = view_points(SHAPE)
    half = between(start, end, 0.5)
    expected = 0.5 * (start.to_c1(points) + end.to_c1(points))
    assert np.abs(half.to_c1(points) - expected).max() < 1e-3


def test_the_map_of_the_virtual_rig_is_a_document():
    made = _map(lens_1=whole_lens(SHAPE, 0.01), channel_shift={"B": ((0, 0, 0.1), (0, 0, 0))})
    assert ViewMap.model_validate(made.model_dump(mode="json")) == made


def test_the_virtual_rigs_homography_is_its_points():
    world = twin_points.world()
    pose = twin_points.poses(world, noise_px=0.0)[1]
    moved = apply(homography_c2_to_c1(world, 0), pose.c2)
    np.testing.assert_allclose(moved, pose.c1, atol=1e-9)
