"""The saddle's fit against pictures whose corner is known by construction."""

import numpy as np
import pytest
from scipy.special import erf

from calibration.target.picture import BoardPicture
from calibration.target.saddle import fit_saddles, samples_left

pytestmark = pytest.mark.unit

SIDE = 61


def axes(turn_rad, skew_rad=0.0, side=48.0):
    across = np.array([np.cos(turn_rad), np.sin(turn_rad)])
    down = np.array([-np.sin(turn_rad + skew_rad), np.cos(turn_rad + skew_rad)])
    return side * np.stack([across, down], axis=1)[None]


def exact(corner, turn_rad, sigma_px=0.5, light=2000.0, dark=100.0, slope=0.0, skew_rad=0.0):
    """A crossing of two blurred edges, its mean over each pixel by 12 × 12 points, (61, 61)."""
    nodes, weights = np.polynomial.legendre.leggauss(12)
    total = np.zeros((SIDE, SIDE))
    for dx, wx in zip(nodes / 2, weights / 2, strict=True):
        for dy, wy in zip(nodes / 2, weights / 2, strict=True):
            x, y = np.meshgrid(np.arange(SIDE) + dx - corner[0], np.arange(SIDE) + dy - corner[1])
            first = erf((y * np.cos(turn_rad) - x * np.sin(turn_rad)) / (np.sqrt(2) * sigma_px))
            angle = turn_rad + skew_rad
            second = erf((x * np.cos(angle) + y * np.sin(angle)) / (np.sqrt(2) * sigma_px))
            total += wx * wy * first * second
    light_in = (light + dark) / 2 + (light - dark) / 2 * total
    return (light_in * (1 + slope * np.arange(SIDE))).astype(np.float32)


@pytest.mark.parametrize("turn_rad", [0.0, 0.3, 0.785])
@pytest.mark.parametrize("channel", ["G", "R", "B"])
def test_every_colour_of_a_mosaic_gives_the_corner(turn_rad, channel):
    generator = np.random.default_rng(3)
    for _ in range(4):
        corner = 30.0 + generator.uniform(-0.5, 0.5, 2)
        mosaic = BoardPicture(exact(corner, turn_rad), "GRBG", np.zeros((SIDE, SIDE), bool))
        start = (corner + generator.uniform(-0.7, 0.7, 2))[None]
        found = fit_saddles(*mosaic.plane(channel), start, axes(turn_rad), 0.125)
        assert found.good.all()
        assert np.abs(found.corners[0] - corner).max() < 0.002
        assert found.edge_width_px[0] == pytest.approx(2.563 * np.hypot(0.5, 12**-0.5), rel=0.02)


def test_a_keystone_a_shade_and_a_clear_outlier_do_not_move_it():
    corner = np.array([30.27, 29.61])
    plane = exact(corner, 0.2, sigma_px=0.8, slope=0.004, skew_rad=0.25)
    usable = np.ones(plane.shape, dtype=bool)
    start = corner[None] + 0.6
    found = fit_saddles(plane, usable, start, axes(0.2, 0.25))
    assert np.abs(found.corners[0] - corner).max() < 0.003
    plane[31, 33] += 3000.0  # a hot pixel
    again = fit_saddles(plane, usable, start, axes(0.2, 0.25))
    assert np.abs(again.corners[0] - corner).max() < 0.005


def test_its_standard_error_is_the_spread_over_noise():
    corner = np.array([30.1, 30.4])
    plane = exact(corner, 0.4)
    generator = np.random.default_rng(11)
    noisy = [plane + generator.normal(0, 20.0, plane.shape).astype(np.float32) for _ in range(60)]
    usable = np.ones(plane.shape, dtype=bool)
    found = [fit_saddles(each, usable, corner[None], axes(0.4)) for each in noisy]
    errors = np.array([each.corners[0] - corner for each in found])
    said = np.median([each.sigma_px[0] for each in found])
    assert np.std(errors) == pytest.approx(said, rel=0.3)
    assert np.abs(errors.mean(axis=0)).max() < 4 * said / np.sqrt(60)


def test_what_is_no_corner_is_told():
    generator = np.random.default_rng(5)
    noise = generator.normal(500, 50, (SIDE, SIDE)).astype(np.float32)
    edge = np.repeat(np.where(np.arange(SIDE) < 30, 100, 2000)[None], SIDE, 0).astype(np.float32)
    usable = np.ones((SIDE, SIDE), dtype=bool)
    for plane in (noise, edge, np.zeros_like(noise)):
        assert not fit_saddles(plane, usable, np.array([[30.0, 30.0]]), axes(0.0)).good.any()


def test_markers_and_clipped_samples_are_left_out():
    corner = np.array([30.2, 30.3])
    plane = exact(corner, 0.0)
    y, x = np.mgrid[0:SIDE, 0:SIDE] - 30.0
    marker = (np.minimum(np.abs(x), np.abs(y)) > 6.5) & (np.sign(x) == np.sign(y))
    plane[marker] = 100.0
    usable = np.ones(plane.shape, dtype=bool)
    found = fit_saddles(plane, usable, corner[None], axes(0.0), 0.125)
    assert np.abs(found.corners[0] - corner).max() < 0.002
    usable[30, 35] = False
    share = samples_left(usable, corner[None], axes(0.0), 0.125)
    assert 0.98 < share[0] < 1.0
