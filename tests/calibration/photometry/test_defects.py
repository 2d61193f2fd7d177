"""Defects against those that were put there."""

import numpy as np
import pytest

from acquisition.picture.view import unflip
from calibration.photometry.defects import find_defects, mended
from tests.calibration.photometry.bench import Bench, bench, world

pytestmark = pytest.mark.unit


@pytest.mark.parametrize("camera", [1, 2])
@pytest.mark.parametrize("bits", [8, 12])
def test_every_hot_pixel_and_no_other(camera: int, bits: int) -> None:
    made = bench("sensor_1.hot_share=0.001", "sensor_2.hot_share=0.001", bits=bits)
    exposure_us = 16000.0 if camera == 1 else 2000.0
    found = find_defects(made.clip(camera, exposure_us, 16))
    hot = unflip(made.sensors[camera].pattern.dark_e_s > 1000, made.form(camera))
    np.testing.assert_array_equal(found.mask, hot)
    assert found.counts.hot == hot.sum() > 50
    assert found.counts.dead == 0


def test_dead_pixels_in_a_flat() -> None:
    made = Bench(world())
    dead = [(10, 20), (101, 200), (0, 0), (239, 319)]
    for place in dead:
        made.sensors[1].pattern.response[place] = 0.4
    flat = made.clip(1, 16000.0, 8, light=made.light(1))
    found = find_defects(made.clip(1, 16000.0, 8), flat)
    assert found.counts.dead == len(dead)
    assert all(found.mask[place] for place in dead)
    repaired = mended(flat.mean, found.mask)
    around = np.median(flat.mean[100:110:1, 196:206])
    assert repaired[101, 200] == pytest.approx(around, rel=0.03)
    assert flat.mean[101, 200] < 0.5 * around


def test_a_flat_without_light_tells_no_dead_pixels() -> None:
    made = bench()
    dark = made.clip(2, 16000.0, 4)
    assert find_defects(dark, made.clip(2, 15000.0, 4, name="flat")).counts.dead == 0


def test_dust_is_no_defect() -> None:
    made = bench("optics.splitter.dust_spots=20")
    flat = made.clip(1, 16000.0, 8, light=made.light(1))
    assert find_defects(made.clip(1, 16000.0, 8), flat).counts.dead == 0
