"""Blur against ways that are known: of a picture moved in small steps, and of the virtual rig."""

import math

import cv2
import numpy as np
import pytest
from skimage import data

from dataset.gate.blur import halved, luminance, measure_blur
from dataset.gate.pair import PairPlanes
from hardware.twin.optics import apply, camera_at
from hardware.twin.renderer import Renderer
from tests.dataset.gate.gate_clips import RATE_HZ, take, without_motion, world

pytestmark = pytest.mark.unit

SHARE = 1 / 8
SIDE = 512


def smeared(length_px, angle_rad, middle_px=(0.0, 0.0), sigma=0.8, noise=0.01, seed=3):
    """Linear pictures (480, 480, 3) whose content moved `length_px`: over all of it, its middle."""
    picture = cv2.GaussianBlur((data.astronaut() / 255.0) ** 2.2, (0, 0), sigma)
    spectrum = np.fft.fft2(picture, axes=(0, 1))
    y, x = np.meshgrid(np.fft.fftfreq(SIDE), np.fft.fftfreq(SIDE), indexing="ij")
    along = math.cos(angle_rad) * x + math.sin(angle_rad) * y
    generator = np.random.default_rng(np.random.SeedSequence([seed, 1]))
    views = []
    for way, shift in ((length_px, middle_px), (length_px * SHARE, (0.0, 0.0))):
        transfer = np.sinc(way * along) * np.exp(-2j * np.pi * (x * shift[0] + y * shift[1]))
        view = np.fft.ifft2(spectrum * transfer[..., None], axes=(0, 1)).real[16:496, 16:496]
        views.append((view + generator.normal(0, noise, view.shape)).astype(np.float32))
    return views


def measured(views, softer_px2=0.0):
    planes = [luminance(view) for view in views]
    return measure_blur(*planes, np.ones(planes[0].shape, dtype=bool), SHARE, softer_px2)


@pytest.mark.parametrize("length_px", [3.0, 6.0, 10.0, 16.0, 24.0, 40.0])
@pytest.mark.parametrize("angle_rad", [0.0, 0.6, 1.57, 2.5])
def test_length_and_angle_of_a_straight_way(length_px, angle_rad):
    found = measured(smeared(length_px, angle_rad))
    assert np.median(found.length_px) == pytest.approx(length_px, rel=0.06, abs=0.2)
    turn = np.median(np.angle(np.exp(2j * (found.angle_rad - angle_rad)))) / 2
    assert abs(turn) < math.pi / 16


def test_a_still_pair_has_no_blur_that_could_be_taken_for_one():
    found = measured(smeared(0.0, 0.0))
    assert np.percentile(found.length_px, 95) < 0.8


def test_a_shifted_middle_changes_nothing():
    found = measured(smeared(12.0, 0.6, middle_px=(0.8, -0.9)))
    assert np.median(found.length_px) == pytest.approx(12.0, rel=0.06)


def test_noise_of_a_dark_scene_biases_little():
    found = measured(smeared(8.0, 1.0, noise=0.05))
    assert np.median(found.length_px) == pytest.approx(8.0, rel=0.1)


def test_another_gain_of_one_view_changes_nothing():
    blurry, sharp = smeared(8.0, 1.0)
    found = measured((blurry, sharp * np.float32(1.3)))
    assert np.median(found.length_px) == pytest.approx(8.0, rel=0.05)


@pytest.mark.parametrize("view", [0, 1])
def test_a_difference_in_focus_that_is_known_is_no_blur(view):
    views = smeared(8.0, 1.0)
    views[view] = cv2.GaussianBlur(views[view], (0, 0), 1.5)
    softer_px2 = 1.5**2 * (1 if view == 0 else -1)
    found = measured(views, softer_px2)
    assert np.median(found.length_px) == pytest.approx(8.0, rel=0.08)


def test_what_moves_alone_is_found_where_it_is():
    still, moved = smeared(0.0, 0.0), smeared(14.0, 0.3)
    views = [
        np.concatenate([a[:, :240], b[:, 240:]], axis=1) for a, b in zip(still, moved, strict=True)
    ]
    found = measured(views)
    right = found.centre_px[:, 0] > 300
    assert np.median(found.length_px[right]) == pytest.approx(14.0, rel=0.15)
    assert np.median(found.length_px[found.centre_px[:, 0] < 180]) < 1


def test_nothing_is_told_where_there_is_no_detail_or_all_is_clipped():
    flat = np.full((240, 320, 3), 100.0, dtype=np.float32)
    generator = np.random.default_rng(np.random.SeedSequence(5))
    noisy = [flat + generator.normal(0, 2, flat.shape).astype(np.float32) for _ in range(2)]
    assert len(measured(noisy).length_px) <= 2
    planes = [luminance(view) for view in smeared(8.0, 1.0)]
    clipped = np.zeros(planes[0].shape, dtype=bool)
    assert len(measure_blur(*planes, clipped, SHARE).length_px) == 0
    tiny = [plane[:40, :40] for plane in planes]
    assert len(measure_blur(*tiny, np.ones((40, 40), dtype=bool), SHARE).length_px) == 0


def test_halving_is_a_mean():
    plane = np.arange(35, dtype=np.float32).reshape(5, 7)
    assert halved(plane)[1, 2] == plane[2:4, 4:6].mean()


@pytest.mark.rig
@pytest.mark.parametrize(("setting", "blurry_us"), [("2ms16ms", 16_000), ("3ms24ms", 24_000)])
def test_against_the_true_way_of_the_virtual_rig(setting, blurry_us):
    """The way's extent: √12 of its standard deviation along its main axis, exact if straight."""
    made = without_motion(world())
    renderer = Renderer(made, threads=1)
    for shot in take(made, setting).scene:
        planes = PairPlanes(shot.pair)
        found = measure_blur(planes.blurry, planes.sharp, planes.clear, SHARE)
        extent_px, angle_rad = way(renderer, shot.number, blurry_us)
        assert np.median(found.length_px) == pytest.approx(extent_px, rel=0.12, abs=0.4)
        if extent_px > 5:
            turn = np.angle(np.exp(2j * (np.median(found.angle_rad) - angle_rad))) / 2
            assert abs(turn) < 0.25


def way(renderer, number, blurry_us):
    centre_ns = int((number + 0.5) * 1e9 / RATE_HZ)
    begin_ns, end_ns = centre_ns - blurry_us * 500, centre_ns + blurry_us * 500
    camera = camera_at(renderer.world, 1, begin_ns)
    ray = camera.rays(np.array([[159.5, 119.5]]))
    layer = renderer.scene.layers[0]
    times = np.linspace(begin_ns, end_ns, 65).astype(np.int64)
    poses = [
        layer.from_ray(renderer.scene.rig.pose(int(t)), camera.pupil_mm, int(t)) for t in times
    ]
    hits = np.array([apply(np.linalg.solve(pose, poses[0]), ray)[0] for pose in poses])
    values, vectors = np.linalg.eigh(np.cov(hits.T * camera.focal_px, bias=True))
    return math.sqrt(12 * values[1]), math.atan2(vectors[1, 1], vectors[0, 1]) % math.pi
