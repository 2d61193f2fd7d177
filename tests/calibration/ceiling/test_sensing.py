"""What C2's camera makes of known light."""

import numpy as np
import pytest

from calibration.ceiling.sensing import Sensing
from calibration.photometry.noise import NoiseModel

pytestmark = pytest.mark.unit

EVEN = np.ones((64, 64), np.float32)


def _rng() -> np.random.Generator:
    return np.random.default_rng(1)


def test_a_mosaic_keeps_the_colour_of_each_filter():
    light = np.ones((8, 8, 3), np.float32) * np.array([10.0, 20.0, 30.0], np.float32)
    sensing = Sensing("GBRG", False, 4000.0, None)
    cell = sensing.samples(light, EVEN[:8, :8], None, _rng())[:2, :2]
    np.testing.assert_array_equal(cell, [[20, 30], [10, 20]])
    np.testing.assert_allclose(sensing.colours(sensing.samples(light, EVEN[:8, :8], None, _rng())),
                               light, atol=1e-5)  # fmt: skip


def test_mono_samples_are_one_plane_and_their_noise_is_common_to_the_colours():
    light = np.full((64, 64, 1), 900.0, np.float32)
    noise = NoiseModel(gain_dn_per_e=0.4, gain_sigma=0.01, dark_noise_dn=1.0, is_bound=False,
                       levels=8, deviation_percent=1.0)  # fmt: skip
    sensing = Sensing(None, True, 4000.0, None)
    samples = sensing.samples(light, EVEN, noise, _rng())
    assert samples.shape == (64, 64)
    assert samples.var() == pytest.approx(1.0 + 0.4 * 900 + 1 / 12, rel=0.05)
    colours = sensing.colours(samples)
    np.testing.assert_array_equal(colours[..., 0], colours[..., 2])
    assert not sensing.makes_colours


def test_samples_end_where_they_clip():
    light = np.full((64, 64, 3), 5000.0, np.float32)
    assert Sensing("RGGB", False, 3990.0, None).samples(light, EVEN, None, _rng()).max() == 3990


def test_encoded_light_comes_back_as_the_nearest_code():
    curve = np.repeat((65535 * np.linspace(0, 1, 256) ** 2.2)[:, None], 3, axis=1) - 100
    curve = curve.astype(np.float32)
    light = np.random.default_rng(2).uniform(0, 60000, (64, 64, 3)).astype(np.float32)
    sensing = Sensing(None, False, 65000.0, curve)
    found = sensing.samples(light, EVEN, None, _rng())
    nearest = np.abs(curve[:, 0][:, None] - light.ravel()).argmin(axis=0)
    np.testing.assert_array_equal(found.ravel(), curve[nearest, 0])
    assert sensing.makes_colours


def test_a_second_mosaic_changes_edges_of_colour_alone():
    sensing = Sensing("RGGB", False, 4000.0, None)
    grey = np.full((64, 64, 3), 500.0, np.float32)
    coloured = grey.copy()
    coloured[:, 32:, 0] = 50
    for picture, least, most in ((grey, 0.0, 1e-6), (coloured, 1.0, np.inf)):
        errors = [np.square(twice - once).mean() for once, twice in sensing.second_mosaics(picture)]
        assert all(least <= error <= most for error in errors)


def test_a_frame_without_a_mosaic_holds_the_noise_that_is_drawn_for_it():
    noise = NoiseModel(gain_dn_per_e=0.4, gain_sigma=0.01, dark_noise_dn=1.0, is_bound=False,
                       levels=8, deviation_percent=1.0)  # fmt: skip
    picture = np.full((96, 96, 3), 1000.0, np.float32)
    mono = Sensing(None, True, 4000.0, None)
    assert mono.second_mosaics(picture) == []
    drawn = mono.noise_in(picture, 2.0 * np.eye(3), noise, _rng())
    np.testing.assert_array_equal(drawn[..., 0], drawn[..., 1])
    assert drawn[..., 0].var() == pytest.approx(4.0 * (1.0 + 0.4 * 500), rel=0.05)
